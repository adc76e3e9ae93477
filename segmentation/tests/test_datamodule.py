"""Datamodules: batches, their order, and what they answer to bad data."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from segmentation.data.datamodule import (
    CityscapesData,
    CocoData,
    FolderData,
    PeopleData,
    SegmentationData,
    VocData,
)
from segmentation.data.labels import CITYSCAPES, VOC
from segmentation.data.people import PEOPLE_CLASSES
from vision_shared.inputs import InputError
from vision_shared.testing import are_equal, epochs, expect_epochs_to_repeat


@pytest.fixture
def folder(people: Path) -> Path:
    """Rendered people."""
    return people / "segmentation/people-smoke"


def arguments(folder: Path, **changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "root": "unused",
        "folder": str(folder),
        "batch_size": 4,
        "eval_batch_size": 2,
        "epoch_size": None,
        "crop_size": 32,
        "scale": (0.75, 1.5),
        "jitter": 0.3,
        "num_workers": 0,
        "seed": 0,
    }
    return common | changes


def people_data(folder: Path, classes: Any = "parts", **changes: Any) -> PeopleData:
    recipe: dict[str, Any] = {"size": 32, "num_train": 16, "num_val": 4, "num_test": 4}
    recipe |= {"portraits": 0.25, "without_people": 0.1, "photographs": None}
    recipe |= {"collages": 0.5, "focus": 0.5, "cameras": True}
    recipe |= {"test_photographs": False}
    sets = str(folder.parent / "synthetic-people")
    return PeopleData(classes=classes, sets=sets, **recipe, **arguments(folder, **changes))


def prepared(data: SegmentationData, stage: str = "fit") -> SegmentationData:
    data.prepare_data()
    data.setup(stage)
    return data


def make_folder(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    """A folder of the user's own with two classes; sizes are width, height."""
    for place in ("images", "masks"):
        (folder / place).mkdir(parents=True)
    (folder / "classes.txt").write_text("ground\nball\n")
    for i, (width, height) in enumerate(sizes):
        values = np.random.default_rng(i).integers(0, 2, (height, width), np.uint8)
        Image.fromarray(np.repeat(values[..., None] * 255, 3, 2)).save(folder / f"images/{i}.png")
        Image.fromarray(values).save(folder / f"masks/{i}.png")
    return folder


def test_training_batch_has_shapes_types_and_ranges(folder: Path) -> None:
    batches = epochs(prepared(people_data(folder, batch_size=3)), 0)
    assert len(batches) == 5  # of 16 images, the last one is left out
    image, mask = batches[0]["image"], batches[0]["mask"]
    assert (image.shape, image.dtype) == ((3, 3, 32, 32), torch.float32)
    assert (mask.shape, mask.dtype) == ((3, 32, 32), torch.int64)
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    assert set(mask.unique().tolist()) <= {*range(len(PEOPLE_CLASSES["parts"])), 255}
    names = [f"train_{index:05d}" for index in batches[0]["index"].tolist()]
    assert batches[0]["name"] == names


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # DataLoader, Python 3.12+
def test_epochs_repeat_whatever_the_workers_and_after_a_resume(folder: Path) -> None:
    expect_epochs_to_repeat(lambda **changes: prepared(people_data(folder, **changes)))


def test_seed_of_a_sample_decides_its_augmentation(folder: Path) -> None:
    samples = prepared(people_data(folder)).train_set
    first, again, other = samples[0, 1], samples[0, 1], samples[0, 2]
    assert torch.equal(first["image"], again["image"])
    assert not torch.equal(first["image"], other["image"])


def test_evaluation_sees_whole_pictures_in_order(folder: Path) -> None:
    data = prepared(people_data(folder, crop_size=16, eval_batch_size=3))
    batches = list(data.val_dataloader())
    assert [tuple(batch["image"].shape) for batch in batches] == [
        (3, 3, 32, 32),
        (1, 3, 32, 32),
    ]
    names = [name for batch in batches for name in batch["name"]]
    assert names == [f"val_{i:05d}" for i in range(4)]
    other = prepared(people_data(folder, seed=5, eval_batch_size=3))
    assert are_equal(batches, list(other.val_dataloader()))
    image, mask = data.val_set.pictures.read(0)
    assert np.array_equal((batches[0]["image"][0] * 255).round().permute(1, 2, 0), image)
    assert np.array_equal(batches[0]["mask"][0], mask)


def test_test_images_have_masks(folder: Path) -> None:
    batches = list(prepared(people_data(folder), "test").test_dataloader())
    assert sum(len(batch["image"]) for batch in batches) == 4
    assert all((batch["mask"] > 0).any() for batch in batches)


