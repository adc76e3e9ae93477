"""Archives: whole, with a password, damaged, and made to do harm."""

import base64
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vision_shared.archives import unpack
from vision_shared.inputs import InputError

MANY = 10**9

LOCKED = base64.b64decode(
    "UEsDBAoACQAAAFEcgV2pMMX+EwAAAAcAAAAFABwAYS50eHRVVAkAA0lADmtJQA5rdXgLAAEEAAAAAAQAAAAAsJAV"
    "wCdEP3JCaDOT4lPOhabfhlBLBwipMMX+EwAAAAcAAABQSwECHgMKAAkAAABRHIFdqTDF/hMAAAAHAAAABQAYAAAA"
    "AAABAAAApIEAAAAAYS50eHRVVAUAA0lADmt1eAsAAQQAAAAABAAAAABQSwUGAAAAAAEAAQBLAAAAYgAAAAAA"
)
"""A zip file of a.txt, encrypted as DeepFashion's are with the password "secret"."""


def unpacked(archive: Path, max_bytes: int = MANY, passwords: list[str] | None = None) -> Path:
    folder = archive.parent / "folder"
    folder.mkdir()
    given = iter(passwords or [])
    unpack(archive, folder, max_bytes=max_bytes, ask_password=lambda: next(given))
    return folder


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tar_of(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    member.size = len(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(member, io.BytesIO(content))
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize("make", ["zip", "tar"])
def test_an_archive_is_told_by_its_content(tmp_path: Path, make: str) -> None:
    archive = tmp_path / "data"  # without a suffix
    if make == "zip":
        zip_of(archive, **{"a/b.txt": b"content"})
    else:
        tar_of(archive, tar_member("a/b.txt"), b"content")
    assert (unpacked(archive) / "a" / "b.txt").read_bytes() == b"content"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: zip_of(path, **{"../outside.txt": b""}),
        lambda path: zip_of(path, **{"/tmp/outside.txt": b""}),
        lambda path: zip_of(path, **{"a\\..\\..\\outside.txt": b""}),
        lambda path: tar_of(path, tar_member("../outside.txt")),
        lambda path: tar_of(path, tar_member("link", tarfile.SYMTYPE, "../../outside")),
        lambda path: tar_of(path, tar_member("link", tarfile.LNKTYPE, "../../outside")),
        lambda path: tar_of(path, tar_member("device", tarfile.CHRTYPE)),
    ],
    ids=["zip ..", "zip /", "zip \\", "tar ..", "tar symlink", "tar hard link", "tar device"],
)
def test_what_leads_outside_is_refused(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    archive = make(tmp_path / "hostile")
    with pytest.raises(InputError, match=r"hostile: .*not unpacked"):
        unpacked(archive)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "hostile"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "hostile", "w") as archive:
        archive.writestr(member, "../outside")
    with pytest.raises(InputError, match="is a link"):
        unpacked(tmp_path / "hostile")


@pytest.mark.parametrize("make", ["zip", "tar"])
def test_an_archive_that_fills_the_disk_is_refused(tmp_path: Path, make: str) -> None:
    zeros = bytes(5_000_000)
    if make == "zip":
        archive = zip_of(tmp_path / "bomb", zeros=zeros)
    else:
        archive = tar_of(tmp_path / "bomb", tar_member("zeros"), zeros)
    assert archive.stat().st_size < 10_000
    with pytest.raises(InputError, match="more than"):
        unpacked(archive, max_bytes=1_000_000)
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("make", ["zip", "tar", "nothing"])
def test_a_damaged_archive_is_one_line(tmp_path: Path, make: str) -> None:
    archive = tmp_path / "damaged"
    content = bytes(range(256)) * 100
    if make == "zip":
        zip_of(archive, a=content)
    elif make == "tar":
        tar_of(archive, tar_member("a"), content)
    damaged = bytearray(archive.read_bytes()) if archive.exists() else bytearray(b"no archive")
    damaged[60:90] = bytes(30)
    archive.write_bytes(damaged)
    with pytest.raises(InputError, match=r"damaged: .*get it again") as caught:
        unpacked(archive)
    assert "\n" not in str(caught.value)


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    (tmp_path / "locked.zip").write_bytes(LOCKED)
    return tmp_path / "locked.zip"


def test_a_password_is_asked_for_until_it_fits(encrypted: Path) -> None:
    folder = unpacked(encrypted, passwords=["wrong", "secret"])
    assert (folder / "a.txt").read_text() == "content"


def test_wrong_passwords_are_one_line(encrypted: Path) -> None:
    with pytest.raises(InputError, match=r"encrypted, and the password is another"):
        unpacked(encrypted, passwords=["wrong"] * 3)
