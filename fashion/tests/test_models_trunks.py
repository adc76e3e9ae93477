"""Trunks: sizes, published counts, weights that are loaded, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from fashion.models import build_network, build_trunk
from fashion.models.trunk import Trunk, start_fc

# The places of the convolutions in torchvision's VGG-16, and their channels by the first's.
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
CHANNELS = (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)


def torchvision_state(width: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    state, inputs = {}, 3
    for place, factor in zip(PLACES, CHANNELS, strict=True):
        state[f"features.{place}.weight"] = torch.randn(factor * width, inputs, 3, 3)
        state[f"features.{place}.bias"] = torch.randn(factor * width)
        inputs = factor * width
    return state


def num_weights(trunk: Trunk) -> int:
    parts = (trunk.shared, *trunk.branches)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "small"},
        {"name": "vgg16", "width": 2},
        {"name": "timm", "model": "resnet10t"},
        {"name": "timm", "model": "mobilenetv3_small_050", "stride": 4},
        {"name": "timm", "model": "convnext_atto", "stride": 16},
        {"name": "timm", "model": "test_efficientnet"},
        {"name": "timm", "model": "mobilenetv2_050"},
    ],
)
def test_trunks_give_the_maps_that_they_say(settings: dict[str, Any]) -> None:
    trunk = build_trunk(2, **settings)
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        shared = trunk.shared.eval()(image)
        assert shared.shape == (2, trunk.channels, 64 // trunk.stride, 96 // trunk.stride)
        for branch in trunk.branches:
            stride = trunk.branch_stride
            expected = (2, trunk.branch_channels, 64 // stride, 96 // stride)
            assert branch.eval()(shared).shape == expected


def test_branches_share_no_weights() -> None:
    for settings in ({"name": "small"}, {"name": "timm", "model": "resnet10t"}):
        one, other = build_trunk(2, **settings).branches
        assert not set(one.parameters()) & set(other.parameters())


def test_small_trunk_is_small() -> None:
    assert num_weights(build_trunk(2, name="small")) < 500_000


def test_vgg_has_the_convolutions_of_vgg16() -> None:
    with torch.device("meta"):
        trunk = build_trunk(1, name="vgg16")
    assert num_weights(trunk) == 14_714_688


def test_vgg_with_torchvisions_weights_is_torchvisions_network(tmp_path: Path) -> None:
    state = torchvision_state(width=1)
    torch.save(state, tmp_path / "vgg16.pth")
    trunk = build_trunk(2, name="vgg16", width=1, weights=str(tmp_path / "vgg16.pth"))
    image = torch.rand(1, 3, 32, 32)
    x = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    for place in PLACES:
        if place in (5, 10, 17, 24):
            x = nn.functional.max_pool2d(x, 2)
        weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
        x = nn.functional.conv2d(x, weight, bias, padding=1).relu()
    for branch in trunk.branches:
        torch.testing.assert_close(branch(trunk.shared(image)), x, rtol=1e-4, atol=1e-3)


def test_full_connections_are_torchvisions_too(tmp_path: Path) -> None:
    """fc6 and fc7 with their ReLUs, of a VGG-16 whose layers are 64 and 256 times as narrow."""
    state = torchvision_state(width=1)
    for place, inputs in ((0, 8 * 49), (3, 16)):
        state[f"classifier.{place}.weight"] = torch.randn(16, inputs) / inputs**0.5
        state[f"classifier.{place}.bias"] = torch.randn(16)
    torch.save(state, tmp_path / "vgg16.pth")
    trunk = {"name": "vgg16", "width": 1, "weights": str(tmp_path / "vgg16.pth")}
    widths = dict.fromkeys(("global_width", "fusion_width"), 16)
    network: Any = build_network("fashionnet", 2, 2, trunk, local_width=4, pose_width=4, **widths)
    cascade: Any = build_network("dfa", 0, 0, trunk, width=16, previous_width=4)
    image = torch.rand(1, 3, 224, 224)
    built = build_trunk(1, **trunk)
    x = nn.functional.max_pool2d(built.branches[0](built.shared(image)), 2).flatten(1)
    fc6 = (x @ state["classifier.0.weight"].T + state["classifier.0.bias"]).relu()
    fc7 = (fc6 @ state["classifier.3.weight"].T + state["classifier.3.bias"]).relu()
    whole = network.eval().whole(network.shared(image))
    torch.testing.assert_close(whole, fc6, rtol=1e-4, atol=1e-4)
    fused = network.fusion(torch.cat([whole, torch.zeros(1, 4)], 1))
    torch.testing.assert_close(fused, fc7, rtol=1e-4, atol=1e-4)
    stage = cascade.eval().stages[1][0]
    seen = stage.fc6(stage.features(image))
    torch.testing.assert_close(stage.fc7(torch.cat([seen, torch.zeros(1, 4)], 1)), fc7)


def test_full_connections_of_other_sizes_stay() -> None:
    weights = [(torch.ones(4, 6), torch.ones(4)), (torch.ones(3, 4), torch.ones(3))]
    for layers in ([nn.Linear(7, 4), nn.Linear(5, 3)], [nn.Linear(6, 5), nn.Linear(5, 3)]):
        start_fc(layers, weights)
        assert not any((layer.bias == 1).any() for layer in layers)
    layers = [nn.Linear(6, 4), nn.Linear(5, 3)]
    start_fc(layers, weights)
    assert (layers[0].weight == 1).all() and (layers[1].weight[:, :4] == 1).all()
    assert not (layers[1].weight[:, 4] == 1).any()


@pytest.mark.parametrize("width", [1, 2])
def test_other_weights_are_refused(tmp_path: Path, width: int) -> None:
    state = torchvision_state(width=1)
    if width == 1:
        del state["features.28.bias"]
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth: expected torchvision's state dict of VGG-16"):
        build_trunk(1, name="vgg16", width=width, weights=str(tmp_path / "other.pth"))


def test_timm_in_two_parts_is_timms_network() -> None:
    torch.manual_seed(0)
    trunk = build_trunk(1, name="timm", model="resnet10t")
    network: Any = timm.create_model("resnet10t").eval()
    weights = [*trunk.shared.state_dict().values(), *trunk.branches[0].state_dict().values()]
    own = dict(zip(network.state_dict(), weights, strict=False))
    network.load_state_dict({**network.state_dict(), **own})
    trunk.shared.eval(), trunk.branches[0].eval()
    image = torch.rand(1, 3, 64, 64)
    normalised = trunk.shared[0](image)  # type: ignore[index]
    with torch.no_grad():
        features = trunk.branches[0](trunk.shared(image))
        torch.testing.assert_close(features, network.forward_features(normalised))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "vgg19"}, "expected a trunk among small, timm, vgg16, got 'vgg19'"),
        ({"name": "timm", "model": "resnet0"}, "expected a model that timm has"),
        ({"name": "timm", "model": "resnet10t", "stride": 32}, r"stride of resnet10t among \[2, 4"),
        ({"name": "timm", "model": "vit_tiny_patch16_224"}, "whose layers follow one another"),
        ({"name": "timm", "model": "hrnet_w18_small"}, "whose layers follow one another"),
    ],
)
def test_what_there_is_not_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_trunk(1, **settings)
