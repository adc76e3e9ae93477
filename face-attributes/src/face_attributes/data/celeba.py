"""CelebA (Liu et al., ICCV 2015), however it came to this machine.

Img/img_align_celeba/000001.jpg       202,599 aligned images of 178x218
Img/img_celeba/000001.jpg             the photographs that they were cut from ("in the wild")
Anno/list_attr_celeba.txt             40 attributes, -1 or 1
Anno/list_bbox_celeba.txt             boxes x, y, width, height in the photographs, never in the
                                      aligned images
Anno/list_landmarks_celeba.txt        in the photographs
Anno/list_landmarks_align_celeba.txt  in the aligned images
Anno/identity_CelebA.txt              on request from the authors: may be missing
Eval/list_eval_partition.txt          0, 1, 2: train, val, test

All files may also lie in one folder, be Kaggle's (.csv, images in img_align_celeba/
img_align_celeba, attributes 0 or 1 in some), or be PNG files in img_align_celeba_png. Rows are
joined by the images' names, so their order does not matter. Boxes and landmarks may be missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face_attributes.data.annotation_cache import cached
from face_attributes.data.faces import NOBODY, Faces, unknown_places
from face_attributes.data.names import LANDMARKS, PARTS
from face_attributes.data.text import Names, NumberTable, read_table
from vision_shared.csv_tables import CORNERS, SIZED, box_columns
from vision_shared.faults import Report, line_of, stop
from vision_shared.inputs import InputError

Images = Literal["aligned", "wild"]

PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
FOLDERS = (
    "",
    "Anno",
    "Eval",
    "Img",
    "celeba",
    "CelebA",
    "CelebA/Anno",
    "CelebA/Eval",
    "CelebA/Img",
)
"""Where files are looked for below the root."""

LANDMARK_COLUMNS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")

IMAGES = {"aligned": ("img_align_celeba", "img_align_celeba_png"), "wild": ("img_celeba",)}
LANDMARK_LISTS = {"aligned": "list_landmarks_align_celeba", "wild": "list_landmarks_celeba"}
IDENTITIES = ("identity_CelebA.txt", "identity_CelebA.csv", "identity.csv")


@dataclass(frozen=True)
class CelebaFiles:
    """Where the files of a CelebA lie; those that may be missing are None.

    Attributes:
        folder: folder of the images.
        attributes, partition, identities, boxes, landmarks: the lists.
    """

    folder: Path
    attributes: Path
    partition: Path
    identities: Path | None
    boxes: Path | None
    landmarks: Path | None

    def lists(self) -> list[Path]:
        """Return the paths of the lists that are there."""
        paths = (self.attributes, self.partition, self.identities, self.boxes, self.landmarks)
        return [path for path in paths if path is not None]


def celeba_faces(root: Path, images: Images, cache: Path) -> Faces:
    """All faces of a CelebA.

    Args:
        root: folder that holds its files.
        images: ``aligned``, which have no boxes, or ``wild``.
        cache: a folder for `packed`.

    Raises:
        FileNotFoundError: a file is not there; says where to get it.
        InputError: a list that cannot be used.
    """
    files = find_celeba(root, images)
    return cached(cache, files.lists(), files.folder, lambda: read_celeba(files))


def find_celeba(root: Path, images: Images) -> CelebaFiles:
    """Find the files below a folder; raises as `celeba_faces`."""
    if images not in IMAGES:
        raise InputError(f"expected images of CelebA (aligned, wild), got {images!r}")
    folder = _find(root, IMAGES[images])
    attributes = _find_list(root, "list_attr_celeba")
    partition = _find_list(root, "list_eval_partition")
    needed = {
        IMAGES[images][0]: folder,
        "list_attr_celeba.txt": attributes,
        "list_eval_partition.txt": partition,
    }
    for name, path in needed.items():
        if path is None:
            raise FileNotFoundError(_absent(root, name))
    assert folder is not None and attributes is not None and partition is not None
    return CelebaFiles(
        _nested(folder),
        attributes,
        partition,
        _find(root, IDENTITIES),
        _find_list(root, "list_bbox_celeba") if images == "wild" else None,
        _find_list(root, LANDMARK_LISTS[images]),
    )


def read_celeba(files: CelebaFiles, report: Report = stop) -> Faces:
    """Read the lists and join them by the names of the images.

    Args:
        files: files from `find_celeba`.
        report: function that takes a line about every fault in the lists.

    Raises:
        InputError: a list that cannot be used at all.
    """
    listed = read_table(files.attributes, report=report)
    names = listed.names
    boxes, landmarks = unknown_places(len(names))
    if files.boxes is not None:
        numbers = _joined(read_box_table(files.boxes, report), listed, report, missing=-1)
        boxes = corners(numbers)
        _check_sizes(files.boxes, names, numbers, report)
    if files.landmarks is not None:
        table = read_table(files.landmarks, LANDMARK_COLUMNS, report)
        points = _joined(table, listed, report, missing=-1)
        landmarks = points.reshape(-1, 5, 2).astype(np.float32)
        landmarks[(points == -1).all(axis=1)] = np.nan
    identities = np.full((len(names), 1), NOBODY, np.int32)
    if files.identities is not None:
        table = read_table(files.identities, ("identity",), report)
        identities = _joined(table, listed, report, missing=NOBODY)
    return Faces(
        files.folder,
        _file_names(names, files.folder),
        listed.columns,
        labels_of(listed, report),
        _parts(read_table(files.partition, ("partition",), report), listed, report),
        identities[:, 0],
        boxes,
        landmarks,
        files.attributes,
        files.boxes,
    )


def labels_of(table: NumberTable, report: Report = stop) -> NDArray[np.int8]:
    """Attributes as -1, 0 (not known) and 1, from values of -1 and 1, 0 and 1, or all three."""
    values = table.values
    for row, column in np.argwhere((values < -1) | (values > 1)):
        report(
            f"{table.path}:{table.lines[row]}: {table.columns[column]} is {values[row, column]}, "
            "expected 1, -1 or 0"
        )
    return signed(np.clip(values, -1, 1).astype(np.int8))


def signed(labels: NDArray[np.int8]) -> NDArray[np.int8]:
    """Labels as -1, 0 and 1: without a -1 among them, 0 is a no, else it is not known."""
    return labels if (labels == -1).any() else labels * 2 - 1


def corners(boxes: NDArray[np.integer]) -> NDArray[np.float32]:
    """From x, y, width, height to x1, y1, x2, y2, (N, 4); no box, NaN, where there is no area."""
    out = boxes.astype(np.float32)
    out[:, 2:] += out[:, :2]
    out[(boxes[:, 2:] <= 0).any(axis=1)] = np.nan
    return out


def read_boxes(path: Path, names: Names, report: Report = stop) -> NDArray[np.float32]:
    """Boxes (N, 4) of images, from a file like list_bbox_celeba.txt that has a row for each.

    Raises:
        FileNotFoundError: the file is not there.
        InputError: it cannot be used.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file, expected boxes as list_bbox_celeba.txt")
    table = read_box_table(path, report)
    rows = table.rows_of(names)
    if (rows < 0).any():
        missing = names[rows < 0]
        others = f" (nor for {len(missing) - 1} others)" if len(missing) > 1 else ""
        report(f"{path}: no box for {missing[0].decode()}{others}, expected a row an image")
    numbers = np.where(rows[:, None] >= 0, table.values[rows], 0)
    _check_sizes(path, names, numbers, report)
    return corners(numbers)


