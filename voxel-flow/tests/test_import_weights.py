"""The released checkpoint's contract, and a network written from it to compare with."""

import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vision_shared.checkpoints import read_checkpoint
from voxel_flow.import_weights import main
from voxel_flow.models import build_network

WIDTH = 8
CHANNELS = {  # inputs, outputs and kernel, in units of the first width; the released one is 64
    "conv1": (6 / WIDTH, 1, 5),
    "conv2": (1, 2, 5),
    "conv3": (2, 4, 3),
    "bottleneck": (4, 4, 3),
    "deconv1": (8, 4, 3),
    "deconv2": (6, 2, 5),
    "deconv3": (3, 1, 5),
}


class Released(nn.Module):
    """What the released weights were trained as, from its description: BGR, normalised flow."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        for name, (inputs, outputs, k) in CHANNELS.items():
            shape = (int(inputs * WIDTH), outputs * WIDTH, k)
            self.add_module(name, nn.Conv2d(*shape, padding=k // 2, bias=False))
            self.add_module(f"{name}_bn", nn.BatchNorm2d(outputs * WIDTH))
        self.conv4 = nn.Conv2d(WIDTH, 3, 5, padding=2)

    def layer(self, name: str, x: Tensor) -> Tensor:
        return self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x)).relu()

    def forward(self, pair: Tensor) -> Tensor:
        """(B, 6, H, W) BGR BGR in [-1, 1] -> (B, 3, H, W) BGR in [-1, 1]."""
        e1 = self.layer("conv1", pair)
        e2 = self.layer("conv2", F.max_pool2d(e1, 2))
        e3 = self.layer("conv3", F.max_pool2d(e2, 2))
        x = self.layer("bottleneck", F.max_pool2d(e3, 2))
        for name, skip in (("deconv1", e3), ("deconv2", e2), ("deconv3", e1)):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self.layer(name, torch.cat([x, skip], 1))
        out = self.conv4(x).tanh()
        flow, share = 0.5 * out[:, :2], 0.5 * (1 + out[:, 2:])
        back, ahead = (-1, 1) if self.kind == "inter" else (-2, -1)
        first, second = pair[:, :3], pair[:, 3:]
        return share * read(first, back * flow) + (1 - share) * read(second, ahead * flow)


def read(image: Tensor, shift: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    grid = torch.stack([x, y], -1) + shift.permute(0, 2, 3, 1)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=True)


@pytest.fixture
def released() -> dict[str, Released]:
    torch.manual_seed(0)
    networks = {kind: Released(kind).eval() for kind in ("inter", "extra")}
    for network in networks.values():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith(("running_mean", "bias")):
                tensor.normal_(std=0.2)
    return networks


class EasyDict(dict):
    """What the released training script keeps its settings in, as its package defines it."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        super().__setitem__(name, value)


@pytest.fixture(autouse=True)
def _easydict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `EasyDict` be pickled as of its package, which need not be installed to read it."""
    package = ModuleType("easydict")
    package.EasyDict = EasyDict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "easydict", package)
    monkeypatch.setattr(EasyDict, "__module__", "easydict")


def save(network: Released, path: Path, prefix: str = "", *, is_zip: bool = True) -> Path:
    """Write what the released training script writes."""
    model = EasyDict(name="VoxelFlow", bn_param=EasyDict(momentum=0.9997))
    model.syn_type = network.kind
    content = {
        "epoch": 7,
        "arch": {"model": model, "device": [0, 1], "train": EasyDict(crop_size=[256, 256])},
        "state_dict": {prefix + name: value for name, value in network.state_dict().items()},
        "grad_dict": {"state": {2**40: {"step": 3}}, "param_groups": [{"lr": 1e-4}]},
        "best_PSNR": np.float64(30.25),
    }
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


@pytest.mark.parametrize(("prefix", "is_zip"), [("", True), ("module.", False)])
@pytest.mark.parametrize(("kind", "time"), [("inter", 0.5), ("extra", 2.0)])
@pytest.mark.parametrize(("height", "width"), [(256, 256), (192, 320)])
def test_imported_network_equals_the_released_one(
    released: dict[str, Released],
    tmp_path: Path,
    kind: str,
    time: float,
    height: int,
    width: int,
    prefix: str,
    is_zip: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = save(released[kind], tmp_path / "released.pth.tar", prefix, is_zip=is_zip)
    monkeypatch.delitem(sys.modules, "easydict")
    assert main([str(source), "-o", str(tmp_path / "ours.ckpt")]) == 0
    checkpoint = read_checkpoint(tmp_path / "ours.ckpt", task="voxel-flow")
    network = build_network(**checkpoint.hyper_parameters["network"]).eval()
    network.load_state_dict(checkpoint.weights())
    frames = torch.rand(1, 2, 3, height, width, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs = released[kind](frames.flip(2).flatten(1, 2) * 2 - 1)  # BGR
        ours = network(frames, torch.tensor([time]))
    assert ours.flow.abs().max() > 1  # the comparison is about moving pixels
    torch.testing.assert_close(ours.image, (theirs.flip(1) + 1) / 2, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "content", [{}, {"state_dict": {}, "arch": {"model": {"syn_type": "inter"}}}]
)
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, content: dict, capsys: pytest.CaptureFixture
) -> None:
    torch.save(content, tmp_path / "other.pth")
    assert main([str(tmp_path / "other.pth")]) == 2
    error = capsys.readouterr().err
    assert "other.pth: not a released voxel-flow checkpoint" in error
    assert error.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["other.pth"]


def test_unknown_kind_of_synthesis_is_refused(
    released: dict[str, Released], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    network = released["inter"]
    network.kind = "sideways"
    assert main([str(save(network, tmp_path / "released.pth"))]) == 2
    assert "expected syn_type inter or extra, got 'sideways'" in capsys.readouterr().err


def test_wrong_shapes_are_named(
    released: dict[str, Released], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    network = released["inter"]
    network.conv1 = nn.Conv2d(3, WIDTH, 5, bias=False)
    assert main([str(save(network, tmp_path / "released.pth"))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("expected conv1.weight of shape (8, 6, 5, 5), got (8, 3, 5, 5)")


class Call:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("key", ["best_PSNR", "arch"])
def test_nothing_is_executed_and_pytorch_gives_no_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture, key: str, is_zip: bool
) -> None:
    content = {key: Call(os.mkdir, str(tmp_path / "made"))}
    path = tmp_path / "released.pth"
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    assert main([str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "never loaded" in line and "weights_only" not in line and "\x1b" not in line
    assert list(tmp_path.iterdir()) == [path]


def test_tensor_that_repeats_what_it_holds_is_refused(
    released: dict[str, Released], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    network = released["inter"]
    network.conv4.weight.data = torch.ones(1).expand(3, 10**12, 5, 5)
    assert main([str(save(network, tmp_path / "released.pth"))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected conv4.weight to be a dense tensor" in line
