"""Datamodules: batches, their order, and what they answer to bad data."""

import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from celeba_layout import write_celeba
from face_attributes.data import beside, found
from face_attributes.data.datamodule import CelebaData, FolderData, PeopleData
from face_attributes.data.face_data import FaceData
from face_attributes.data.names import CELEBA_ATTRIBUTES
from face_attributes.data.people import PEOPLE_ATTRIBUTES
from face_attributes.data.samples import BackgroundSamples
from face_attributes.data.text import write_table
from vision_shared.inputs import InputError
from vision_shared.testing import are_equal, epochs, expect_epochs_to_repeat

RENDER = {"side": 48, "people": [1, 1, 1], "images": 1, "backgrounds": 2, "seed": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in CelebA's layout."""
    folder = tmp_path_factory.mktemp("data") / "celeba"
    return write_celeba(folder, people=(4, 2, 2), images=5, backgrounds=5)


def arguments(folder: Path, **changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "root": str(folder.parent),
        "folder": str(folder),
        "attributes": None,
        "region": "whole",
        "context": 1.2,
        "size": [24, 24],
        "eval_size": None,
        "scale": [0.9, 1.1],
        "jitter": 0.1,
        "num_train": None,
        "batch_size": 4,
        "eval_batch_size": 6,
        "epoch_size": None,
        "images_per_identity": None,
        "backgrounds": str(folder / "backgrounds"),
        "num_workers": 0,
        "seed": 0,
    }
    return common | changes


def wild(folder: Path, **changes: Any) -> CelebaData:
    return CelebaData(images="wild", **arguments(folder, **changes))


def prepared(data: FaceData, stage: str = "fit") -> Any:
    data.prepare_data()
    data.setup(stage)
    return data


def test_training_batch_holds_pictures_tags_and_people_but_no_places(folder: Path) -> None:
    batches = epochs(prepared(wild(folder)), 0)
    assert len(batches) == 5
    batch = batches[0]
    assert (batch["image"].shape, batch["image"].dtype) == ((4, 3, 24, 24), torch.float32)
    assert 0 <= float(batch["image"].min()) < float(batch["image"].max()) <= 1
    assert (batch["attributes"].shape, batch["attributes"].dtype) == ((4, 40), torch.int8)
    assert set(batch["attributes"].unique().tolist()) <= {-1, 1}
    assert set(batch["identity"].tolist()) <= set(range(4))
    assert set(batch) == {"image", "attributes", "identity", "name", "index"}


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # DataLoader, Python 3.12+
@pytest.mark.parametrize("images_per_identity", [None, 2])
def test_epochs_repeat_whatever_the_workers_and_after_a_resume(
    folder: Path, images_per_identity: int | None
) -> None:
    def load(**changes: Any) -> FaceData:
        changes["images_per_identity"] = images_per_identity
        return prepared(wild(folder, **changes))

    expect_epochs_to_repeat(load)


def test_evaluation_sees_whole_pictures_in_order_with_their_places(folder: Path) -> None:
    data = prepared(wild(folder, eval_size=[96, 96]))
    batches = list(data.val_dataloader())
    assert [len(batch["image"]) for batch in batches] == [6, 4]
    batch = batches[0]
    faces = data.faces("val")
    assert batch["image"].shape == (6, 3, 96, 96)
    assert batch["name"] == [faces.name(index) for index in range(6)]
    assert np.allclose(batch["box"], 2 * faces.boxes[:6])
    assert np.allclose(batch["landmarks"], 2 * faces.landmarks[:6])
    assert batch["cut"].tolist() == [[0, 0, 48, 48]] * 6
    assert are_equal(batches, list(prepared(wild(folder, eval_size=[96, 96])).val_dataloader()))


def test_box_region_fills_the_sample_with_the_face(folder: Path) -> None:
    data = prepared(wild(folder, region="box", context=1.0, size=[28, 22]), "test")
    batch = next(iter(data.test_dataloader()))
    assert batch["image"].shape == (6, 3, 28, 22)
    assert torch.allclose(batch["box"], torch.tensor([0.0, 0, 22, 28]), atol=1.5)


def test_regions_come_from_a_file_by_name(folder: Path, tmp_path: Path) -> None:
    data = prepared(wild(folder))
    names = data.all_faces.names[::-1]
    boxes = np.tile([8, 10, 20, 20], (len(names), 1))
    columns = ("image_id", "x_1", "y_1", "width", "height")
    write_table(tmp_path / "found.txt", names, boxes, columns)
    data = prepared(wild(folder, region=str(tmp_path / "found.txt"), context=1.2))
    assert data.val_set[3]["cut"].tolist() == [6, 8, 30, 32]
    write_table(tmp_path / "found.txt", names, boxes + np.array([90, 0, 0, 0]), columns)
    with pytest.raises(InputError, match=r"found\.txt:\d+: a box of 20x20 .* of 48x48"):
        _ = prepared(wild(folder, region=str(tmp_path / "found.txt"))).val_set[3]
    write_table(tmp_path / "found.txt", names[1:], boxes[1:], columns)
    with pytest.raises(InputError, match=r"found\.txt: no box for"):
        prepared(wild(folder, region=str(tmp_path / "found.txt")), "test")


def test_regions_that_networks_find_are_looked_for_once(folder: Path) -> None:
    images = []

    def find(batch: Sequence[torch.Tensor]) -> torch.Tensor:
        images.extend(batch)
        return torch.tensor([8.0, 10, 28, 30]).expand(len(batch), 4)

    def show(finder: str, **changes: Any) -> FaceData:
        data = prepared(wild(folder, region="faces", context=1.2, **changes))
        data.show_found(find, finder)
        return data

    data = show("some networks")
    number = len(data.faces("train")) + len(data.faces("val"))
    assert [tuple(picture.shape) for picture in images] == [(3, 48, 48)] * number
    assert data.val_set[3]["cut"].tolist() == [6, 8, 30, 32]
    assert len(epochs(data, 0)) == 5
    show("some networks")
    show("some networks", attributes=["Smiling"])  # other labels, the same images
    assert len(images) == number
    replaced = next((folder / "Img/img_celeba").iterdir())
    replaced.touch()
    show("some networks")
    assert len(images) == number + 1
    images.clear()
    show("others")
    assert len(images) == number


def test_interrupted_search_resumes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "BATCH", 2)
    monkeypatch.setattr(found, "PART", 4)
    faces, seen = wild(folder).all_faces, []

    def find(batch: Sequence[torch.Tensor]) -> torch.Tensor:
        if len(seen) >= 6:
            raise KeyboardInterrupt
        seen.extend(batch)
        return torch.ones(len(batch), 4)

    with pytest.raises(KeyboardInterrupt):
        found.found_boxes(faces, find, "networks", folder / "found")
    rest: list[int] = []

    def go_on(batch: Sequence[torch.Tensor]) -> torch.Tensor:
        rest.append(len(batch))
        return torch.zeros(len(batch), 4)

    boxes, _ = found.found_boxes(faces, go_on, "networks", folder / "found")
    assert sum(rest) == len(faces) - 4
    assert boxes[:4].all()
    assert not boxes[4:].any()


