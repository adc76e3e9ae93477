"""Lists of names in text files, as data sets have them for their splits."""

from pathlib import Path

from vision_shared.inputs import InputError


def read_list(path: Path) -> list[str]:
    """Return the lines of a list but for empty ones, without blanks around them.

    Names may hold blanks; a byte order mark and any ends of lines are read.

    Raises:
        InputError: it has no entry, or is no text in UTF-8.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}): save it as such") from error
    entries = [line.strip() for line in lines if line.strip()]
    if not entries:
        raise InputError(f"{path}: an empty list, expected an entry a line: get the file again")
    return entries
