"""Files of data sets, fetched from the web: resumed where they broke off, checked by their sums.

What has come of a file lies in ``NAME.part`` beside it, and is gone on from by the next call. It
becomes NAME once it is whole and has the sum that is known of it.
"""

# Commands read the tables of files before their arguments: what is heavy is imported below.
from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vision_shared.inputs import InputError
from vision_shared.quiet import only_errors
from vision_shared.unfinished import try_lock

_PAGE_BEGINS = (b"<!doctype html", b"<html")
_RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True)
class File:
    """A file of a data set.

    Attributes:
        name: name of the file.
        makes: path that it leaves below the root of the data set: its own, or, of an archive, one
            of what it holds, by which an unpacked archive is known.
        address: address of the web; None where a form stands before it.
        digest: ``sha256:...`` or ``md5:...`` in hexadecimal digits; None where none is known.
        num_bytes: its size; None where it is not known.
        is_archive: whether it is unpacked; zip and tar, compressed or not.
        into: folder below the root that an archive is unpacked into, a beginning of ``makes``.
        arrange: ``module:function`` of what is called with the folder of what was unpacked, to
            bring it into the official layout.
    """

    name: str
    makes: str
    address: str | None = None
    digest: str | None = None
    num_bytes: int | None = None
    is_archive: bool = True
    into: str = ""
    arrange: str | None = None


def download(file: File, target: Path) -> str:
    """Fetch a file that has an address; a broken connection, or an earlier call, is resumed.

    Args:
        file: file of a data set.
        target: path of the file to write; its folder is made where it is missing.

    Returns:
        The sum of what was fetched, as `File.digest` gives it.

    Raises:
        InputError: it cannot be fetched or written; or it is a web page or has another sum, in
            which case nothing is kept of it.
    """
    assert file.address is not None
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as opened:
        if try_lock(opened.fileno()) is False:
            raise InputError(f"{part}: another process is fetching it")
        _check_room(file, part)
        _fetch(file, part)
        try:
            found = check_sum(file, part)
        except InputError as error:
            part.unlink()
            raise InputError(f"{file.address}: {error}; nothing is kept of it") from error
        part.replace(target)
    return found


def check_sum(file: File, path: Path) -> str:
    """Return the sum of a file; raise `InputError` where another is known of it."""
    kind = file.digest.partition(":")[0] if file.digest else "sha256"
    with path.open("rb") as opened:
        beginning = opened.read(64).lstrip().lower()
        opened.seek(0)
        found = f"{kind}:{hashlib.file_digest(opened, kind).hexdigest()}"
    if beginning.startswith(_PAGE_BEGINS):
        raise InputError(
            f"{path}: a web page instead of the file (servers have daily limits): try later, or "
            f"get {file.name} by hand"
        )
    if file.digest and found != file.digest:
        raise InputError(f"{path}: its sum is {found}, expected {file.digest}: get it again")
    return found


def _check_room(file: File, part: Path) -> None:
    missing = (file.num_bytes or 0) - part.stat().st_size
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        raise InputError(
            f"{part.parent}: {free / 1e9:.1f} GB are free, and {file.name} needs "
            f"{missing / 1e9:.1f} GB: make room, or name another folder"
        )


def _fetch(file: File, part: Path) -> None:
    """Append what is missing to a file."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    from vision_shared.addresses import network_errors
    from vision_shared.plain import one_line

    have = part.stat().st_size
    if have and have == file.num_bytes:
        return
    try:
        # a line for each time that a connection is tried again would be many
        with part.open("ab") as opened, only_errors("huggingface_hub.file_download"):
            http_get(
                str(file.address),
                opened,
                resume_size=have,
                headers={"Accept-Encoding": "identity"},  # ranges are of the file's own bytes
                displayed_filename=file.name,
                tqdm_class=_progress_bar(),
            )
    except (HfHubHTTPError, OSError, *network_errors()) as error:
        if getattr(getattr(error, "response", None), "status_code", 0) == _RANGE_NOT_SATISFIABLE:
            return  # it was whole already; its sum says whether it is the file
        if isinstance(error, OSError) and error.strerror:  # of the disk
            raise InputError(
                f"{part}: {error.strerror}; what has come is kept, and the same command goes on"
            ) from error
        raise InputError(
            f"{file.address}: {file.name} cannot be fetched: {one_line(error)}; what has come is "
            "kept, and the same command goes on"
        ) from error


def _progress_bar() -> Any:
    """Return the bar of huggingface_hub; in a log, which keeps every line, twice a minute."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs, mininterval=0.1 if sys.stderr.isatty() else 30)

    return Bar