def test_regions_of_networks_that_nobody_gave_are_no_true_boxes(folder: Path) -> None:
    data = prepared(wild(folder, region="faces"))
    with pytest.raises(AssertionError):
        _ = data.val_set[0]


def test_damaged_file_of_found_boxes_is_named(folder: Path) -> None:
    data = prepared(wild(folder, region="heads"))
    data.show_found(lambda images: torch.tensor([[0.0, 0, 9, 9]] * len(images)), "damaged")
    for path in (data.cache / "found").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"\.npz: a damaged cache .*: remove"):
        data.show_found(lambda images: torch.zeros(len(images), 4), "damaged")


def test_attributes_are_chosen_and_told(folder: Path) -> None:
    chosen = ["Smiling", "Bangs"]
    data = prepared(wild(folder, attributes=chosen))
    assert data.facts == {"attributes": chosen}
    columns = [CELEBA_ATTRIBUTES.index(name) for name in chosen]
    every = prepared(wild(folder)).all_faces.labels
    assert np.array_equal(data.all_faces.labels, every[:, columns])
    with pytest.raises(InputError, match="has no attribute 'Beard'"):
        prepared(wild(folder, attributes=["Beard"]))


def test_attributes_are_known_before_the_data_is_there(tmp_path: Path) -> None:
    absent = arguments(tmp_path / "absent")
    people = PeopleData(render=RENDER | {"close_ups": 0}, sets=str(tmp_path), **absent)
    assert people.facts == {"attributes": [*PEOPLE_ATTRIBUTES]}
    celeba = CelebaData(images="aligned", **absent)
    assert celeba.facts == {"attributes": list(CELEBA_ATTRIBUTES)}
    with pytest.raises(FileNotFoundError, match="get CelebA at http"):
        celeba.setup("fit")


