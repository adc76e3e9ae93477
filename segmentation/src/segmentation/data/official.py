"""What the official data sets share: a clear word when a file is not there, and lists of names."""

from pathlib import Path

from vision_shared.inputs import InputError


def need(path: Path, remedy: str) -> Path:
    """Return a path that has to exist.

    Args:
        path: of a file or folder of the data set.
        remedy: where to get the data set, and the layout expected.

    Raises:
        FileNotFoundError: it does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: not found: {remedy}")
    return path


def need_list(path: Path, remedy: str) -> list[str]:
    """The names in a list, one a line, which may hold blanks; empty lines do not count.

    Raises:
        FileNotFoundError: the list does not exist.
        InputError: it has no name, or is no text in UTF-8.
    """
    try:
        lines = need(path, remedy).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}): save it as such") from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise InputError(f"{path}: an empty list, expected a name a line: get the file again")
    return names


def check_split(split: str, splits: tuple[str, ...], data: str) -> None:
    """Raise `InputError` for a part that a data set does not have."""
    if split not in splits:
        raise InputError(f"expected a part of {data} ({', '.join(splits)}), got {split!r}")
