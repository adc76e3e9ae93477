"""What prediction writes: for an image, for a video, and for two networks on one video."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segmentation.data.labels import ClassList
from segmentation.drawing import overlay, stage_map
from segmentation.segmenter import Segmented, Segmenter
from vision_shared.images import read_image, write_image
from vision_shared.inputs import new_file
from vision_shared.video.annotation import annotate_video

Picture = NDArray[np.uint8]


def segment_picture(
    source: Path, written: Mapping[str, Path], segmenter: Segmenter, *, overwrite: bool
) -> dict[str, Any]:
    """Segment an image and write all of its outputs, or none.

    Args:
        source: the image.
        written: output paths from `targets`.
        segmenter: the network.
        overwrite: whether to replace files of those names.

    Returns:
        Plain values: ``areas`` of the classes, the network's ``seconds``, a cascade's ``stages``.

    Raises:
        InputError: the image cannot be read, or an output may not be written.
    """
    image = read_image(source)
    segmented = segmenter(image)
    facts = _facts(segmented, segmenter)
    with _new_files(written, overwrite) as files:
        write_image(files["overlay"], overlay(image, segmented.labels, segmenter.classes))
        write_labels(files["labels"], segmented.labels, segmenter.classes)
        if "stages" in files and segmented.stages is not None:
            write_image(files["stages"], stage_map(segmented.stages, image.shape[:2]))
        files["areas"].write_text(json.dumps({"input": str(source), **facts}, indent=2) + "\n")
    return facts


def segment_video(
    source: Path, written: Mapping[str, Path], segmenter: Segmenter, *, overwrite: bool
) -> tuple[dict[str, Any], str | None]:
    """Segment a video frame by frame, as a player shows it, in memory that does not grow with it.

    Args: as `segment_picture`, of a video.

    Returns:
        Plain values: ``frames``, ``frames_per_second`` of the network, mean ``areas``; and one line
        about what of the video could not be decoded, or None.

    Raises:
        InputError: the video cannot be read, or an output may not be written.
    """
    total = np.zeros(len(segmenter.classes))
    seconds = 0.0
    videos = {name: path for name, path in written.items() if name != "areas"}
    with (
        new_file(written["areas"], overwrite=overwrite) as lines,
        lines.open("w") as log,
    ):

        def draw(image: Picture, time: Fraction) -> dict[str, Picture]:
            nonlocal total, seconds
            segmented = segmenter(image)
            log.write(json.dumps({"time": float(time), **_facts(segmented, segmenter)}) + "\n")
            pixels = np.bincount(segmented.labels.ravel(), minlength=len(total))
            total += pixels / segmented.labels.size
            seconds += segmented.seconds
            drawn = {"overlay": overlay(image, segmented.labels, segmenter.classes)}
            if segmented.stages is not None:
                drawn["stages"] = stage_map(segmented.stages, image.shape[:2])
            return drawn

        count, damage, notices = annotate_video(source, videos, draw, overwrite=overwrite)
    shares = zip(segmenter.classes.names, (total / max(count, 1)).tolist(), strict=True)
    facts = {
        "frames": count,
        "notices": notices,
        "frames_per_second": round(count / max(seconds, 1e-9), 2),
        "areas": {name: share for name, share in shares if share},
    }
    return facts, damage


def compare_video(
    source: Path, target: Path, segmenters: Mapping[str, Segmenter], *, overwrite: bool
) -> tuple[dict[str, Any], str | None]:
    """Write a video that shows two networks side by side, their frames per second burnt in.

    Each half has half of the width; the rate is of the network alone, over all frames so far.

    Args:
        source: the video.
        target: the video to write.
        segmenters: the two, by the name that is burnt in.
        overwrite: whether to replace a file of that name.

    Returns:
        ``frames`` and ``frames_per_second`` by name; and damage, as `segment_video`.

    Raises:
        InputError: as `segment_video`.
    """
    seconds, seen = dict.fromkeys(segmenters, 0.0), 0

    def draw(image: Picture, time: Fraction) -> dict[str, Picture]:
        nonlocal seen
        seen += 1
        halves = []
        for name, segmenter in segmenters.items():
            segmented = segmenter(image)
            seconds[name] += segmented.seconds
            drawn = overlay(image, segmented.labels, segmenter.classes)
            halves.append(burn_in(drawn, f"{name}: {seen / seconds[name]:.1f} FPS"))
        return {"both": side_by_side(halves, image.shape[:2])}

    count, damage, notices = annotate_video(source, {"both": target}, draw, overwrite=overwrite)
    rates = {name: round(count / max(x, 1e-9), 2) for name, x in seconds.items()}
    return {"frames": count, "notices": notices, "frames_per_second": rates}, damage


def write_labels(path: Path, labels: NDArray[np.uint8], classes: ClassList) -> None:
    """Write (H, W) class ids as a PNG of indices with the classes' palette."""
    image = Image.fromarray(labels)
    image.putpalette(classes.colours().ravel().tolist())
    image.save(path)


def burn_in(image: Picture, text: str) -> Picture:
    """Write a line at the top left, white on a dark ground."""
    drawn = Image.fromarray(image)
    pen = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(max(10, image.shape[0] // 20))
    box = pen.textbbox((4, 4), text, font=font)
    pen.rectangle((0, 0, box[2] + 4, box[3] + 4), fill=(0, 0, 0))
    pen.text((4, 4), text, font=font, fill=(255, 255, 255))
    return np.asarray(drawn)


def side_by_side(pictures: list[Picture], size: tuple[int, int]) -> Picture:
    """Set two images beside each other, each scaled to half of the width, centred on black."""
    height, width = size
    canvas = np.zeros((height, width, 3), np.uint8)
    half = width // 2
    tall = max(1, height * half // width)
    top = (height - tall) // 2
    for k, picture in enumerate(pictures):
        small = Image.fromarray(picture).resize((half, tall), Image.Resampling.BOX)
        canvas[top : top + tall, k * half : (k + 1) * half] = np.asarray(small)
    return canvas


def _facts(segmented: Segmented, segmenter: Segmenter) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "areas": segmented.areas(segmenter.classes),
        "seconds": round(segmented.seconds, 4),
    }
    if segmented.stages is not None:
        left = np.bincount(segmented.stages.ravel(), minlength=int(segmented.stages.max()) + 1)
        facts["stages"] = (left / left.sum()).tolist()
    return facts


@contextmanager
def _new_files(written: Mapping[str, Path], overwrite: bool) -> Iterator[dict[str, Path]]:
    """Yield temporary names for all outputs of an input; all take their names, or none does."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(new_file(path, overwrite=overwrite))
            for name, path in written.items()
        }
