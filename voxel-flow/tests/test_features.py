"""Features for another task: frozen or fine-tunable, and probed on action clips."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from vision_shared.checkpoints import read_checkpoint
from voxel_flow import features
from voxel_flow.backbone import Backbone, linear_probe, read_pairs
from voxel_flow.models import build_network

NETWORKS: list[dict[str, Any]] = [
    {"name": "compact", "width": 4},
    {"name": "paper", "width": 4},
]


def write_action(path: Path, step: tuple[int, int], seed: int) -> None:
    """A texture that moves by ``step`` pixels a frame: the class shows in the motion alone."""
    rng = np.random.default_rng(seed)
    texture = np.kron(rng.integers(0, 255, (40, 40, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for i in range(6):
            shifted = np.roll(texture, (i * step[1], i * step[0]), (0, 1))[:48, :64]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shifted), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())


@pytest.fixture
def actions(tmp_path: Path) -> Path:
    for name, step in (("still", (0, 0)), ("walk", (3, 0)), ("jump", (0, 5))):
        for i in range(6):
            write_action(tmp_path / "actions" / name / f"{i}.mkv", step, seed=i)
    return tmp_path / "actions"


@pytest.mark.parametrize("settings", NETWORKS)
def test_frozen_backbone_takes_no_gradient_and_keeps_its_statistics(settings: dict) -> None:
    backbone = Backbone(build_network(**settings)).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    maps = backbone(torch.rand(2, 2, 3, 48, 64))
    assert not any(m.requires_grad for m in maps)
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize("settings", NETWORKS)
def test_backbone_can_be_fine_tuned(settings: dict) -> None:
    network = build_network(**settings)
    backbone = Backbone(network, frozen=False)
    maps = backbone(torch.rand(2, 2, 3, 48, 64))
    assert [m.shape[0] for m in maps] == [2] * len(maps)
    sum(m.square().mean() for m in maps).backward()  # type: ignore[union-attr]
    first = next(iter(network.parameters()))
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_pairs_are_consecutive_and_spread_over_the_clip(actions: Path) -> None:
    pairs = read_pairs(actions / "walk" / "0.mkv", 3)
    assert pairs.shape == (3, 2, 3, 48, 64)
    torch.testing.assert_close(pairs[0, 1, :, :, 3:], pairs[0, 0, :, :, :-3], atol=0.02, rtol=0)
    assert not torch.equal(pairs[0], pairs[2])


def test_probe_tells_separable_classes_apart_and_no_others() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    noise = torch.randn(40, 5, generator=generator)
    assert linear_probe(noise + 6 * labels[:, None], labels, 3).mean() > 0.95
    assert linear_probe(noise, labels, 5).mean() < 0.75


def test_command_prints_ours_beside_its_controls(
    actions: Path, checkpoint: str, capsys: pytest.CaptureFixture
) -> None:
    assert features.main([checkpoint, str(actions), "--pairs", "2", "--splits", "2"]) == 0
    printed = capsys.readouterr().out
    for text in ("ours", "untrained network", "colour statistics", "chance", "33.3 %", "18 clips"):
        assert text in printed
    assert read_checkpoint(checkpoint).task == "voxel-flow"


def test_folder_without_classes_is_refused_in_one_line(
    tmp_path: Path, checkpoint: str, capsys: pytest.CaptureFixture
) -> None:
    assert features.main([checkpoint, str(tmp_path / "nothing")]) == 2
    assert "expected a folder of videos for each" in capsys.readouterr().err
