"""Recognition on frozen features: what trains and what stays, and its answer."""

from typing import Any

import pytest
import torch

from fashion.models import build_detector, build_network, build_trunk
from fashion.models.frozen_net import MIDDLE, FrozenFashionNet, centres
from vision_shared.inputs import InputError

MODEL = {"model": "tf_efficientnet_lite0", "pretrained": False}
SMALL = {"width": 16, "hidden": 8, "appearance": 12, "learned": 4}


@pytest.fixture(scope="module")
def network() -> FrozenFashionNet:
    torch.manual_seed(0)
    network = build_network("frozen", 5, 7, MODEL, **SMALL)
    assert isinstance(network, FrozenFashionNet)
    return network


def test_answer_has_the_shapes_of_a_recognition(network: FrozenFashionNet) -> None:
    answer = network.eval()(torch.rand(2, 3, 64, 64))
    assert answer.landmarks.shape == (2, 8, 2) and answer.state_logits.shape == (2, 8, 3)
    assert answer.category_logits.shape == (2, 5) and answer.attribute_logits.shape == (2, 7)
    middle = network.features.channels[MIDDLE]
    assert answer.embedding.shape == (2, middle + 16) == (2, network.embedding.out_features)
    for part in answer.embedding.split([middle, 12, 4], 1):
        torch.testing.assert_close(part.norm(dim=1) ** 2, torch.full((2,), 1 / 3))


def test_features_stay_as_they_are_and_heads_learn(network: FrozenFashionNet) -> None:
    before = {name: value.clone() for name, value in network.features.state_dict().items()}
    network.train()
    answer = network(torch.rand(4, 3, 64, 64))
    torch.stack([value.square().sum() for value in answer]).sum().backward()
    assert not network.features.network.training
    assert all(p.grad is None for p in network.features.parameters())
    assert network.embedding.appearance.weight.grad is None
    heads = [p for p in network.parameters() if p.requires_grad]
    assert heads and all(p.grad is not None and p.grad.isfinite().all() for p in heads)
    for name, value in network.features.state_dict().items():
        assert torch.equal(value, before[name])


def test_centre_of_a_peak_is_that_of_its_cell() -> None:
    heat = torch.zeros(1, 2, 4, 8)
    heat[0, 0, 1, 6], heat[0, 1, 3, 0] = 99, 99
    torch.testing.assert_close(
        centres(heat), torch.tensor([[[6.5 / 8, 1.5 / 4], [0.5 / 8, 3.5 / 4]]])
    )


def test_unknown_model_and_step_are_refused(network: FrozenFashionNet) -> None:
    with pytest.raises(ValueError, match="model that timm has"):
        build_network("frozen", 5, 7, {"model": "efficientnet_of_nobody", "pretrained": False})
    with pytest.raises(ValueError, match="phase among recognition"):
        network.begin("pose")


def test_frozen_trunk_ends_where_it_is_told_and_keeps_its_statistics() -> None:
    trunk: dict[str, Any] = {"name": "timm", "model": "tf_efficientnet_lite0", "last": 16}
    built = build_trunk(1, **trunk, frozen=True)
    assert (built.channels, built.stride, built.branch_channels, built.branch_stride) == (
        40,
        8,
        112,
        16,
    )
    assert not any(p.requires_grad for p in built.shared.parameters())
    assert all(p.requires_grad for p in built.branches[0].parameters())
    detector = build_detector({**trunk, "frozen": True}, size=64, width=32).train()
    before = {name: value.clone() for name, value in detector.fcos.backbone.named_buffers()}
    detector.loss(
        torch.rand(2, 3, 64, 64),
        [torch.tensor([[9.0, 9, 40, 40]])] * 2,
        [torch.zeros(1).long()] * 2,
    )
    assert before and all(
        torch.equal(value, before[name]) for name, value in detector.fcos.backbone.named_buffers()
    )
    assert sum(p.numel() for p in detector.trunk_parameters()) > 500_000
    with pytest.raises(ValueError, match="last stride of tf_efficientnet_lite0 above 8, got 4"):
        build_trunk(1, "timm", model="tf_efficientnet_lite0", last=4)


def test_another_trunk_is_one_line() -> None:
    with pytest.raises(InputError, match=r"trunk of timm, got 'small': trunk=imagenet"):
        build_network("frozen", 2, 3, trunk={"name": "small"})
