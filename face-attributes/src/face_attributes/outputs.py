"""What prediction writes: for a picture, and for a video."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import av
import numpy as np
from numpy.typing import NDArray

from face_attributes.drawing import annotate, annotate_frame, response_map
from face_attributes.finder import FaceFinder, Found
from vision_shared.images import read_image, write_image
from vision_shared.inputs import InputError, new_file
from vision_shared.progress import frame_progress
from vision_shared.video.colour import from_rgb, to_rgb
from vision_shared.video.reader import TimedFrame, VideoReader
from vision_shared.video.writer import VideoWriter

Picture = NDArray[np.uint8]

LONGEST = 20
"""A picture's longer side over its shorter one, at most: every picture is scaled by the shorter."""


def targets(source: Path, folder: Path, *, is_video: bool, has_maps: bool) -> dict[str, Path]:
    """Return what an input becomes beside its lines: ``faces``, and ``response`` of a search."""
    suffix = ".mp4" if is_video else ".png"
    names = ["faces"] + ["response"] * has_maps
    return {name: folder / f"{source.stem}_{name}{suffix}" for name in names}


def describe_picture(
    source: Path, written: dict[str, Path], finder: FaceFinder, lines: TextIO, *, overwrite: bool
) -> dict[str, Any]:
    """Find the faces of a picture and write all of its outputs, or none.

    Args:
        source: the picture.
        written: from `targets`.
        finder: the networks.
        lines: takes one line of JSON.
        overwrite: replace files of those names.

    Returns:
        Plain values: how many ``faces``.

    Raises:
        InputError: the picture cannot be used, or an output may not be written.
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
        _write_line(lines, {"file": str(source), "faces": plain_faces(found)})
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
    count, with_faces, seconds = 0, 0, 0.0
    with ExitStack() as stack:
        reader = stack.enter_context(VideoReader(source))
        advance = stack.enter_context(frame_progress(source.name, reader.num_frames))
        writers = {
            name: stack.enter_context(
                VideoWriter(
                    path,
                    reader,
                    rate=reader.rate,
                    tick=reader.tick,
                    audio_stretch=1 if name == "faces" else None,
                    overwrite=overwrite,
                )
            )
            for name, path in written.items()
        }
        _expect_shape(source, to_rgb(reader.first))
        for frame, shown_at in reader.frames(writers["faces"].write_audio):
            quarters = turns(frame)
            image = np.ascontiguousarray(np.rot90(to_rgb(frame), quarters))
            began = time.perf_counter()
            found = finder(image)
            seconds += time.perf_counter() - began
            drawn = {"faces": annotate_frame(image, found.faces)}
            if found.response is not None:
                drawn["response"] = response_map(found.response)
            for name, writer in writers.items():
                picture = np.ascontiguousarray(np.rot90(drawn[name], -quarters))
                writer.write(TimedFrame(from_rgb(picture, frame), shown_at))
            facts = {"file": str(source), "frame": count, "time": float(shown_at)}
            _write_line(lines, {**facts, "faces": plain_faces(found)})
            count, with_faces = count + 1, with_faces + bool(found.faces)
            advance()
    rate = round(count / max(seconds, 1e-9), 2)
    facts = {"frames": count, "with_faces": with_faces, "frames_per_second": rate}
    return facts, reader.damage


def plain_faces(found: Found) -> list[dict[str, Any]]:
    """Return faces as the lines have them, rounded to what means something."""
    return [
        {
            "box": [round(x, 2) for x in face.box],
            "score": face.score,
            "attributes": {name: round(said, 4) for name, said in face.attributes.items()},
        }
        for face in found.faces
    ]


def turns(frame: av.VideoFrame) -> int:
    """Return by how many quarters, counterclockwise, a player turns a frame."""
    return round(frame.rotation / 90) % 4


def _expect_shape(source: Path, image: Picture) -> None:
    height, width = image.shape[:2]
    if max(height, width) > LONGEST * min(height, width):
        raise InputError(
            f"{source}: {width}x{height} pixels; expected a longer side of at most {LONGEST} times "
            "the shorter; cut it into parts"
        )


def _write_line(lines: TextIO, facts: dict[str, Any]) -> None:
    lines.write(json.dumps(facts) + "\n")
