"""Checkpoints named by an address: what the internet has, fetched once and kept.

    https://example.org/network.safetensors#sha256=9f86d0...
    hf://owner/repository[/file][@revision]

A web page's file is checked against its sum, which is a part of the address, and kept in
``$XDG_CACHE_HOME/vision_shared``. The Hugging Face Hub's files are kept in the hub's own cache, and
``HF_HUB_OFFLINE=1``, ``HF_HOME`` and ``HF_TOKEN`` mean what they mean there. What is kept is used
without a network.
"""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vision_shared.inputs import InputError
from vision_shared.plain import one_line
from vision_shared.unfinished import unfinished

DEFAULT_FILE = "model.safetensors"
"""Of a repository on the hub, as `vision_shared.publish` names it."""

_HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+?)(?:/(?P<file>[^@]+))?(?:@(?P<revision>[^@]+))?")
_HERE = ("127.0.0.1", "localhost")  # where a page without encryption is no risk


def is_address(name: str) -> bool:
    """Whether ``name`` is an address, good or not, and no path."""
    return re.match(r"[a-z]+://", name) is not None


def check_address(address: str) -> None:
    """Raise `InputError` unless an address is complete; nothing is fetched."""
    if address.startswith("hf://"):
        if _HUB.fullmatch(address) is None:
            raise InputError(f"{address}: expected hf://owner/repository[/file][@revision]")
        return
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise InputError(f"{address}: expected an address that begins with https:// or hf://")
    if _sum_of(address) is None:
        raise InputError(
            f"{address}: add the file's sum, #sha256= and 64 digits, so that no other is taken"
        )
    if not Path(unquote(parts.path)).suffix:
        raise InputError(f"{address}: expected the address of a .safetensors or .ckpt file")


def check_repository(address: str) -> str:
    """Return the repository, owner/name, that an address of the hub names; nothing more.

    Raises:
        InputError: it names more, or less.
    """
    match = _HUB.fullmatch(address)
    if match is None or match["file"] or match["revision"]:
        raise InputError(f"{address}: expected hf://owner/repository")
    return match["repo"]


def fetch(address: str) -> Path:
    """Return the file at an address, fetched unless it is kept.

    Args:
        address: address of a web page's file or of the hub's.

    Raises:
        InputError: an address that `check_address` refuses, a file that cannot be fetched, or one
            with another sum.
    """
    check_address(address)
    return _from_hub(address) if address.startswith("hf://") else _from_web(address)


def _sum_of(address: str) -> str | None:
    match = re.fullmatch(r"sha256=([0-9a-f]{64})", urlsplit(address).fragment.lower())
    return match and match[1]


def _from_hub(address: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    match = _HUB.fullmatch(address)
    assert match is not None
    repo, file, revision = match["repo"], match["file"] or DEFAULT_FILE, match["revision"]
    try:
        return Path(hf_hub_download(repo, file, revision=revision))
    except (HfHubHTTPError, HFValidationError, OSError, *network_errors()) as error:
        raise InputError(f"{address}: {file} cannot be had: {one_line(error)}") from error


def _from_web(address: str) -> Path:
    expected = _sum_of(address)
    name = Path(unquote(urlsplit(address).path)).name
    kept = cache_folder() / f"{expected}-{name}"
    if kept.is_file():
        return kept
    with unfinished(kept) as temporary:
        found = _download(address, temporary)
        if found != expected:
            raise InputError(f"{address}: the file there has another sum, sha256={found}")
        os.replace(temporary, kept)
    return kept


def _download(address: str, target: Path) -> str:
    """Write what is at an address to ``target``; return its sum. A broken connection is resumed."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    try:
        with target.open("w+b") as file:
            http_get(urlsplit(address)._replace(fragment="").geturl(), file)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (HfHubHTTPError, OSError, *network_errors()) as error:
        raise InputError(f"{address}: cannot be fetched: {one_line(error)}") from error


def network_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the client that the hub's library is built on and lets through."""
    import httpx2

    return (httpx2.HTTPError, httpx2.InvalidURL)


def cache_folder() -> Path:
    """Return where files of the web are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "vision_shared"
