"""Files of DeepFashion's benchmarks below a root: their lists, and the folder of the images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fashion.data.deepfashion.parsing import Row, read_rows

PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html"
IMAGE_FOLDERS = ("", "Img", "img", "Img/img", "img/img", "Img/Img")
"""Folders below the root that may hold the first folder of the images' names: archives nest."""


@dataclass(frozen=True)
class Files:
    """The files of a benchmark.

    Attributes:
        folder: folder that the lists' names of images start from.
        lists: paths by a short name; optional ones may be absent.
    """

    folder: Path
    lists: Mapping[str, Path]


def find_files(
    root: Path,
    benchmark: str,
    folders: Sequence[str],
    needed: Mapping[str, str],
    optional: Mapping[str, str] | None = None,
) -> Files:
    """Find the files of a benchmark.

    Args:
        root: folder of the benchmark.
        benchmark: name of the benchmark, for messages.
        folders: folders below the root that may hold its lists.
        needed: file names of lists, ``partition`` among them, by a short name.
        optional: file names of lists that may be missing.

    Raises:
        FileNotFoundError: a needed list or the images are missing; names the source.
    """
    lists = {}
    for key, name in {**needed, **(optional or {})}.items():
        path = find_list(root, name, folders)
        if path is not None:
            lists[key] = path
        elif key in needed:
            raise FileNotFoundError(
                f"{root / folders[0] / name}: not found: get DeepFashion's {benchmark} at {PAGE} "
                f"and unpack it there, with the folders {', '.join(dict.fromkeys(folders))}"
            )
    rows = read_rows(lists["partition"], lambda fault: None)
    return Files(image_folder(root, rows, lists["partition"]), lists)


def find_list(root: Path, name: str, folders: Sequence[str]) -> Path | None:
    """Return the path of a list in the first of ``folders`` (or the root) that has it, or None."""
    paths = (root / folder / name for folder in (*folders, ""))
    return next((path for path in paths if path.exists()), None)


def image_folder(root: Path, rows: Iterable[Row], listed_in: Path) -> Path:
    """Return the folder that the image names of a list's rows start from.

    A list names img/..., archives unpack to Img/img/..., img/img/... and the like: where one of
    the list's first 100 images is, the others are.

    Args:
        root: folder of the benchmark.
        rows: rows whose first field names an image.
        listed_in: path of the list, for messages.

    Raises:
        FileNotFoundError: no image of those in any of `IMAGE_FOLDERS`.
    """
    names = [row.fields[0] for row in islice(rows, 100)]
    for folder in IMAGE_FOLDERS:
        if any((root / folder / name).exists() for name in names):
            return root / folder
    first = names[0] if names else "img"
    raise FileNotFoundError(
        f"{root / first}: not found, nor below {', '.join(IMAGE_FOLDERS[1:])}: unpack the "
        f"images that {listed_in} lists ({PAGE}) so that their folder is {root / 'img'}"
    )
