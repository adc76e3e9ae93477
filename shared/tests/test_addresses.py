"""Checkpoints by address, from a server on this machine and from a hub's cache."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from huggingface_hub import constants

from vision_shared.addresses import DEFAULT_FILE, cache_folder, check_address, fetch, is_address
from vision_shared.inputs import InputError

CONTENT = bytes(range(256)) * 4000
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves one file; whole at ``/whole``, cut off at the first request at ``/cut``."""

    requests: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        begin = self.headers["Range"]
        Server.requests.append(begin)
        if not self.path.startswith(("/whole", "/cut")):
            self.send_error(404)
            return
        start = int(begin.removeprefix("bytes=").rstrip("-")) if begin else 0
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if begin:
            end = f"{start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            self.send_header("Content-Range", f"bytes {end}")
        self.end_headers()
        is_cut = self.path.startswith("/cut") and not begin
        self.wfile.write(CONTENT[start : 300_000 if is_cut else None])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Server.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_a_file_is_fetched_once_and_kept(server: str) -> None:
    address = f"{server}/whole.ckpt#sha256={SUM.upper()}"
    path = fetch(address)
    assert path.read_bytes() == CONTENT
    assert path.suffix == ".ckpt"  # which says how it is read
    assert fetch(address) == path
    assert Server.requests == [None]


def test_a_broken_connection_is_resumed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    assert fetch(f"{server}/cut.safetensors#sha256={SUM}").read_bytes() == CONTENT
    assert Server.requests == [None, "bytes=300000-"]


@pytest.mark.parametrize(
    ("path", "said"),
    [(f"whole.ckpt#sha256={'0' * 64}", SUM), (f"none.ckpt#sha256={SUM}", "404")],
    ids=["another sum", "not there"],
)
def test_what_is_not_the_file_is_not_kept(server: str, path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fetch(f"{server}/{path}")
    assert list(cache_folder().iterdir()) == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://example.org/net.ckpt", "#sha256="),
        (f"http://example.org/net.ckpt#sha256={SUM}", "https://"),
        (f"https://example.org/#sha256={SUM}", r"\.safetensors or \.ckpt"),
        ("ftp://example.org/net.ckpt", "https://"),
        ("hf://owner", "hf://owner/repository"),
    ],
)
def test_an_incomplete_address_is_refused_before_anything_is_fetched(
    address: str, said: str
) -> None:
    assert is_address(address)
    with pytest.raises(InputError, match=said):
        check_address(address)


@pytest.mark.parametrize("name", ["last", "runs/a.ckpt", "C:/runs/a.ckpt", "10:30:00.ckpt"])
def test_paths_are_no_addresses(name: str) -> None:
    assert not is_address(name)


def test_a_file_of_the_hub_is_taken_from_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    commit = "0123456789" * 4
    kept = tmp_path / "models--owner--net" / "snapshots" / commit / DEFAULT_FILE
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    assert fetch(f"hf://owner/net@{commit}").read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"hf://owner/net/other\.ckpt"):
        fetch(f"hf://owner/net/other.ckpt@{commit}")
