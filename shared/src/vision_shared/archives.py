"""Archives, zip and tar, unpacked where a hostile or a damaged one does no harm.

Nothing is written outside the folder, no link leads out of it, and no more is written than is
allowed. Python's own decryption does 0.6 MB a second (measured on one core): what is encrypted and
large is sooner unpacked by hand.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath

from vision_shared.inputs import InputError
from vision_shared.plain import one_line
from vision_shared.progress import show_progress

_ENCRYPTED = 0x1
_AES = 99  # method of compression that stands for AES
_TRIES = 3


def unpack(archive: Path, folder: Path, *, max_bytes: int, ask_password: Callable[[], str]) -> None:
    """Unpack an archive, told by its content, into a folder.

    Args:
        archive: zip, or tar, compressed or not.
        folder: an empty one.
        max_bytes: limit of all that is unpacked.
        ask_password: called where the archive is encrypted, again after a wrong one.

    Raises:
        InputError: no such archive, a damaged or an encrypted one, a member that would lie
            outside, or more than ``max_bytes``.
        OSError: the folder cannot be written to.
    """
    if zipfile.is_zipfile(archive):
        members = _unzip(archive, folder, max_bytes, ask_password)
    elif tarfile.is_tarfile(archive):
        members = _untar(archive, folder, max_bytes)
    else:
        raise InputError(
            f"{archive}: neither a zip nor a tar archive: get it again, or unpack it by hand"
        )
    damaged = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, LZMAError)
    try:
        with show_progress(archive.name, None, "files") as advance:
            for _ in members:
                advance()
    except tarfile.FilterError as error:
        raise InputError(f"{archive}: {one_line(error)}: not unpacked") from error
    except damaged as error:
        raise InputError(
            f"{archive}: a damaged archive, or a wrong password ({one_line(error)}): get it again"
        ) from error


def _unzip(
    archive: Path, folder: Path, max_bytes: int, ask_password: Callable[[], str]
) -> Iterator[None]:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        for member in members:
            _check_member(archive, member)
        _check_size(archive, sum(member.file_size for member in members), max_bytes)
        encrypted = next((m for m in members if m.flag_bits & _ENCRYPTED and m.file_size), None)
        if encrypted is not None:
            opened.setpassword(_password(opened, encrypted, archive, ask_password))
        for member in members:
            opened.extract(member, folder)
            yield


def _check_member(archive: Path, member: zipfile.ZipInfo) -> None:
    """Raise `InputError` for a member that leads outside; zipfile would rename it in silence."""
    name = member.filename
    # zipfile splits by "/" alone here; a "\" or a drive would matter where it is unpacked again
    is_absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive
    if is_absolute or ".." in PurePosixPath(name.replace("\\", "/")).parts:
        raise InputError(f"{archive}: {name!r} would lie outside of the folder: not unpacked")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InputError(f"{archive}: {name!r} is a link: not unpacked")


def _password(
    opened: zipfile.ZipFile,
    encrypted: zipfile.ZipInfo,
    archive: Path,
    ask_password: Callable[[], str],
) -> bytes:
    if encrypted.compress_type == _AES:
        raise InputError(f"{archive}: encrypted with AES: unpack it by hand, 7z x {archive}")
    for _ in range(_TRIES):
        password = ask_password().encode()
        try:
            with opened.open(encrypted, pwd=password) as member:
                member.read(1)
        except (RuntimeError, zlib.error):  # what zipfile raises for a wrong password
            continue
        return password
    raise InputError(f"{archive}: encrypted, and the password is another: ask for it at its page")


def _untar(archive: Path, folder: Path, max_bytes: int) -> Iterator[None]:
    num_bytes = 0
    with tarfile.open(archive) as opened:
        for member in opened:
            num_bytes += member.size + tarfile.BLOCKSIZE
            _check_size(archive, num_bytes, max_bytes)
            opened.extract(member, folder, filter="data")
            yield


def _check_size(archive: Path, num_bytes: int, max_bytes: int) -> None:
    if num_bytes > max_bytes:
        raise InputError(
            f"{archive}: would unpack to more than {max_bytes / 1e9:.1f} GB: not unpacked, for it "
            "may be made to fill the disk"
        )
