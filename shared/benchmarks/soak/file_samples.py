"""File formats that are damaged, each with a small sound sample and what reads it.

A reader is a command's own ``main``, which returns an exit code, or a function that raises
InputError for a user's mistake.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import data_samples
from inputs import checkpoint_of, image_of, run_ffmpeg

Read = Callable[[], int | None]


@dataclass(frozen=True)
class Sample:
    """A sound sample.

    Attributes:
        files: those that are damaged, one at a time.
        read: reads it; returns the exit code of a command, or None.
    """

    files: list[Path]
    read: Read


Make = Callable[[Path, Path], Sample]
"""Makes a sample in an empty folder, from the folder of `inputs.make_inputs`."""

IMAGES: dict[str, dict[str, Any]] = {
    **{f"image .{suffix}": {} for suffix in ("bmp", "jpg", "png", "tif", "webp")},
    "image .tif, LZW": {"compression": "tiff_lzw"},
    **{f"animation .{suffix}": {"save_all": True} for suffix in ("gif", "png", "webp")},
}
"""What Pillow is told when it saves one."""

VIDEOS = {
    "avi": ("-c:v", "mpeg4"),
    "mkv": ("-c:v", "libx264"),
    "mov": ("-c:v", "prores"),
    "mp4": ("-c:v", "libx265", "-x265-params", "log-level=none"),
    "webm": ("-c:v", "libvpx-vp9"),
}


def all_formats() -> dict[str, Make]:
    """Return what makes a sample of each format, by the format's name."""
    return {
        **{name: partial(_image, name) for name in IMAGES},
        **{f"video .{suffix}": partial(_video, suffix) for suffix in VIDEOS},
        "predict: .jpg": _predicted_image,
        "predict: .mp4 with sound": _predicted_video,
        "checkpoint .ckpt": _checkpoint,
        "checkpoint .safetensors": _weights,
        **{name: partial(_of_data, make) for name, make in data_samples.FORMATS.items()},
    }


def _of_data(make: data_samples.Make, folder: Path, inputs: Path) -> Sample:
    return Sample(*make(folder, inputs))


def _image(name: str, folder: Path, inputs: Path) -> Sample:
    from PIL import Image, ImageOps

    from vision_shared.images import read_image

    path = folder / f"image{name.partition(' ')[2].partition(',')[0]}"
    with Image.open(image_of(inputs)) as image:
        options = dict(IMAGES[name])
        if "save_all" in options:
            options["append_images"] = [ImageOps.mirror(image), ImageOps.invert(image)]
        image.save(path, **options)
    return Sample([path], lambda: _nothing(read_image(path)))


def _video(suffix: str, folder: Path, inputs: Path) -> Sample:
    from vision_shared.video.reader import read_frames

    path = folder / f"clip.{suffix}"
    run_ffmpeg("-i", inputs / "clips/clip.mp4", "-t", "0.5", "-an", *VIDEOS[suffix], path)
    return Sample([path], lambda: _nothing(list(read_frames(path))))


def _predicted_image(folder: Path, inputs: Path) -> Sample:
    path = folder / "image.jpg"
    shutil.copy(image_of(inputs), path)
    return Sample([path], partial(_segment, checkpoint_of(inputs, "segmentation"), path, folder))


def _predicted_video(folder: Path, inputs: Path) -> Sample:
    from voxel_flow.predict import main

    path = folder / "clip.mp4"
    tone = ("-f", "lavfi", "-i", "sine=duration=0.3")
    run_ffmpeg("-i", inputs / "clips/clip.mp4", *tone, "-t", "0.3", "-s", "64x48", path)
    return Sample([path], lambda: main([str(path), "-o", str(folder / "out.mp4"), "--overwrite"]))


def _checkpoint(folder: Path, inputs: Path) -> Sample:
    path = folder / "network.ckpt"
    shutil.copy(checkpoint_of(inputs, "segmentation"), path)
    image = image_of(inputs)
    return Sample([path], partial(_segment, path, image, folder))


def _weights(folder: Path, inputs: Path) -> Sample:
    from vision_shared.checkpoints import read_checkpoint, write_weights

    path = folder / "network.safetensors"
    write_weights(path, read_checkpoint(checkpoint_of(inputs, "segmentation")))
    image = image_of(inputs)
    return Sample([path], partial(_segment, path, image, folder))


def _segment(checkpoint: Path, image: Path, folder: Path) -> int:
    from segmentation.predict import main

    output = ("-o", str(folder / "out"), "--overwrite")
    return main([str(image), *output, "--checkpoint", str(checkpoint)])


def _nothing(read: object) -> None:
    """Drop what was read."""
