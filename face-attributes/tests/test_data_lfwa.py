"""LFWA's MATLAB v7.3 files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from face_attributes.data.lfwa import lfwa_faces
from vision_shared.inputs import InputError

ATTRIBUTES = ["Male", "Young"]
NAMES = ["Ann_Lee\\Ann_Lee_0001.jpg", "Ann_Lee\\Ann_Lee_0002.jpg", "Bo\\Bo_0001.jpg", "C\\C_1.jpg"]
LABELS = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])


def write_cells(file: h5py.File, name: str, texts: list[str]) -> None:
    """A cell array as MATLAB writes it: references to UTF-16 numbers, one a column."""
    refs = file.require_group("#refs#")
    cells = file.create_dataset(name, (1, len(texts)), h5py.ref_dtype)
    for number, text in enumerate(texts):
        codes = np.array([[ord(letter)] for letter in text], np.uint16)
        cells[0, number] = refs.create_dataset(f"{name}{number}", data=codes).ref


def make(root: Path, labels: np.ndarray = LABELS.T, train: tuple[int, ...] = (1, 3)) -> Path:
    with h5py.File(root / "lfw_att_40.mat", "w") as file:
        write_cells(file, "AttrName", ATTRIBUTES)
        write_cells(file, "name", NAMES)
        file["label"] = labels.astype(float)
    with h5py.File(root / "indices_train_test.mat", "w") as file:
        file["indices_img_train"] = np.array([train], float)
        file["indices_img_test"] = np.array([[2.0]])
    for name in NAMES:
        path = root / "lfw" / name.replace("\\", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (25, 25)).save(path)
    return root


@pytest.mark.parametrize("labels", [LABELS.T, LABELS])
def test_labels_names_and_parts_are_read(tmp_path: Path, labels: np.ndarray) -> None:
    faces = lfwa_faces(make(tmp_path, labels), 40, tmp_path / "cache")
    assert faces.attributes == ("Male", "Young")
    assert faces.names.tolist() == [
        b"Ann_Lee/Ann_Lee_0001.jpg",
        b"Ann_Lee/Ann_Lee_0002.jpg",
        b"Bo/Bo_0001.jpg",
    ]  # the fourth is in neither part
    assert faces.labels.tolist() == [[-1, 1], [1, 1], [-1, -1]]
    assert faces.parts.tolist() == [1, 2, 1]  # indices count from 1
    assert faces.identities.tolist() == [0, 0, 1]
    faces.check()


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    first, again = (lfwa_faces(make_once(tmp_path), 40, tmp_path / "cache") for _ in range(2))
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.names, again.names)


def make_once(root: Path) -> Path:
    return root if (root / "lfw").exists() else make(root)


def test_index_zero_raises(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"indices_img_train from 0 to 3, expected from 1 to 4"):
        lfwa_faces(make(tmp_path, train=(0, 3)), 40, tmp_path / "cache")


def test_label_that_is_neither_0_nor_1_raises(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lfw_att_40\.mat: Young of Ann_Lee/.*1\.jpg is 3"):
        lfwa_faces(make(tmp_path, np.array([[0, 3], *LABELS[1:]]).T), 40, tmp_path / "cache")


def test_picture_in_both_parts_raises(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="indices_img_test holds 2, which indices_img_train"):
        lfwa_faces(make(tmp_path, train=(1, 2)), 40, tmp_path / "cache")


def test_file_of_another_version_raises(tmp_path: Path) -> None:
    (make(tmp_path) / "lfw_att_40.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(500))
    with pytest.raises(InputError, match=r"lfw_att_40\.mat: not a MATLAB v7\.3 file") as error:
        lfwa_faces(tmp_path, 40, tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_missing_matrix_is_named(tmp_path: Path) -> None:
    with h5py.File(make(tmp_path) / "lfw_att_40.mat", "a") as file:
        del file["label"]
    with pytest.raises(InputError, match=r"lfw_att_40\.mat: without label, has"):
        lfwa_faces(tmp_path, 40, tmp_path / "cache")


def test_missing_files_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"lfw_att_73\.mat: not found: get LFWA at http"):
        lfwa_faces(tmp_path, 73, tmp_path / "cache")
