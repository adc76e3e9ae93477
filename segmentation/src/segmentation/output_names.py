"""Names of the files that prediction writes."""

from __future__ import annotations

from pathlib import Path

ENDINGS = (
    *(".png", "_overlay.png", "_stages.png"),
    *("_overlay.mp4", "_stages.mp4", "_compare.mp4"),
)
"""Of the names of all images and videos that are written."""


def targets(name: Path, *, is_video: bool, has_stages: bool) -> dict[str, Path]:
    """Return what an input becomes: ``labels`` (images only), ``overlay``, ``stages``, ``areas``.

    Videos have their areas in JSON lines, one a frame.

    Args:
        name: name of all of it, without what each one's own name ends in.
        is_video: whether the input is a video.
        has_stages: whether the network has a cascade.
    """
    moving = ".mp4" if is_video else ".png"
    endings = {"overlay": f"_overlay{moving}"}
    if has_stages:
        endings["stages"] = f"_stages{moving}"
    if not is_video:
        endings["labels"] = ".png"
    endings["areas"] = f".json{'l' if is_video else ''}"
    return {what: name.with_name(f"{name.name}{end}") for what, end in endings.items()}
