"""UCF-101: storing triplets with motion, its splits, the 379 test triplets and their masks."""

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from voxel_flow.data.ucf101 import Ucf101Data
from voxel_flow.data.ucf101_triplets import main, moving_triplets, store_triplets


def write_avi(path: Path, frames: np.ndarray) -> None:
    """Write uint8 RGB (N, H, W, 3) without loss but for the turn to YUV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def panning(num_frames: int, step: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """A blurred noise that moves by `step` px a frame."""
    height, width = size
    noise = np.random.default_rng(0).uniform(0, 255, (height, width + 200, 3)).astype(np.float32)
    wide = cv2.GaussianBlur(noise, (0, 0), 2)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return np.stack([wide[:, step * i : step * i + width] for i in range(num_frames)]).astype(
        np.uint8
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training videos: two that move, a still one and a broken one."""
    folder = tmp_path_factory.mktemp("ucf101")
    videos = {
        "Archery/v_Archery_g08_c01.avi": panning(14, step=3),
        "Archery/v_Archery_g25_c01.avi": panning(9, step=3),
        "Diving/v_Diving_g09_c02.avi": panning(9, step=0),
    }
    for name, frames in videos.items():
        write_avi(folder / "UCF-101" / name, frames)
    (folder / "UCF-101/Diving/v_Diving_g10_c01.avi").write_bytes(b"no video" * 50)
    lists = folder / "ucfTrainTestlist"
    lists.mkdir()
    names = [*videos, "Diving/v_Diving_g10_c01.avi"]
    (lists / "trainlist01.txt").write_text("".join(f"{n} {i}\r\n" for i, n in enumerate(names)))
    return folder


def ucf101(folder: Path, **changes: Any) -> Ucf101Data:
    arguments: dict[str, Any] = {
        "root": "unused",
        "folder": str(folder),
        "split": 1,
        "triplets_per_video": 2,
        "has_masks": False,
        "batch_size": 2,
        "eval_batch_size": 2,
        "epoch_size": None,
        "crop_size": 64,
        "off_centre": 0.0,
        "num_workers": 0,
        "seed": 0,
    }
    return Ucf101Data(**arguments | changes)


def test_storing_keeps_moving_triplets_and_names_broken_videos(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = store_triplets(folder, 1, 2)
    assert counts == {"Archery/v_Archery_g08_c01.avi": 2, "Archery/v_Archery_g25_c01.avi": 2}
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "v_Diving_g10_c01.avi" in warnings[0]
    stored = np.load(folder / "triplets/2_per_video/Archery/v_Archery_g08_c01.npy", mmap_mode="r")
    assert (stored.shape, stored.dtype) == ((6, 240, 320, 3), np.uint8)
    truth = panning(14, step=3)
    places = [0, 1, 2, 9, 10, 11]  # the first and the last of four without a frame in common
    assert max(abs(stored[i].astype(int) - truth[p]).max() for i, p in enumerate(places)) <= 3


def test_storing_again_decodes_nothing(folder: Path) -> None:
    store_triplets(folder, 1, 2)
    files = sorted((folder / "triplets/2_per_video").rglob("*.npy"))
    times = [file.stat().st_mtime_ns for file in files]
    assert len(store_triplets(folder, 1, 2)) == 2
    assert [file.stat().st_mtime_ns for file in files] == times
    assert len(files) == 3  # the still video's file is empty


def test_motion_filter_drops_stills_repeats_and_cuts() -> None:
    moving = panning(30, step=3, size=(48, 64))
    assert len(list(moving_triplets(moving))) == 10
    assert not list(moving_triplets(moving[[0] * 9]))
    assert not list(moving_triplets(moving[[0, 0, 1, 1, 2, 2, 3, 3]]))  # up-converted
    black = np.zeros_like(moving[:1])
    white = np.full_like(moving[:1], 255)
    cut = np.concatenate([moving[:1] // 8, white, moving[1:2] // 8, black])
    assert not list(moving_triplets(cut))


def test_training_is_without_the_group_that_validates(folder: Path) -> None:
    store_triplets(folder, 1, 2)
    data = ucf101(folder)
    with pytest.raises(FileNotFoundError, match="ucf101_interp_ours: not found: get the test"):
        data.setup("fit")
    write_test_set(folder, has_masks=False)
    data.setup("fit")
    assert len(data.train_set) == 2
    assert len(data.val_set) == 1
    batch = next(iter(data.train_dataloader()))
    assert batch["frames"].shape == (2, 2, 3, 64, 64)
    assert batch["time"].tolist() == [0.5, 0.5]
    held_out = next(iter(data.val_dataloader()))
    assert held_out["target"].shape == (1, 3, 240, 320)
    truth = torch.from_numpy(panning(9, step=3)[1]).permute(2, 0, 1)
    assert float((held_out["target"][0] * 255 - truth).abs().max()) <= 3


def test_training_unprepared_names_the_command(folder: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"ucf101_triplets .*--triplets-per-video 7"
    ) as error:
        ucf101(folder, triplets_per_video=7).setup("fit")
    assert "\n" not in str(error.value)


def write_test_set(folder: Path, has_masks: bool) -> Path:
    for number in (1, 11, 101):
        for i, name in enumerate(("frame_00", "frame_01_gt", "frame_01_ours", "frame_02")):
            path = folder / "ucf101_interp_ours" / str(number) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), (number, i, 0)).save(path)
        if has_masks:
            path = folder / "motion_masks_ucf101_interp" / str(number) / "motion_mask.png"
            path.parent.mkdir(parents=True)
            Image.new("L", (32, 32), 255 if number == 11 else 0).save(path)
    return folder


def test_test_triplets_are_in_order_against_the_true_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = ucf101(write_test_set(tmp_path, has_masks=False))
    data.setup("test")
    first, second = data.test_dataloader()
    red, green = (first["target"][:, c, 0, 0] * 255 for c in (0, 1))
    assert red.round().tolist() == [1, 11]
    assert green.round().tolist() == [1, 1]
    assert (first["frames"][:, :, 1, 0, 0] * 255).round().tolist() == [[0, 3], [0, 3]]
    assert len(second["target"]) == 1
    assert "mask" not in first
    assert not data.protocol.also
    assert "3 of the 379" in caplog.text


def test_masks_bring_their_protocols(tmp_path: Path) -> None:
    data = ucf101(write_test_set(tmp_path, has_masks=True), has_masks=True)
    data.setup("test")
    mask = next(iter(data.test_dataloader()))["mask"]
    assert (mask.dtype, mask.shape) == (torch.float32, (2, 32, 32))
    assert mask.mean((1, 2)).tolist() == [0, 1]
    assert [p.name for p in data.protocol.also] == ["ucf101-masked", "ucf101-motion"]


def test_missing_masks_and_triplets_name_the_page(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"ucf101_interp_ours: .*liuziwei7/voxel-flow"):
        ucf101(tmp_path).setup("test")
    write_test_set(tmp_path, has_masks=False)
    with pytest.raises(FileNotFoundError, match=r"1/motion_mask\.png: .*voxel-flow"):
        ucf101(tmp_path, has_masks=True).setup("test")


def test_command_without_videos_names_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([str(tmp_path)]) == 2
    message = capsys.readouterr().err.strip()
    assert "trainlist01.txt: not found: get UCF-101" in message
    assert "crcv.ucf.edu" in message
    assert "\n" not in message
