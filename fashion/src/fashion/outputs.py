"""What prediction writes: for an image, and for a video."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from fashion.data.taxonomy import OCCLUDED, SLOTS, STATES, TYPES
from fashion.drawing import annotate
from fashion.garment import Garment, Picture, Recogniser, whole_picture
from vision_shared.images import read_image, write_image
from vision_shared.inputs import new_file
from vision_shared.video.annotation import annotate_video

Look = Callable[[Picture], list[Garment]]


def looker(recogniser: Recogniser, *, whole: bool) -> Look:
    """Return what tells an image's garments; ``whole``: the image is one."""
    if whole:
        return lambda image: recogniser(image, whole_picture(image))
    return recogniser


ENDINGS = ("_garments.png", "_garments.mp4")
"""Of the names of all images and videos that are written."""


def targets(name: Path, *, is_video: bool) -> dict[str, Path]:
    """Return what an input becomes: ``picture`` and ``facts``, a line a frame of a video.

    Args:
        name: name of both, without what each one's own name ends in.
        is_video: whether the input is a video.
    """
    picture, facts = ("_garments.mp4", ".jsonl") if is_video else ("_garments.png", ".json")
    return {
        "picture": name.with_name(f"{name.name}{picture}"),
        "facts": name.with_name(f"{name.name}{facts}"),
    }


def describe_picture(
    source: Path, written: Mapping[str, Path], look: Look, *, overwrite: bool
) -> dict[str, Any]:
    """Describe the garments of an image and write both outputs, or none.

    Args:
        source: the image.
        written: output paths from `targets`.
        look: function from `looker`.
        overwrite: whether to replace files of those names.

    Returns:
        Plain values: what the ``garments`` are, a word each.

    Raises:
        InputError: the image cannot be used, or an output may not be written.
    """
    image = read_image(source)
    garments = look(image)
    with ExitStack() as stack:
        picture, facts = (
            stack.enter_context(new_file(written[name], overwrite=overwrite))
            for name in ("picture", "facts")
        )
        write_image(picture, annotate(image, garments))
        plain = {"input": str(source), "garments": [plain_garment(g) for g in garments]}
        facts.write_text(json.dumps(plain, indent=2) + "\n")
    return {"garments": [garment.category or type_name(garment) for garment in garments]}


def describe_video(
    source: Path, written: Mapping[str, Path], look: Look, *, overwrite: bool
) -> tuple[dict[str, Any], str | None]:
    """Describe the garments of each frame of a video, in memory that does not grow with its length.

    Frames are looked at, and places are given, as a player shows them: turned by the video's
    display matrix, as those of telephones are.

    Args: as `describe_picture`, of a video.

    Returns:
        Plain values: ``frames``, those ``with_garments``, ``frames_per_second`` of the networks;
        and one line about what of the video could not be decoded, or None.

    Raises:
        InputError: the video cannot be read, or an output may not be written.
    """
    seen, with_garments, seconds = 0, 0, 0.0
    with (
        new_file(written["facts"], overwrite=overwrite) as lines,
        lines.open("w") as log,
    ):

        def draw(image: Picture, shown_at: Fraction) -> dict[str, Picture]:
            nonlocal seen, with_garments, seconds
            began = time.perf_counter()
            garments = look(image)
            seconds += time.perf_counter() - began
            facts = {"frame": seen, "time": float(shown_at)}
            log.write(json.dumps({**facts, "garments": list(map(plain_garment, garments))}) + "\n")
            seen, with_garments = seen + 1, with_garments + bool(garments)
            return {"picture": annotate(image, garments)}

        videos = {"picture": written["picture"]}
        count, damage, notices = annotate_video(source, videos, draw, overwrite=overwrite)
    rate = round(count / max(seconds, 1e-9), 2)
    facts = {"frames": count, "notices": notices, "with_garments": with_garments}
    return {**facts, "frames_per_second": rate}, damage


def plain_garment(garment: Garment) -> dict[str, Any]:
    """Return a garment as JSON has it, rounded to what means something."""
    facts: dict[str, Any] = {
        "box": [round(x, 1) for x in garment.box],
        "type": type_name(garment),
        "score": round(garment.score, 4),
        "landmarks": {
            slot: {"x": round(x, 1), "y": round(y, 1), "state": STATES[state]}
            for slot, (x, y), state in zip(
                SLOTS, garment.landmarks.tolist(), garment.states.tolist(), strict=True
            )
            if state <= OCCLUDED
        },
    }
    if garment.category:
        facts |= {"category": garment.category, "probability": round(garment.probability, 4)}
    if garment.attributes:
        facts["attributes"] = {name: round(p, 4) for name, p in garment.attributes.items()}
    return facts


def type_name(garment: Garment) -> str:
    """Return ``upper``, ``lower``, ``full``, or ``garment`` where it is not known."""
    return TYPES[garment.type] if garment.type >= 0 else "garment"