def test_classes_are_known_before_the_data_is_there(tmp_path: Path) -> None:
    absent = arguments(tmp_path / "absent")
    for data, classes in [
        (people_data(tmp_path / "absent"), PEOPLE_CLASSES["parts"]),
        (VocData(train="train_aug", sbd=None, **absent), VOC),
        (CocoData(**absent), VOC),
        (CityscapesData(**absent), CITYSCAPES),
    ]:
        facts = data.facts["classes"]
        assert facts["names"] == list(classes.names)
        assert facts["palette"][1] == list(classes.palette[1])


def test_voc_trains_on_the_chosen_part_and_tests_on_val(folder: Path) -> None:
    data = VocData(train="train", sbd=None, **arguments(folder))
    for stage in ("fit", "test"):
        data.setup(stage)
    assert [len(data.train_set), len(data.val_set), len(data.test_set)] == [16, 4, 4]


@pytest.mark.parametrize("kind", [VocData, CocoData, CityscapesData])
def test_absent_data_says_where_to_get_it(kind: Any, tmp_path: Path) -> None:
    own = {"train": "train_aug", "sbd": None} if kind is VocData else {}
    with pytest.raises(FileNotFoundError, match=r"not found: get .* at http") as error:
        kind(**own, **arguments(tmp_path)).setup("fit")
    assert str(tmp_path) in str(error.value)


def test_pictures_of_one_size_share_a_batch(tmp_path: Path) -> None:
    sizes = [(40, 32)] * 20 + [(40, 32), (32, 40), (40, 32), (32, 40), (40, 32)]
    data = FolderData(**arguments(make_folder(tmp_path / "own", sizes)))
    data.setup("fit")
    assert data.facts["classes"]["names"] == ["ground", "ball"]
    batches = list(data.val_dataloader())
    shapes = [tuple(batch["image"].shape) for batch in batches]
    assert shapes == [(2, 3, 32, 40), (1, 3, 32, 40), (2, 3, 40, 32)]
    assert sorted(torch.cat([batch["index"] for batch in batches]).tolist()) == [0, 1, 2, 3, 4]


def test_training_warns_of_classes_without_a_pixel(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_folder(tmp_path / "own", [(40, 40)] * 5)
    Image.new("L", (40, 40)).save(root / "masks" / "4.png")
    prepared(FolderData(**arguments(root)))
    assert caplog.messages == ["val: no pixel of 'ball' in the 1 masks that were read"]


def test_missing_image_of_the_test_is_named_before_training(folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "people"))
    name = (copied / "ImageSets/Segmentation/test.txt").read_text().split()[-1]
    (copied / "JPEGImages" / f"{name}.jpg").unlink()
    with pytest.raises(InputError, match=f"{name}.jpg: no such file, but the data set lists it"):
        people_data(copied).setup("fit")


def test_crop_above_every_picture_raises_and_above_some_pads(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "own", [(40, 32)] * 9 + [(60, 32)])
    FolderData(**arguments(folder, crop_size=60)).setup("fit")
    with pytest.raises(InputError, match=r"0\.png: 40x32.*data\.crop_size=61") as error:
        FolderData(**arguments(folder, crop_size=61)).setup("fit")
    assert "\n" not in str(error.value)


def test_fewer_pictures_than_a_batch_raise_unless_the_epoch_has_a_size(folder: Path) -> None:
    with pytest.raises(InputError, match=r"16 images.*data\.batch_size=17.*data\.epoch_size"):
        prepared(people_data(folder, batch_size=17))
    data = prepared(people_data(folder, batch_size=17, epoch_size=34))
    assert len(list(data.train_dataloader())) == 2


def test_truncated_images_are_skipped_where_that_is_asked_for(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "people"))
    lists = copied / "ImageSets/Segmentation"
    train, val = ((lists / f"{split}.txt").read_text().split() for split in ("train", "val"))
    for name in (train[0], val[0]):  # the first ones, which are read before a training
        image = copied / "JPEGImages" / f"{name}.jpg"
        image.write_bytes(image.read_bytes()[:-100])
    with pytest.raises(InputError, match=rf"{train[0]}\.jpg"):
        people_data(copied).setup("fit")

    def load(**changes: Any) -> PeopleData:
        data = people_data(copied, on_fault="skip", **changes)
        data.setup("fit")
        return data

    expect_epochs_to_repeat(load)
    evaluated = [name for batch in load().val_dataloader() for name in batch["name"]]
    assert sorted(evaluated) == sorted(val[1:])
    named = [message for message in caplog.messages if "left out" in message]
    assert f"{train[0]}.jpg" in named[0] and f"{val[0]}.jpg" in named[-1]
