"""All networks of the method in one: its parts, and which of them trains."""

import pytest

from face_attributes.models import LNetsANet, build_network

LITE = {"name": "lite", "channels": [4, 4, 4, 4, 4]}


def build(**changes: object) -> LNetsANet:
    settings = {"lnet_o": LITE, "lnet_s": LITE, "anet": {}, **changes}
    net = build_network("lnets_anet", 3, **settings)
    assert isinstance(net, LNetsANet)
    return net


@pytest.mark.parametrize("part", ["lnet_o", "lnet_s", "anet"])
def test_one_part_trains_while_the_others_rest(part: str) -> None:
    net = build()
    assert net.begin(part) is getattr(net, part)
    for name, parameter in net.named_parameters():
        assert parameter.requires_grad == name.startswith(part)
    for name, module in net.named_modules():
        assert module.training == name.startswith(part)


def test_identities_are_the_business_of_anet() -> None:
    net = build(num_identities=9)
    assert net.anet.identities.out_features == 9
    assert net.lnet_o.head.out_features == net.anet.head.out_features == 3


def test_lnet_s_may_be_missing_but_cannot_train_then() -> None:
    net = build(lnet_s=None)
    assert net.lnet_s is None
    with pytest.raises(ValueError, match="expected a part among lnet_o, lnet_s, anet that is"):
        net.begin("lnet_s")
    with pytest.raises(ValueError, match="expected a part among"):
        net.begin("threshold")