def test_identity_batches_validate_on_held_out_pictures_of_training_people(folder: Path) -> None:
    data = prepared(wild(folder, images_per_identity=2, batch_size=6))
    assert data.facts["num_identities"] == 4
    assert len(data.train_set) == 16 and len(data.val_set) == 4
    assert not {*data.train_set.faces.names} & {*data.val_set.faces.names}
    for batch in epochs(data, 0):
        assert batch["identity"].unique(return_counts=True)[1].tolist() == [2, 2, 2]
    validated = next(iter(data.val_dataloader()))["identity"]
    assert sorted(validated.tolist()) == [0, 1, 2, 3]


def test_fewer_training_pictures_are_a_part_of_more(folder: Path) -> None:
    few, more = (
        {*prepared(wild(folder, num_train=number)).train_set.faces.names} for number in (5, 9)
    )
    assert len(few) == 5 and len(more) == 9 and few < more
    with pytest.raises(InputError, match=r"data\.num_train of 1 to 20, got 21"):
        prepared(wild(folder, num_train=21))


def test_backgrounds_are_halved(folder: Path) -> None:
    data = wild(folder)
    first, second = (data.background_samples(part) for part in ("val", "test"))
    assert isinstance(first, BackgroundSamples) and isinstance(second, BackgroundSamples)
    assert [path.stem for path in (*first.paths, *second.paths)] == [
        f"{i:06d}" for i in range(1, 6)
    ]
    assert len(first) == 2 and first[0]["image"].shape == (3, 24, 24)
    assert sum(len(batch["image"]) for batch in data.loader(second)) == 3
    with pytest.raises(FileNotFoundError, match="expected a folder of images without faces"):
        wild(folder, backgrounds=str(folder / "absent")).background_samples("val")


def test_what_lies_beside_faces_stands_in_for_backgrounds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = wild(folder, backgrounds=None)
    with pytest.raises(InputError, match=r"name their folder, data\.backgrounds=DIR"):
        data.background_samples("val")  # faces fill these images
    monkeypatch.setattr(beside, "CLEAR", 1.0)
    monkeypatch.setattr(beside, "SMALLEST", 6)
    samples = data.background_samples("val")
    assert isinstance(samples, beside.BesideFaces)
    for row, sample in zip(samples.rows, map(samples.__getitem__, range(3)), strict=False):
        assert sample["image"].shape == (3, 24, 24)
        x1, y1, x2, y2 = samples.faces.boxes[row]
        region = samples._region(row)
        assert region is not None
        assert region[0] >= x2 or region[2] <= x1 or region[1] >= y2 or region[3] <= y1


