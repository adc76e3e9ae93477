from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from segmentation.models.vgg import ContextLayer, Vgg16

CONTEXTS = pytest.mark.parametrize("context", ["large_fov", "paper"])
# The places of the convolutions in torchvision's model, and their channels by the first's.
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
CHANNELS = (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)


def torchvision_state(width: int) -> dict[str, Tensor]:
    """Return a state dict with torchvision's names and shapes, at another width."""
    torch.manual_seed(0)
    state, inputs = {}, 3
    for place, factor in zip(PLACES, CHANNELS, strict=True):
        state[f"features.{place}.weight"] = torch.randn(factor * width, inputs, 3, 3)
        state[f"features.{place}.bias"] = torch.randn(factor * width)
        inputs = factor * width
    for place, inputs in ((0, 8 * width * 49), (3, 64 * width)):
        state[f"classifier.{place}.weight"] = torch.randn(64 * width, inputs)
        state[f"classifier.{place}.bias"] = torch.randn(64 * width)
    return state | {"classifier.6.weight": torch.randn(1000, 64 * width)}


@CONTEXTS
@pytest.mark.parametrize(("height", "width"), [(64, 96), (33, 50), (8, 8)])
def test_features_are_an_eighth_of_any_size(context: ContextLayer, height: int, width: int) -> None:
    trunk = Vgg16(context, width=2).eval()
    features = trunk(torch.rand(2, 3, height, width))
    assert features.shape == (2, trunk.channels[0], -(-height // 8), -(-width // 8))


@pytest.mark.parametrize(("context", "millions"), [("large_fov", 20.5), ("paper", 134.3)])
def test_full_size_has_the_weights_of_vgg16(context: ContextLayer, millions: float) -> None:
    with torch.device("meta"):
        trunk = Vgg16(context)
    weights = sum(parameter.numel() for parameter in trunk.parameters())
    assert weights / 1e6 == pytest.approx(millions, abs=0.05)


@CONTEXTS
def test_a_pixel_sees_as_far_as_the_papers_layers(context: ContextLayer) -> None:
    trunk = Vgg16(context, width=1).eval()
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):  # no unit is cut off by a ReLU
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    image = torch.ones(1, 3, 8, 640, requires_grad=True)
    trunk.fc6(trunk.features(image))[0, 0, 0, 40].backward()
    assert image.grad is not None
    columns = image.grad[0, 0].abs().sum(0).nonzero()[:, 0]
    # of 8 pixels each: 3 convolutions of radius 1, 3 of 2, one of 12; those before add less than 44
    reach = int(columns.max() - columns.min()) + 1
    assert 2 * 8 * (3 + 6 + 12) < reach <= 2 * 8 * (3 + 6 + 12) + 44


def test_weights_of_torchvision_are_the_papers_network(tmp_path: Path) -> None:
    """On an image whose fc6 sees one 7x7 map without dilation: VGG-16's own numbers."""
    state = torchvision_state(width=1)
    torch.save(state, tmp_path / "vgg16.pth")
    trunk = Vgg16("paper", width=1, weights=str(tmp_path / "vgg16.pth"))
    first = trunk.features[0]
    assert isinstance(first, nn.Conv2d)
    torch.testing.assert_close(first.weight.data, state["features.0.weight"])
    x = torch.randn(1, 8, 25, 25)
    flat = x[:, :, ::4, ::4].flatten(1)  # what fc6 reads with dilation 4
    expected = nn.functional.linear(flat, state["classifier.0.weight"], state["classifier.0.bias"])
    torch.testing.assert_close(trunk.fc6(x)[..., 12, 12], expected, rtol=1e-4, atol=1e-3)
    expected = nn.functional.linear(
        expected, state["classifier.3.weight"], state["classifier.3.bias"]
    )
    torch.testing.assert_close(trunk.fc7(trunk.fc6(x))[..., 12, 12], expected, rtol=1e-4, atol=1e-2)


def test_large_fov_takes_every_fourth_channel_and_third_tap(tmp_path: Path) -> None:
    state = torchvision_state(width=1)
    torch.save(state, tmp_path / "vgg16.pth")
    trunk = Vgg16("large_fov", width=1, weights=str(tmp_path / "vgg16.pth"))
    wide = state["classifier.0.weight"].view(64, 8, 7, 7)
    torch.testing.assert_close(trunk.fc6.weight.data[5, :, 1, 2], wide[20, :, 3, 6])
    torch.testing.assert_close(
        trunk.fc7.weight.data[3, 2, 0, 0], state["classifier.3.weight"][12, 8]
    )


@pytest.mark.parametrize("missing", ["features.28.weight", "classifier.3.bias"])
def test_other_weights_are_refused(tmp_path: Path, missing: str) -> None:
    path, state = tmp_path / "other.pth", torchvision_state(width=1)
    torch.save({key: x for key, x in state.items() if key != missing}, path)
    message = r"other.pth: expected torchvision's state dict of VGG-16"
    with pytest.raises(ValueError, match=message):
        Vgg16(width=1, weights=str(path))
    torch.save(state, path)
    with pytest.raises(ValueError, match=message):
        Vgg16(width=2, weights=str(path))
    path.write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"other.pth: cannot be read as a checkpoint"):
        Vgg16(width=1, weights=str(path))


def test_another_context_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the context large_fov or paper, got 'wide'"):
        Vgg16("wide")  # type: ignore