def read_box_table(path: Path, report: Report = stop) -> NumberTable:
    """Read x, y, width and height, from a file of those or of corners; raises as `read_table`."""
    table = read_table(path, box_columns, report)
    if table.columns != CORNERS:
        return table
    sizes = table.values[:, 2:] - table.values[:, :2]
    return replace(table, columns=SIZED, values=np.hstack([table.values[:, :2], sizes]))


def _parts(table: NumberTable, listed: NumberTable, report: Report) -> NDArray[np.int8]:
    parts = _joined(table, listed, report, missing=0)[:, 0]
    rows = np.flatnonzero((parts < 0) | (parts >= len(PARTS)))
    for row in rows:
        where = line_of(table.path, listed.names[row].decode())
        report(f"{where}: part {parts[row]}, expected 0 (train), 1 (val) or 2 (test)")
    return parts.astype(np.int8)


def _joined(
    table: NumberTable, listed: NumberTable, report: Report, *, missing: int
) -> NDArray[np.int32]:
    """Values of a table in the order of another; reports rows that one of them lacks."""
    rows = table.rows_of(listed.names)
    for row in np.flatnonzero(rows < 0):
        name = listed.names[row].decode(errors="replace")
        report(f"{table.path}: no row for {name}, which {listed.path}:{listed.lines[row]} lists")
    for row in np.flatnonzero(listed.rows_of(table.names) < 0):
        name = table.names[row].decode(errors="replace")
        report(f"{table.path}:{table.lines[row]}: {name} is not in {listed.path}")
    if not len(table.names):
        return np.full((len(rows), table.values.shape[1]), missing, np.int32)
    return np.where(rows[:, None] >= 0, table.values[rows], np.int32(missing))


def _check_sizes(
    path: Path, names: Names, boxes: NDArray[np.integer], report: Report = stop
) -> None:
    """Report boxes without area, but for 0 0 0 0, which says that there is none."""
    for row in np.flatnonzero((boxes[:, 2:] <= 0).any(axis=1)):
        x, y, width, height = boxes[row].tolist()
        if (x, y, width, height) not in ((0, 0, 0, 0), (-1, -1, -1, -1)):
            where = line_of(path, names[row].decode())
            report(f"{where}: a box of {width}x{height} pixels, expected a width and a height")


def _file_names(names: Names, folder: Path) -> Names:
    """Names as the files have them: the lists say .jpg also where the images are .png."""
    if not folder.name.endswith("_png"):
        return names
    return np.char.replace(names, b".jpg", b".png")


def _nested(folder: Path) -> Path:
    """The folder, or the one of the same name in it, as Kaggle's archive unpacks."""
    inside = folder / folder.name
    return inside if inside.is_dir() else folder


def _find(root: Path, names: Sequence[str]) -> Path | None:
    paths = (root / folder / name for name in names for folder in FOLDERS)
    return next((path for path in paths if path.exists()), None)


def _find_list(root: Path, name: str) -> Path | None:
    return _find(root, (f"{name}.txt", f"{name}.csv"))


def _absent(root: Path, name: str) -> str:
    archive = _find(root, (f"{name}.zip", f"{name}.7z.001", f"{name}.7z/{name}.7z.001"))
    if archive is not None:
        return f"{archive}: not unpacked: unpack it there, so that {archive.parent / name} exists"
    return (
        f"{root / name}: not found, nor in {root / 'Anno'}, Eval or Img: get CelebA at {PAGE} "
        "(or its CSV files and images at Kaggle) and unpack it there"
    )