def test_own_folder_tests_on_its_validation_part(tmp_path: Path) -> None:
    rows = "".join(f"{number}.png,{number % 2}\n" for number in range(10))
    (tmp_path / "attributes.csv").write_text("image,Odd\n" + rows)
    for number in range(10):
        Image.new("RGB", (20 + number, 30), (25 * number, 0, 0)).save(tmp_path / f"{number}.png")
    data = FolderData(**arguments(tmp_path))
    assert data.facts == {"attributes": ["Odd"]}
    for stage in ("fit", "test"):
        data.setup(stage)
    assert len(data.train_set) == 8 and len(data.val_set) == len(data.test_set) == 2
    assert next(iter(data.test_dataloader()))["attributes"].tolist() == [[-1], [1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": [24]}, r"data\.size"),
        ({"eval_size": [0, 3]}, r"data\.eval_size"),
        ({"images_per_identity": 3}, r"data\.images_per_identity"),
        ({"images_per_identity": 2, "epoch_size": 10}, r"data\.epoch_size"),
        ({"images_per_identity": 2, "batch_size": 10}, r"5 identities.*lower data\.batch_size"),
        ({"batch_size": 30}, r"20 images.*data\.batch_size=30"),
    ],
)
def test_impossible_choice_names_its_key(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepared(wild(folder, **changes)).train_dataloader()


@pytest.mark.parametrize("name", ["people", "celeba", "lfwa", "folder"])
def test_every_config_makes_its_datamodule(tmp_path: Path, name: str) -> None:
    text = resources.files("face_attributes.conf").joinpath("data", f"{name}.yaml").read_text()
    config = OmegaConf.create({"seed": 3, "data": OmegaConf.create(text)})
    config.data.root = str(tmp_path)
    data = instantiate(config.data, _convert_="all")
    assert isinstance(data, FaceData) and data.seed == 3
    assert tmp_path in data.folder.parents


def test_parts_and_identities_that_are_not_there_are_said_before_training(tmp_path: Path) -> None:
    (tmp_path / "attributes.csv").write_text("image,A\na.jpg,1\nb.jpg,\n")
    for name in ("a", "b"):
        Image.new("RGB", (20, 30)).save(tmp_path / f"{name}.jpg")

    def setup(**changes: Any) -> None:
        FolderData(**arguments(tmp_path, **{"batch_size": 1, **changes})).setup("fit")

    setup()
    with pytest.raises(InputError, match="no person of a training image is known, whom"):
        setup(images_per_identity=2, batch_size=2)
    (tmp_path / "partition.csv").write_text("image,partition\na.jpg,test\nb.jpg,train\n")
    with pytest.raises(InputError, match=r"attributes\.csv: no attribute of an image to train on"):
        setup()
    (tmp_path / "partition.csv").write_text("image,partition\na.jpg,train\nb.jpg,test\n")
    with pytest.raises(InputError, match=r"attributes\.csv: lists no image of the split val"):
        setup()


def test_landmarks_place_the_boxes_of_a_finder(folder: Path) -> None:
    data = prepared(wild(folder, region="landmarks", context=1.0, size=[56, 43]), "test")
    sample = data.test_set[0]
    eyes, mouth = sample["landmarks"][:2].mean(0), sample["landmarks"][3:].mean(0)
    side = 2.5 * float((mouth - eyes).norm())
    assert 1.12 * side == pytest.approx(56, abs=3)
    assert float(eyes[0]) == pytest.approx(43 / 2, abs=2)


def test_truncated_and_missing_images_are_skipped_where_that_is_asked_for(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "celeba"))
    images = copied / "Img" / "img_celeba"
    truncated, missing = images / "000001.jpg", images / "000021.jpg"  # of train, of val
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    missing.unlink()
    with pytest.raises(InputError, match=r"000021\.jpg|000001\.jpg"):
        prepared(wild(copied))

    def load(**changes: Any) -> FaceData:
        return prepared(wild(copied, on_fault="skip", **changes))

    expect_epochs_to_repeat(load)
    evaluated = [name for batch in load().val_dataloader() for name in batch["name"]]
    assert evaluated == [f"{number:06d}.jpg" for number in range(22, 31)]
    named = [message for message in caplog.messages if "left out" in message]
    assert "000001.jpg" in named[0] and "000021.jpg" in named[-1]
