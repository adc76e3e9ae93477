"""LFWA (Liu et al., ICCV 2015): attributes of the images of Labeled Faces in the Wild.

lfw_att_40.mat, lfw_att_73.mat        MATLAB v7.3: AttrName, name, label (0 or 1)
indices_train_test.mat                rows of the images that train and test, from 1
lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg

Its 6,263 training images only fit linear classifiers on features that were learned on CelebA,
and the other 6,880 test them; so they are both its ``train`` and its ``val``. People in the two
parts differ, and an image's folder says who it is.

A damaged HDF5 file can crash its library, and the process with it: it is read in a process of its
own (`vision_shared.isolation`), which writes what is in it as plain arrays.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.annotation_cache import cached
from face_attributes.data.faces import Faces, unknown_places
from face_attributes.data.names import PARTS
from vision_shared.annotation_cache import load_packed, save_packed
from vision_shared.faults import Report, stop
from vision_shared.inputs import InputError, check_input
from vision_shared.isolation import Convert, convert_one
from vision_shared.plain import one_line, shown

if TYPE_CHECKING:
    import h5py

PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
INDICES = ("indices_img_train", "indices_img_test")
RECORD = "unpacked"
FOLDERS = ("lfw", "lfw-deepfunneled", "lfw_funneled", "lfw-funneled")


def lfwa_faces(root: Path, num_attributes: int, cache: Path) -> Faces:
    """All faces of LFWA; their parts are ``val`` (which trains, too) and ``test``.

    Args:
        root: folder that holds its files.
        num_attributes: 40, or 73 with those that networks never trained on.
        cache: a folder for `packed`; the files take ten seconds to read.

    Raises:
        FileNotFoundError: a file is not there; says where to get it.
        InputError: one that cannot be used.
    """
    labels, indices, folder = find_lfwa(root, num_attributes)
    return cached(cache, [labels, indices], folder, lambda: read_lfwa(labels, indices, folder))


def find_lfwa(root: Path, num_attributes: int) -> tuple[Path, Path, Path]:
    """The files of labels and indices, and the folder of images; raises as `lfwa_faces`."""
    if num_attributes not in (40, 73):
        raise InputError(f"expected 40 or 73 attributes of LFWA, got {num_attributes}")
    labels, indices = root / f"lfw_att_{num_attributes}.mat", root / "indices_train_test.mat"
    folder = next((root / name for name in FOLDERS if (root / name).is_dir()), root / "lfw")
    for path in (labels, indices, folder):
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: not found: get LFWA at {PAGE} and unpack it, so that {root} holds "
                f"{labels.name}, {indices.name} and the folder lfw"
            )
    return labels, indices, folder


def read_lfwa(labels: Path, indices: Path, folder: Path, report: Report = stop) -> Faces:
    """Read the files of labels and indices.

    Args:
        labels: labels of the images.
        indices: indices of the samples.
        folder: folder of the images.
        report: function that takes a line about labels that are neither 0 nor 1, and
            images in both splits.

    Raises:
        InputError: a file that cannot be used at all.
    """
    facts, (values,) = _unpacked(unpack_labels, labels)
    attributes, names = facts["attributes"], facts["names"]
    if values.shape == (len(attributes), len(names)):  # MATLAB's columns are HDF5's rows
        values = values.T
    if values.shape != (len(names), len(attributes)):
        raise InputError(
            f"{labels}: label of {values.shape}, expected {len(names)} images by "
            f"{len(attributes)} attributes"
        )
    for row, column in np.argwhere(~np.isin(values, (0, 1))):
        value = f"{values[row, column]:g}"
        report(f"{labels}: {attributes[column]} of {names[row]} is {value}, expected 0 or 1")
    boxes, landmarks = unknown_places(len(names))
    faces = Faces(
        folder,
        np.char.encode(np.array(names), "utf-8"),
        tuple(name.strip() for name in attributes),
        np.where(values > 0, 1, -1).astype(np.int8),
        read_parts(indices, len(names), report),
        people(names),
        boxes,
        landmarks,
        labels,
    )
    return faces.take(faces.parts >= 0)


def read_parts(path: Path, num_pictures: int, report: Report = stop) -> NDArray[np.int8]:
    """The part of each image, -1 for none, from MATLAB's indices, which count from 1.

    Raises:
        InputError: an index that is no image's.
    """
    parts = np.full(num_pictures, -1, np.int8)
    _, matrices = _unpacked(unpack_indices, path)
    for part, name, matrix in zip(("val", "test"), INDICES, matrices, strict=True):
        numbers = matrix.ravel()
        inside = (numbers >= 1) & (numbers <= num_pictures)
        if not len(numbers) or not inside.all():
            raise InputError(
                f"{path}: {name} from {numbers.min(initial=0):g} to "
                f"{numbers.max(initial=0):g}, expected from 1 to {num_pictures}"
            )
        rows = numbers.astype(np.int64) - 1
        for row in rows[parts[rows] >= 0]:
            report(f"{path}: {name} holds {row + 1}, which indices_img_train holds, too")
        parts[rows] = PARTS.index(part)
    return parts


def _unpacked(unpack: Convert, path: Path) -> tuple[dict[str, Any], list[NDArray]]:
    """Return what a process of its own finds in a MATLAB file; raises as it does."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "unpacked"
        convert_one(unpack, path, target)
        found = load_packed(target, RECORD)
    assert found is not None
    return found


