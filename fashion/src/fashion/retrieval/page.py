"""The page of a video's garments: one file of HTML, beside the video, which it seeks in."""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from fashion.garment import Picture
from fashion.retrieval.spotted import Spotted

NAMED = 5
"""Attributes of a garment that its title names, the likeliest."""

STYLE = """\
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 70em; color: #222; }
section { display: flex; gap: 1em; border-top: 1px solid #ccc; padding: 1em 0; }
section > div { flex: 1; min-width: 0; }
.bar { position: relative; height: 8px; background: #eee; margin: .5em 0; }
.bar span { position: absolute; height: 8px; min-width: 2px; background: #c33; }
figure { display: inline-block; margin: 0 .6em .6em 0; width: 8em; vertical-align: top; }
figcaption { font-size: 12px; overflow-wrap: anywhere; }
img { max-width: 100%; max-height: 10em; }
video { max-width: 100%; max-height: 60vh; background: #000; }
.player { position: sticky; top: 0; background: #fff; padding: .5em 0; z-index: 1; }
.bar i { position: absolute; top: -3px; height: 14px; width: 2px; background: #06c; left: 0; }
.bar, [data-at] { cursor: pointer; }
"""

PLAYED = (".mp4", ".m4v", ".mov", ".webm", ".ogv")
"""What browsers play; of other videos the page is the same without a player."""

SCRIPT = """\
const video = document.querySelector("video");
const seconds = Number(document.body.dataset.seconds);
document.addEventListener("click", (event) => {
  const spot = event.target.closest("[data-at], .bar");
  if (!spot || !video) return;
  const bar = spot.getBoundingClientRect();
  const share = Math.min(Math.max((event.clientX - bar.left) / bar.width, 0), 1);
  video.currentTime = "at" in spot.dataset ? Number(spot.dataset.at) : share * seconds;
});
if (video) video.addEventListener("timeupdate", () => {
  const left = `${100 * video.currentTime / seconds}%`;
  for (const mark of document.querySelectorAll(".bar i")) mark.style.left = left;
});
"""
"""A click on a bar seeks there, and one on an image to when it was seen."""


def timeline_page(timeline: Mapping[str, Any], spotted: Sequence[Spotted], folder: Path) -> str:
    """Return a page: the video, and of each garment a bar of when it is seen, and what it is like.

    Args:
        timeline: ``video`` and ``seconds``.
        spotted: its garments.
        folder: folder of the page, from which it refers to the video.
    """
    video = Path(timeline["video"])
    name = escape(video.name)
    seconds = timeline["seconds"]
    sections = "\n".join(_section(garment, seconds) for garment in spotted)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Garments of {name}</title>\n<style>\n{STYLE}</style>\n</head>\n"
        f'<body data-seconds="{seconds}">\n'
        f"<h1>Garments of {name}</h1>\n<p>{len(spotted)} in {seconds:.1f} s</p>\n"
        f"{_player(video, folder)}{sections}\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _player(video: Path, folder: Path) -> str:
    if video.suffix.lower() not in PLAYED:
        return ""
    source = quote(os.path.relpath(video.resolve(), folder.resolve()))
    return (
        f'<div class="player"><video src="{source}" controls muted preload="metadata"></video>'
        "<p>A click on a bar or on an image shows that moment.</p></div>\n"
    )


def _section(garment: Spotted, seconds: float) -> str:
    facts = garment.facts
    first, last = facts["first"], facts["last"]
    left, width = (100 * x / max(seconds, 1e-9) for x in (first, last - first))
    words = ", ".join([facts["category"], *list(facts["attributes"])[:NAMED]])
    hits = "\n".join(
        _figure(path.read_bytes(), f"{hit['similarity']:.3f} {hit['category']}, {hit['file']}")
        for path, hit in zip(garment.hits, facts["hits"], strict=True)
    )
    when = facts["best_time"]
    best = _figure(_jpeg(garment.thumbnail), f"at {when:.1f} s", f' data-at="{when}"')
    return (
        f"<section>\n{best}\n<div>\n"
        f"<h2>{facts['number']}: {escape(words)}</h2>\n"
        f"<p>{first:.1f} s to {last:.1f} s, seen {facts['sightings']} times</p>\n"
        f'<div class="bar"><span style="left:{left:.2f}%;width:{width:.2f}%"></span><i></i></div>\n'
        f"{hits}\n</div>\n</section>"
    )


def _figure(jpeg: bytes, line: str, more: str = "") -> str:
    source = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    caption = escape(line)
    return f'<figure{more}><img src="{source}" alt=""><figcaption>{caption}</figcaption></figure>'


def _jpeg(picture: Picture) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
