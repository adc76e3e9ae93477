"""Required files and lists of names of official data sets; a missing one is named with a remedy."""

from pathlib import Path

from vision_shared.inputs import InputError
from vision_shared.name_lists import read_list


def need(path: Path, remedy: str) -> Path:
    """Return a path that has to exist.

    Args:
        path: path of a file or folder of the data set.
        remedy: source of the data set, and the layout expected.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: not found: {remedy}")
    return path


def need_list(path: Path, remedy: str) -> list[str]:
    """The names in a list, one a line.

    Raises:
        FileNotFoundError: the list does not exist.
        InputError: as `vision_shared.name_lists.read_list`.
    """
    return read_list(need(path, remedy))


def check_split(split: str, splits: tuple[str, ...], data: str) -> None:
    """Raise `InputError` for a split that a data set does not have."""
    if split not in splits:
        raise InputError(f"expected a split of {data} ({', '.join(splits)}), got {split!r}")
