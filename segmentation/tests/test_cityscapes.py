from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.cityscapes import cityscapes_set, to_ids, to_train_ids
from segmentation.data.labels import CITYSCAPES, CITYSCAPES_IDS
from vision_shared.inputs import InputError

FRAMES = ("aachen_000000_000019", "zurich_000001_000019")


def frame_path(root: Path, frame: str, kind: str, split: str = "train") -> Path:
    package = "leftImg8bit" if kind == "leftImg8bit" else "gtFine"
    path = root / package / split / frame.split("_")[0] / f"{frame}_{kind}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two frames that show every id of the first 34, and one whose truth is kept back."""
    ids = np.arange(34, dtype=np.uint8).reshape(2, 17)
    for frame in FRAMES:
        Image.new("RGB", (17, 2)).save(frame_path(tmp_path, frame, "leftImg8bit"))
        Image.fromarray(ids).save(frame_path(tmp_path, frame, "gtFine_labelIds"))
        Image.fromarray(ids).save(frame_path(tmp_path, frame, "gtFine_instanceIds"))
    Image.new("RGB", (17, 2)).save(frame_path(tmp_path, FRAMES[0], "leftImg8bit", "test"))
    return tmp_path


def test_ids_become_train_ids(root: Path) -> None:
    part = cityscapes_set(root, "train")
    assert [sample.name for sample in part.samples] == list(FRAMES)
    _, mask = part.read(0)
    found = {place: int(number) for place, number in enumerate(mask.ravel()) if number != 255}
    assert found == {number: train_id for train_id, number in enumerate(CITYSCAPES_IDS)}


def test_masks_with_train_ids_are_read_as_they_are(root: Path) -> None:
    train_ids = np.full((2, 17), 18, np.uint8)
    Image.fromarray(train_ids).save(frame_path(root, FRAMES[1], "gtFine_labelTrainIds"))
    part = cityscapes_set(root, "train")
    assert len(np.unique(part.read_mask(0))) == 20
    np.testing.assert_array_equal(part.read_mask(1), train_ids)


def test_truth_of_the_test_frames_is_kept_back(root: Path) -> None:
    (sample,) = cityscapes_set(root, "test").samples
    assert sample.mask_path is None


def test_ids_and_train_ids_are_inverse() -> None:
    train_ids = np.array([*range(len(CITYSCAPES)), 255], np.uint8)
    assert to_ids(train_ids).tolist() == [*CITYSCAPES_IDS, 0]
    np.testing.assert_array_equal(to_train_ids(to_ids(train_ids)), train_ids)


def test_missing_data_names_page_and_layout(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"https://www\.cityscapes-dataset\.com/downloads/"):
        cityscapes_set(tmp_path / "nowhere", "train")
    with pytest.raises(FileNotFoundError, match=r"leftImg8bit/val: not found: .*leftImg8bit_train"):
        cityscapes_set(root, "val")
    (root / "leftImg8bit" / "val").mkdir()
    (root / "gtFine" / "val").mkdir()
    with pytest.raises(InputError, match=r"leftImg8bit/val: no CITY/\*_leftImg8bit\.png in it"):
        cityscapes_set(root, "val")


def test_unusable_masks_and_splits_are_refused(root: Path) -> None:
    ids = frame_path(root, FRAMES[0], "gtFine_labelIds")
    Image.fromarray(np.full((2, 17), 34, np.uint8)).save(ids)
    with pytest.raises(InputError, match=r"labelIds\.png: holds 34, expected ids 0 to 33"):
        cityscapes_set(root, "train").read(0)
    train_ids = frame_path(root, FRAMES[0], "gtFine_labelTrainIds")
    Image.fromarray(np.full((2, 17), 19, np.uint8)).save(train_ids)
    with pytest.raises(InputError, match=r"labelTrainIds\.png: holds 19, expected 0 to 18"):
        cityscapes_set(root, "train").read(0)
    with pytest.raises(InputError, match=r"split of Cityscapes \(train, val, test\), got 'extra'"):
        cityscapes_set(root, "extra")
