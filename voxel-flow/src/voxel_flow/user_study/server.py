"""The server of a study's page, for browsers of this machine alone."""

from __future__ import annotations

import json
import mimetypes
import re
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from voxel_flow.user_study.pairs import Pairs, next_pair
from voxel_flow.user_study.votes import Vote, append_vote, read_votes

PAGE = Path(__file__).with_name("page.html")
HOST = "127.0.0.1"
LONGEST = 10_000  # bytes of a vote
PIECE = 1 << 20  # bytes that are sent at once


class Study:
    """What is asked, and what was answered.

    Args:
        pairs: pairs of clips.
        votes: a file, to which votes are added; those in it are not asked again.

    Raises:
        InputError: a file that holds something else.
    """

    def __init__(self, pairs: Pairs, votes: Path) -> None:
        self.pairs, self.path = pairs, votes
        self._done: dict[str, set[str]] = {}
        self._lock = Lock()
        # a file's address says neither its method nor its name
        self._files = {secrets.token_hex(8): p for both in pairs.values() for p in both.values()}
        self._urls = {path: f"/clip/{token}" for token, path in self._files.items()}
        for vote in read_votes(votes) if votes.is_file() else ():
            self._done.setdefault(vote.viewer, set()).add(vote.clip)
        self._clips = {secrets.token_hex(8): clip for clip in pairs}
        self._tokens = {clip: token for token, clip in self._clips.items()}

    def ask(self, viewer: str) -> dict[str, Any]:
        """Return the next pair of a viewer, for the page; empty after the last."""
        done = self._done.get(viewer, set())
        asked = next_pair(self.pairs, viewer, done)
        if asked is None:
            return {}
        clip, left = asked
        sides = {"left": left, "right": "AB".replace(left, "")}
        files = {side: self.pairs[clip][method] for side, method in sides.items()}
        shown = {side: {"url": self._urls[p], "type": type_of(p)} for side, p in files.items()}
        return {"clip": self._tokens[clip], "left_over": len(self.pairs) - len(done), **shown}

    def take(self, answer: dict[str, Any]) -> None:
        """Write down a vote.

        Raises:
            ValueError: it answers no question of this study.
        """
        viewer, side = str(answer.get("viewer")), answer.get("side")
        clip, seconds = self._clips.get(str(answer.get("clip"))), answer.get("seconds")
        is_number = isinstance(seconds, int | float)
        if not (_is_viewer(viewer) and is_number and clip) or side not in ("left", "right", "same"):
            raise ValueError("expected viewer, clip, side and seconds")
        with self._lock:
            done = self._done.setdefault(viewer, set())
            asked = next_pair(self.pairs, viewer, done)
            if asked is None or asked[0] != clip:
                raise ValueError("not what was asked")
            left = asked[1]
            chosen = {"left": left, "right": "AB".replace(left, ""), "same": "same"}[side]
            append_vote(self.path, Vote(viewer, clip, left, chosen, round(float(seconds), 2)))
            done.add(clip)

    def file(self, token: str) -> Path | None:
        """Return the clip at an address; None if there is none."""
        return self._files.get(token)


def serve(study: Study, port: int) -> ThreadingHTTPServer:
    """Return a server of a study's page on this machine; port 0 takes any that is free."""

    class Handler(_Handler):
        asked = study

    return ThreadingHTTPServer((HOST, port), Handler)


def type_of(path: Path) -> str:
    """Return the MIME type of a file by its name."""
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _is_viewer(viewer: str) -> bool:
    return re.fullmatch(r"[\w-]{1,64}", viewer) is not None


class _Handler(BaseHTTPRequestHandler):
    asked: Study
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The page, the next pair, or a clip."""
        url = urlsplit(self.path)
        viewer = parse_qs(url.query).get("viewer", [""])[0]
        path = self.asked.file(url.path.removeprefix("/clip/"))
        if not self._is_ours():
            self.send_error(HTTPStatus.FORBIDDEN)
        elif url.path == "/":
            self._send(PAGE.read_bytes(), "text/html; charset=utf-8")
        elif url.path == "/next" and _is_viewer(viewer):
            self._send(json.dumps(self.asked.ask(viewer)).encode(), "application/json")
        elif path is not None:
            self._send_file(path)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A vote."""
        length = self.headers.get("Content-Length", "")
        # another site's page cannot send this type without asking first
        is_json = self.headers.get("Content-Type") == "application/json"
        if not (self._is_ours() and is_json and self.path == "/vote"):
            self.close_connection = True
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        if not (length.isdecimal() and int(length) <= LONGEST):
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            answer = json.loads(self.rfile.read(int(length)))
            if not isinstance(answer, dict):
                raise ValueError("expected an object")
            self.asked.take(answer)
        except (ValueError, RecursionError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, str(error)[:100].replace("\n", " "))
            return
        self._send(b"{}", "application/json")

    def _is_ours(self) -> bool:
        """Whether the browser means this machine, not a name that leads to it."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (HOST, "localhost")

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self, path: Path) -> None:
        """Send a file, or the part of it that players ask for to seek."""
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked else 0
        end = min(int(asked[2]) + 1 if asked and asked[2] else size, size)
        if begin >= end:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.send_header("Content-Type", type_of(path))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(begin)
            while begin < end:
                piece = file.read(min(PIECE, end - begin))
                if not piece:
                    return
                self.wfile.write(piece)
                begin += len(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: votes are in their file."""
