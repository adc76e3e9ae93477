"""Datamodules: batches, their order, and what they answer to bad data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vision_shared.testing import are_equal, epochs, expect_epochs_to_repeat
from voxel_flow.data.datamodule import RenderedData, VideoData


def make_clip(folder: Path, num_frames: int, size: tuple[int, int], seed: int) -> None:
    """A smooth image that moves by 1 px a frame."""
    folder.mkdir(parents=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 15, 3), np.uint8)
    height, width = size
    wide = Image.fromarray(coarse).resize((width + num_frames, height), Image.Resampling.BICUBIC)
    for i in range(num_frames):
        wide.crop((i, 0, i + width, height)).save(folder / f"{i}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number, size in enumerate([(40, 56), (48, 48)]):
        make_clip(folder / f"clip{number}", 62, size, number)
    return folder


def video_data(folder: Path, **changes: Any) -> VideoData:
    arguments: dict[str, Any] = {
        "folder": str(folder),
        "root": str(folder.parent / "data"),
        "batch_size": 4,
        "eval_batch_size": 3,
        "epoch_size": 24,
        "crop_size": 32,
        "off_centre": 0.25,
        "num_workers": 0,
        "seed": 0,
    }
    return VideoData(**arguments | changes)


def rendered_data(**changes: Any) -> RenderedData:
    arguments: dict[str, Any] = {
        "root": "unused",
        "batch_size": 2,
        "eval_batch_size": 2,
        "epoch_size": 6,
        "num_train": 50,
        "num_val": 3,
        "num_test": 3,
        "size": 32,
        "max_velocity": 4.0,
        "off_centre": 0.25,
        "num_workers": 0,
        "seed": 0,
    }
    return RenderedData(**arguments | changes)


def prepared(data: VideoData, stage: str = "fit") -> VideoData:
    data.prepare_data()
    data.setup(stage)
    return data


def test_training_batch_has_shape_range_and_time(folder: Path) -> None:
    batches = epochs(prepared(video_data(folder)), 0)
    assert len(batches) == 6
    assert {key: tuple(value.shape) for key, value in batches[0].items()} == {
        "frames": (4, 2, 3, 32, 32),
        "target": (4, 3, 32, 32),
        "time": (4,),
    }
    values = torch.cat([batch["frames"].flatten() for batch in batches])
    assert values.dtype == torch.float32
    assert 0 <= float(values.min()) < 0.2
    assert 0.8 < float(values.max()) <= 1


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # DataLoader, Python 3.12+
def test_epochs_repeat_whatever_the_workers_and_after_a_resume(folder: Path) -> None:
    expect_epochs_to_repeat(lambda **changes: prepared(video_data(folder, **changes)))


def test_evaluation_batches_are_of_one_clip_and_see_every_triplet(folder: Path) -> None:
    data = prepared(video_data(folder), "test")
    batches = list(data.test_dataloader())
    assert data.clip_names == [f"{folder.name}/clip0", f"{folder.name}/clip1"]
    assert [tuple(b["target"].shape) for b in batches][::4] == [(3, 3, 40, 56), (3, 3, 48, 48)]
    assert torch.cat([b["clip"] for b in batches]).tolist() == [0] * 11 + [1] * 11
    assert data.protocol.name == "centre-256"


def test_clips_below_the_crop_are_not_trained_on_but_tested(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = prepared(video_data(folder, crop_size=44))
    assert {t.clip for t in data.train_set.centred} == {1}  # type: ignore[union-attr]
    assert "clip0" in caplog.text
    assert {t.clip for t in data.val_set.triplets} == {0, 1}  # type: ignore[union-attr]


def test_crop_above_every_clip_raises_one_line(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"56x40.* data\.crop_size=128") as error:
        prepared(video_data(folder, crop_size=128))
    assert "\n" not in str(error.value)


def test_too_few_frames_for_every_split_raises_one_line(tmp_path: Path) -> None:
    make_clip(tmp_path / "videos" / "short", 10, (40, 40), seed=0)
    with pytest.raises(ValueError, match="no triplet to train on in 1 clips") as error:
        prepared(video_data(tmp_path / "videos"))
    assert "\n" not in str(error.value)


def test_rendered_sets_share_no_scene_and_evaluation_ignores_the_seed() -> None:
    data, other = rendered_data(), rendered_data(seed=5, num_train=20)
    for d in (data, other):
        d.setup("fit")
    sets = [set(s.numbers) for s in (data.train_set, data.val_set, data.test_set)]  # type: ignore[union-attr]
    assert len(set.union(*sets)) == sum(map(len, sets)) == 56
    assert are_equal(list(data.val_dataloader()), list(other.val_dataloader()))
    assert are_equal(list(data.test_dataloader()), list(other.test_dataloader()))
    assert not are_equal(list(data.train_dataloader()), list(other.train_dataloader()))


def test_rendered_batches_carry_the_truth() -> None:
    data = rendered_data()
    data.setup("test")
    batches = list(data.test_dataloader())
    assert [len(batch["target"]) for batch in batches] == [2, 1]
    assert batches[0]["flow"].shape == (2, 2, 32, 32)
    assert batches[0]["visible"].dtype == torch.bool
    assert data.clip_names == ["rendered"]
    assert "3 scenes" in data.protocol.description
    assert "32x32" in data.protocol.description


def test_extrapolation_names_every_step_of_every_clip(folder: Path) -> None:
    data = video_data(folder, extrapolate=2)
    data.prepare_data()
    data.setup("test")
    groups = [int(batch["clip"][0]) for batch in data.test_dataloader()]
    names = [Path(data.clip_names[group]).name for group in groups]
    assert set(names) == {"clip0 +1", "clip0 +2", "clip1 +1", "clip1 +2"}
    assert data.protocol.name == "next-2-256"
    data.setup("fit")
    assert {float(time) for batch in data.train_dataloader() for time in batch["time"]} == {
        2.0,
        3.0,
    }
