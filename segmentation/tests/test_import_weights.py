"""torchvision's segmentation networks, with random weights of their shapes, as ours."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import segmentation as torchvision

from segmentation.import_weights import import_weights, main
from segmentation.models import build_network
from segmentation.segmenter import Segmenter

Build = Callable[..., nn.Module]
NETWORKS: list[Build] = [torchvision.fcn_resnet50, torchvision.deeplabv3_resnet50]


def made_up(build: Build, num_classes: int = 21) -> nn.Module:
    """Return a network with random weights and statistics that change what passes."""
    torch.manual_seed(0)
    network = build(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=True)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return network.eval()


def normalised(image: Tensor) -> Tensor:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return (image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


@pytest.mark.parametrize("build", NETWORKS)
def test_scores_are_those_of_torchvision(tmp_path: Path, build: Build) -> None:
    theirs = made_up(build)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    settings, weights = import_weights(tmp_path / "theirs.pth")
    ours = build_network(num_classes=21, **settings).eval()
    ours.load_state_dict(weights)
    image = torch.rand(1, 3, 71, 90)
    with torch.no_grad():
        expected = theirs(normalised(image))["out"]
        torch.testing.assert_close(ours(image).logits, expected, rtol=1e-3, atol=1e-4)


def test_the_command_writes_what_predict_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    torch.save(made_up(torchvision.fcn_resnet50).state_dict(), tmp_path / "theirs.pth")
    assert main([str(tmp_path / "theirs.pth")]) == 0
    assert "fcn on resnet50, 21 classes" in capsys.readouterr().out
    segmenter = Segmenter.from_checkpoint(tmp_path / "theirs.ckpt", device="cpu")
    assert segmenter.classes.names[15] == "person"
    assert segmenter((torch.rand(40, 50, 3) * 255).byte().numpy()).labels.shape == (40, 50)


def test_other_networks_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    state = made_up(torchvision.fcn_resnet50).state_dict()
    files = {
        "classes": made_up(torchvision.fcn_resnet50, 19).state_dict(),
        "lacking": {k: v for k, v in state.items() if k != "backbone.layer4.2.bn3.bias"},
        "shape": {**state, "backbone.conv1.weight": torch.rand(64, 3, 3, 3)},
        "more": {**state, "backbone.layer9.weight": torch.rand(2)},
        "other": {"conv.weight": torch.rand(2)},
        "list": [torch.rand(2)],
    }
    for name, content in files.items():
        torch.save(content, tmp_path / f"{name}.pth")
        assert main([str(tmp_path / f"{name}.pth")]) == 2
        assert not (tmp_path / f"{name}.ckpt").exists()
    lines = capsys.readouterr().err.splitlines()
    expected = ["21 classes", "is missing", "of shape", "another network", "FCN or", "state dict"]
    assert len(lines) == len(files)
    assert all(part in line for part, line in zip(expected, lines, strict=True))
