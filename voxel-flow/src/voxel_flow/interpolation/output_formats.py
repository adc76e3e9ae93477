"""Formats of an output, by its name; a new one is a row here and a writer in `conversion`."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from vision_shared.inputs import VIDEO_OUTPUTS


class OutputFormat(Enum):
    """What an output is."""

    VIDEO = "video"
    ANIMATION = "animated image"
    FOLDER = "folder of numbered images"
    PLOT = "image that compares"


SUFFIXES: Mapping[OutputFormat, tuple[str, ...]] = {
    OutputFormat.VIDEO: VIDEO_OUTPUTS,
    OutputFormat.ANIMATION: (".gif", ".webp"),
    OutputFormat.FOLDER: (),
    OutputFormat.PLOT: (".png", ".jpg", ".webp"),
}
"""Suffixes of each format's names; the first one is the default."""


def find_format(target: Path, *, compares: bool, of_images: bool) -> OutputFormat:
    """Return the format of an output.

    Args:
        target: path of the output.
        compares: whether the output is a plot.
        of_images: whether it is made of images, which may become a folder of them.

    >>> find_format(Path("a.gif"), compares=False, of_images=True).value
    'animated image'
    >>> find_format(Path("frames"), compares=False, of_images=True).value
    'folder of numbered images'
    """
    if compares:
        return OutputFormat.PLOT
    if of_images and (target.is_dir() or not target.suffix):
        return OutputFormat.FOLDER
    is_video = target.suffix.lower() in SUFFIXES[OutputFormat.VIDEO]
    return OutputFormat.VIDEO if is_video else OutputFormat.ANIMATION