def unpack_labels(source: Path, target: Path) -> None:
    """Write the names and labels of a MATLAB file as plain values and arrays.

    Raises:
        InputError: as `open_matlab`, `read_cells` and `read_matrix`.
    """
    with open_matlab(source) as file:
        attributes = read_cells(file, "AttrName")
        names = [name.replace("\\", "/") for name in read_cells(file, "name")]
        values = read_matrix(file, "label")
    save_packed(target, RECORD, {"attributes": attributes, "names": names}, [values])


def unpack_indices(source: Path, target: Path) -> None:
    """Write the indices of a MATLAB file as plain arrays; raises as `unpack_labels`."""
    with open_matlab(source) as file:
        save_packed(target, RECORD, {}, [read_matrix(file, name) for name in INDICES])


def open_matlab(path: Path) -> "h5py.File":
    """Open a MATLAB v7.3 file, which is an HDF5 file.

    Raises:
        InputError: not there, empty, damaged, or of another version.
    """
    import h5py  # 0.3 s: who uses other data need not wait

    check_input(path, "MATLAB file")
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError, ValueError) as error:
        reason = one_line(error)
        raise InputError(f"{path}: not a MATLAB v7.3 file that can be read ({reason})") from error


def read_cells(file: "h5py.File", name: str) -> list[str]:
    """The texts of a cell array; a cell holds a reference to UTF-16 numbers.

    Raises:
        InputError: the file has no such array, or it holds something else.
    """
    try:
        cells = _dataset(file, name)
        return ["".join(map(chr, file[cell][()].ravel())) for cell in cells[()].ravel()]
    except _FAULTS as error:
        reason = one_line(error)
        raise InputError(f"{file.filename}: {name} is no cell array of texts ({reason})") from error


def read_matrix(file: "h5py.File", name: str) -> NDArray[np.float64]:
    """The numbers of a matrix, with MATLAB's columns as rows; raises as `read_cells`."""
    try:
        return np.asarray(_dataset(file, name)[()], np.float64)
    except _FAULTS as error:
        raise InputError(f"{file.filename}: {name} is no matrix ({one_line(error)})") from error


def people(names: Sequence[str]) -> NDArray[np.int32]:
    """Who it is: a number for each folder."""
    folders = [name.rpartition("/")[0] for name in names]
    return np.unique(folders, return_inverse=True)[1].astype(np.int32)


_FAULTS = (AttributeError, KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError)
"""What h5py raises, depending on which bytes are wrong."""


def _dataset(file: "h5py.File", name: str) -> Any:
    if name not in file:
        there = ", ".join(shown(key)[1:-1] for key in file)
        raise InputError(f"{file.filename}: without {name}, has {there}")
    return file[name]
