"""What prediction writes: for an image, and for a video."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from face_attributes.drawing import annotate, annotate_frame, response_map
from face_attributes.finder import FaceFinder, Found, unreliable
from vision_shared.images import read_image, write_image
from vision_shared.inputs import InputError, new_file
from vision_shared.video.annotation import annotate_video

Picture = NDArray[np.uint8]

LONGEST = 20
"""An image's longer side over its shorter one, at most: every image is scaled by the shorter."""


ENDINGS = tuple(f"_{name}{end}" for name in ("faces", "response") for end in (".png", ".mp4"))
"""Of the names of all images and videos that are written."""


def targets(name: Path, *, is_video: bool, has_maps: bool) -> dict[str, Path]:
    """Return what an input becomes beside its lines: ``faces``, and ``response`` of a search.

    Args:
        name: name of both, without what each one's own name ends in.
        is_video: whether the input is a video.
        has_maps: whether there is a search whose maps are wanted.
    """
    suffix = ".mp4" if is_video else ".png"
    kinds = ["faces"] + ["response"] * has_maps
    return {what: name.with_name(f"{name.name}_{what}{suffix}") for what in kinds}


def describe_picture(
    source: Path, written: dict[str, Path], finder: FaceFinder, lines: TextIO, *, overwrite: bool
) -> dict[str, Any]:
    """Find the faces of an image and write all of its outputs, or none.

    Args:
        source: the image.
        written: output paths from `targets`.
        finder: the networks.
        lines: function that takes one line of JSON.
        overwrite: whether to replace files of those names.

    Returns:
        Plain values: how many ``faces``.

    Raises:
        InputError: the image cannot be used, or an output may not be written.
    """
    image = read_image(source)
    _expect_shape(source, image)
    found = finder(image)
    drawn = {"faces": annotate(image, found.faces)}
    if found.response is not None:
        drawn["response"] = response_map(found.response)
    with ExitStack() as stack:
        for name, path in written.items():
            write_image(stack.enter_context(new_file(path, overwrite=overwrite)), drawn[name])
        doubtful = unreliable(finder.tagger)
        _write_line(lines, {"file": str(source), "faces": plain_faces(found, doubtful)})
    return {"faces": len(found.faces)}


def describe_video(
    source: Path, written: dict[str, Path], finder: FaceFinder, lines: TextIO, *, overwrite: bool
) -> tuple[dict[str, Any], str | None]:
    """Find the faces of each frame of a video, in memory that does not grow with its length.

    Frames are looked at, and boxes are given, as a player shows them: turned by the video's display
    matrix, as those of telephones are.

    Args: as `describe_picture`, of a video; it has a line for each frame, with its number from 0
        and its time in seconds.

    Returns:
        Plain values: ``frames``, those ``with_faces``, ``frames_per_second`` of the networks; and
        one line about what of the video could not be decoded, or None.

    Raises:
        InputError: the video cannot be read, or an output may not be written.
    """
    seen, with_faces, seconds = 0, 0, 0.0

    def draw(image: Picture, shown_at: Fraction) -> dict[str, Picture]:
        nonlocal seen, with_faces, seconds
        _expect_shape(source, image)
        began = time.perf_counter()
        found = finder(image)
        seconds += time.perf_counter() - began
        facts = {"file": str(source), "frame": seen, "time": float(shown_at)}
        _write_line(lines, {**facts, "faces": plain_faces(found, unreliable(finder.tagger))})
        seen, with_faces = seen + 1, with_faces + bool(found.faces)
        drawn = {"faces": annotate_frame(image, found.faces)}
        if found.response is not None:
            drawn["response"] = response_map(found.response)
        return drawn

    count, damage, notices = annotate_video(source, written, draw, overwrite=overwrite)
    rate = round(count / max(seconds, 1e-9), 2)
    facts = {"frames": count, "notices": notices, "with_faces": with_faces}
    return {**facts, "frames_per_second": rate}, damage


def plain_faces(found: Found, doubtful: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return faces as the lines have them, rounded to what means something.

    Args:
        found: the faces.
        doubtful: attributes that did not hold on photographs: they stand apart, as ``unreliable``.
    """
    plain = []
    for face in found.faces:
        said = {name: round(value, 4) for name, value in face.attributes.items()}
        parts = {"attributes": {n: v for n, v in said.items() if n not in doubtful}}
        if apart := {n: v for n, v in said.items() if n in doubtful}:
            parts["unreliable"] = apart
        box = [round(x, 2) for x in face.box]
        plain.append({"box": box, "score": face.score, **parts})
    return plain


def _expect_shape(source: Path, image: Picture) -> None:
    height, width = image.shape[:2]
    if max(height, width) > LONGEST * min(height, width):
        raise InputError(
            f"{source}: {width}x{height} pixels; expected a longer side of at most {LONGEST} times "
            "the shorter; cut it into parts"
        )


def _write_line(lines: TextIO, facts: dict[str, Any]) -> None:
    lines.write(json.dumps(facts) + "\n")
