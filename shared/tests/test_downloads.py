"""Files of data sets from a server on this machine: whole, cut off, wrong, and on a full disk."""

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from huggingface_hub import constants

from vision_shared.downloads import File, download
from vision_shared.inputs import InputError

CONTENT = bytes(range(256)) * 4000
SUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(BaseHTTPRequestHandler):
    """Serves `CONTENT` with ranges; at ``/cut`` it breaks off, at ``/page`` is a web page."""

    ranges: ClassVar[list[str | None]] = []
    num_cut: ClassVar[int] = 0

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        Server.ranges.append(wanted)
        if self.path == "/none":
            self.send_error(404)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        content = b"<!DOCTYPE html><p>quota exceeded" if self.path == "/page" else CONTENT
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if self.path == "/without-ranges":
            start, wanted = 0, None
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        is_cut = self.path == "/cut" and Server.num_cut > 0
        Server.num_cut -= is_cut
        self.wfile.write(content[start : start + 300_000 if is_cut else None])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    Server.ranges.clear()
    Server.num_cut = 1
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        Thread(target=running.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def file_at(address: str) -> File:
    return File("data.bin", "data.bin", address, SUM, len(CONTENT))


@pytest.mark.parametrize("path", ["whole", "moved", "cut"])
def test_a_file_comes_whole(server: str, tmp_path: Path, path: str) -> None:
    target = tmp_path / "new" / "data.bin"
    assert download(file_at(f"{server}/{path}"), target) == SUM
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("path", ["whole", "without-ranges"])
def test_what_an_earlier_call_has_fetched_is_gone_on_from(
    server: str, tmp_path: Path, path: str
) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:123_456])
    download(file_at(f"{server}/{path}"), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert Server.ranges == ["bytes=123456-"]


@pytest.mark.parametrize("num_bytes", [len(CONTENT), None], ids=["known", "unknown"])
def test_a_whole_part_is_not_fetched_again(
    server: str, tmp_path: Path, num_bytes: int | None
) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    download(replace(file_at(f"{server}/whole"), num_bytes=num_bytes), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "digest", "said"),
    [
        ("whole", "sha256:" + "0" * 64, SUM),
        ("whole", "md5:" + "0" * 32, hashlib.md5(CONTENT).hexdigest()),
        ("page", None, "a web page instead of the file"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    server: str, tmp_path: Path, path: str, digest: str | None, said: str
) -> None:
    file = File("data.bin", "data.bin", f"{server}/{path}", digest)
    with pytest.raises(InputError, match=said):
        download(file, tmp_path / "data.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_sum_that_no_one_knows_is_reported(server: str, tmp_path: Path) -> None:
    file = File("data.bin", "data.bin", f"{server}/whole")
    assert download(file, tmp_path / "data.bin") == SUM


def test_a_file_that_is_not_there_is_one_line(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.bin cannot be fetched: .*404") as caught:
        download(file_at(f"{server}/none"), tmp_path / "data.bin")
    assert "\n" not in str(caught.value)


def test_too_little_room_is_said_before_anything_is_fetched(server: str, tmp_path: Path) -> None:
    file = replace(file_at(f"{server}/whole"), num_bytes=10**18)
    with pytest.raises(InputError, match="make room"):
        download(file, tmp_path / "data.bin")
    assert Server.ranges == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_what_has_come_is_kept(server: str, small_disk: Path) -> None:
    file = replace(file_at(f"{server}/whole"), num_bytes=None)
    with pytest.raises(InputError, match=r"data\.bin\.part: No space left on device; what has"):
        download(file, small_disk / "data.bin")
    (part,) = small_disk.iterdir()
    assert CONTENT.startswith(part.read_bytes()) and part.stat().st_size > 0
