"""Official data sets: their layouts on disk, splits, samples, and what a missing file is told."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vision_shared.inputs import InputError
from vision_shared.testing import expect_epochs_to_repeat
from voxel_flow.data.flow_pairs import read_kitti_flow
from voxel_flow.data.kitti import KittiData
from voxel_flow.data.middlebury import MiddleburyData
from voxel_flow.data.vimeo90k import Vimeo90kData

COMMON: dict[str, Any] = {
    "root": "unused",
    "batch_size": 2,
    "epoch_size": None,
    "crop_size": 16,
    "off_centre": 0.0,
    "num_workers": 0,
    "seed": 0,
}


def write_grey(path: Path, level: int, size: tuple[int, int] = (32, 24)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)
    return path


def levels(images: torch.Tensor) -> list[int]:
    return [round(float(image.mean()) * 255) for image in images]


def write_vimeo(folder: Path, variant: str, train: int, test: int) -> Path:
    """Clip n of a list has the levels 10 n + 1, 10 n + 2, ..."""
    prefix, length = variant[:3], 3 if variant == "triplet" else 7
    for split, start, count in (("train", 0, train), ("test", train, test)):
        entries = [f"{n:05d}/0001" for n in range(start, start + count)]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{prefix}_{split}list.txt").write_text("\n".join(entries) + "\n\n")
        for number, entry in enumerate(entries, start=start):
            for i in range(1, length + 1):
                write_grey(folder / "sequences" / entry / f"im{i}.png", 10 * number + i)
    return folder


def vimeo(folder: Path, **changes: Any) -> Vimeo90kData:
    arguments = COMMON | {"variant": "triplet", "eval_batch_size": 2, "folder": str(folder)}
    return Vimeo90kData(**arguments | changes)


def test_vimeo_triplets_follow_its_lists(tmp_path: Path) -> None:
    data = vimeo(write_vimeo(tmp_path / "vimeo_triplet", "triplet", train=10, test=3))
    data.setup("fit")
    data.setup("test")
    assert (len(data.train_set), len(data.val_set), len(data.test_set)) == (9, 1, 3)
    batches = list(data.test_dataloader())
    assert [len(batch["target"]) for batch in batches] == [2, 1]
    assert levels(batches[0]["frames"][1]) == [111, 113]
    assert levels(batches[0]["target"]) == [102, 112]
    assert batches[0]["time"].tolist() == [0.5, 0.5]
    assert not any(batch["follows"].any() for batch in batches)
    assert levels(next(iter(data.val_dataloader()))["target"]) == [92]
    trained = {levels(b["target"])[i] for b in data.train_dataloader() for i in range(2)}
    assert trained <= {10 * n + 2 for n in range(9)}
    assert data.protocol.name == "vimeo90k"


def test_vimeo_names_what_lacks_before_training(tmp_path: Path) -> None:
    folder = write_vimeo(tmp_path, "triplet", train=2, test=1)
    listed = folder / "tri_testlist.txt"
    listed.write_text(listed.read_text(), "utf-8-sig")
    vimeo(folder, crop_size=8).setup("fit")
    missing = next((folder / "sequences").glob(f"{listed.read_text('utf-8-sig').strip()}/im3.png"))
    missing.unlink()
    with pytest.raises(InputError, match=rf"{missing}: no such image, needed to test on"):
        vimeo(folder, crop_size=8).setup("fit")
    listed.write_text("\n")
    with pytest.raises(InputError, match=r"tri_testlist\.txt: an empty list"):
        vimeo(folder, crop_size=8).setup("fit")


def test_vimeo_septuplets_reach_other_times(tmp_path: Path) -> None:
    folder = write_vimeo(tmp_path / "vimeo_septuplet", "septuplet", train=10, test=2)
    data = vimeo(folder, variant="septuplet", off_centre=0.5)
    data.setup("fit")
    data.setup("test")
    assert len(data.train_set) == 9 * (5 + 3)
    samples = [data.train_set[i % 72, i] for i in range(150)]
    assert {round(float(s["time"]), 2) for s in samples} == {0.5, 0.33, 0.67, 0.25, 0.75}
    for sample in samples:
        time, (first, last) = float(sample["time"]), levels(sample["frames"])
        assert levels(sample["target"][None]) == [round(first + time * (last - first))]
    tested = [data.test_set[i] for i in range(len(data.test_set))]
    assert [round(float(s["time"]) * 6) for s in tested] == [1, 2, 3, 4, 5] * 2
    assert [levels(s["frames"]) for s in tested[4:6]] == [[101, 107], [111, 117]]
    assert [s["follows"] for s in tested] == [False, True, True, True, True] * 2
    assert data.protocol.name == "vimeo90k-septuplet"


def test_vimeo_triplets_have_no_other_times(tmp_path: Path) -> None:
    data = vimeo(write_vimeo(tmp_path, "triplet", train=10, test=1), off_centre=0.25)
    with pytest.raises(ValueError, match=r"data\.off_centre=0"):
        data.setup("fit")


def test_a_crop_above_the_frames_raises_one_line(tmp_path: Path) -> None:
    data = vimeo(write_vimeo(tmp_path, "triplet", train=10, test=1), crop_size=28)
    with pytest.raises(ValueError, match=r"32x24 .*data\.crop_size=28"):
        data.setup("fit")


def write_flow(path: Path, flow: np.ndarray, known: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    red, green = ((flow[..., i] * 64 + 2**15).round() for i in (0, 1))
    stored = np.stack([known, green, red], axis=-1).astype(np.uint16)  # OpenCV: blue first
    cv2.imwrite(str(path), stored)
    return path


def test_kitti_flow_is_decoded(tmp_path: Path) -> None:
    flow = np.zeros((4, 6, 2))
    flow[..., 0], flow[..., 1] = 12.5, -300.25
    known = np.ones((4, 6))
    known[2] = 0
    read, is_known = read_kitti_flow(write_flow(tmp_path / "f.png", flow, known))
    assert (read.dtype, is_known.dtype) == (np.float32, np.bool_)
    assert np.array_equal(is_known, known > 0)
    assert np.array_equal(read, flow * known[..., None])


def test_a_picture_is_no_kitti_flow(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p\.png: expected flow"):
        read_kitti_flow(write_grey(tmp_path / "p.png", 9))


def write_kitti(folder: Path, pictures: str, scenes: int, frames: range, split: str) -> Path:
    """Frame n of a scene has level 10 n."""
    for scene in range(scenes):
        size = (32 + scene % 2, 24)  # they differ, as the real ones
        for n in frames:
            write_grey(folder / split / pictures / f"{scene:06d}_{n:02d}.png", 10 * n, size)
    return folder


def kitti(folder: Path, **changes: Any) -> KittiData:
    arguments = COMMON | {"year": 2015, "test": "flow", "folder": str(folder)}
    return KittiData(**arguments | changes)


@pytest.mark.parametrize(("year", "pictures"), [(2012, "colored_0"), (2015, "image_2")])
def test_kitti_flow_pairs_are_at_time_zero(tmp_path: Path, year: int, pictures: str) -> None:
    folder = write_kitti(tmp_path, pictures, 2, range(10, 12), "training")
    for scene in range(2):
        known = np.zeros((24, 32 + scene))
        known[:12] = 1
        flow = np.full((24, 32 + scene, 2), (3.0, 1.0))
        name = f"{scene:06d}_10.png"
        write_flow(folder / "training" / "flow_occ" / name, flow, known)
        known[:6] = 0
        write_flow(folder / "training" / "flow_noc" / name, flow, known)
    data = kitti(folder, year=year)
    data.setup("test")
    batches = list(data.test_dataloader())
    assert [b["frames"].shape for b in batches] == [(1, 2, 3, 24, 32), (1, 2, 3, 24, 33)]
    batch = batches[0]
    assert float(batch["time"]) == 0
    assert levels(batch["frames"][0]) == [100, 110]
    assert torch.equal(batch["target"], batch["frames"][:, 0])
    assert batch["flow"][0, :, 0, 0].tolist() == [3, 1]
    assert (int(batch["known"].sum()), int(batch["unoccluded"].sum())) == (12 * 32, 6 * 32)
    assert not data.protocol.scores
    assert str(year) in data.protocol.name


def test_kitti_trains_on_sequences_without_the_flow_frames(tmp_path: Path) -> None:
    folder = write_kitti(tmp_path, "image_2", 3, range(21), "training")
    write_kitti(tmp_path, "image_2", 2, range(5), "testing")
    data = kitti(folder, test="sequences", off_centre=0.25)
    data.setup("fit")
    data.setup("test")
    train: Any = data.train_set
    used = {(t.clip, frame) for t in train.centred + train.off_centre for frame in t[1:]}
    assert {clip for clip, _ in used} == {0, 1}
    assert not {frame for _, frame in used} & set(range(9, 13))
    assert all(t.frame1 < 9 or t.frame0 > 12 for t in train.centred)
    assert {t.clip for t in data.val_set.triplets} == {2}  # type: ignore[union-attr]
    targets = [levels(b["target"])[0] for b in data.test_dataloader()]
    assert targets == [10, 20, 30] * 2
    assert [data.test_set[i]["follows"] for i in range(4)] == [False, True, True, False]


def test_kitti_without_its_multi_view_extension_names_it(tmp_path: Path) -> None:
    data = kitti(write_kitti(tmp_path, "image_2", 2, range(10, 12), "training"))
    with pytest.raises(FileNotFoundError, match=r"000000_00\.png: .*multi-view extension"):
        data.setup("fit")


def test_middlebury_pairs_with_a_truth_are_tested(tmp_path: Path) -> None:
    for name, size in (("Beanbags", (32, 24)), ("Venus", (40, 20))):
        for n in (10, 11):
            write_grey(tmp_path / "other-data" / name / f"frame{n}.png", n, size)
        write_grey(tmp_path / "other-gt-interp" / name / "frame10i11.png", 50, size)
    write_grey(tmp_path / "other-data" / "Army" / "frame10.png", 0)
    data = MiddleburyData(**COMMON | {"folder": str(tmp_path)})
    data.setup("test")
    batches = list(data.test_dataloader())
    assert [b["target"].shape[2:] for b in batches] == [(24, 32), (20, 40)]
    assert levels(batches[1]["frames"][0]) == [10, 11]
    assert levels(batches[1]["target"]) == [50]
    with pytest.raises(ValueError, match="only tests"):
        data.setup("fit")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda p: vimeo(p), "toflow.csail.mit.edu"),
        (lambda p: kitti(p), "benchmark=flow"),
        (lambda p: kitti(p, year=2012), "stereo_flow"),
        (
            lambda p: MiddleburyData(**COMMON | {"folder": str(p)}),
            "vision.middlebury.edu",
        ),
    ],
)
def test_missing_data_names_the_path_and_the_page(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"^{tmp_path / 'none'}/.*{words}") as error:
        data(tmp_path / "none").setup("test")
    assert "\n" not in str(error.value)
    assert "data.folder=PATH" in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: vimeo(p, variant="pair"),
        lambda p: kitti(p, year=2013),
        lambda p: kitti(p, test="x"),
    ],
)
def test_unknown_choices_are_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(ValueError, match=r"expected data\.\w+="):
        make(tmp_path)


def test_truncated_frames_are_skipped_where_that_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_vimeo(tmp_path / "vimeo_triplet", "triplet", train=20, test=3)
    truncated = [folder / "sequences" / f"{clip:05d}" / "0001" / "im2.png" for clip in (5, 18)]
    for path in truncated:
        path.write_bytes(path.read_bytes()[:60])
    whole = vimeo(folder, batch_size=18)
    whole.setup("fit")
    with pytest.raises(InputError, match="00005/0001/im2"):
        list(whole.train_dataloader())

    def load(**changes: Any) -> Vimeo90kData:
        data = vimeo(folder, on_fault="skip", **changes)
        data.setup("fit")
        return data

    expect_epochs_to_repeat(load)
    assert [levels(batch["target"]) for batch in load().val_dataloader()] == [[192]]
    named = [message for message in caplog.messages if "left out" in message]
    assert "00005/0001/im2" in named[0] and "00018/0001/im2" in named[-1]
