"""The classes of the data sets: names and colours, and the numbers that stand for them in masks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""Stands in every mask for a pixel that neither trains nor counts."""

Colour = tuple[int, int, int]

CREAM: Colour = (224, 224, 192)
"""Of ignored pixels in VOC's masks: entry 255 of its colour map."""


@dataclass(frozen=True)
class ClassList:
    """What the numbers 0, 1, ... in a mask mean.

    Attributes:
        names: names of the classes, in the order of their numbers; at most 255.
        palette: RGB in [0, 255], one for each name.

    Raises:
        ValueError: no class, too many, names that repeat, or another number of colours.
    """

    names: tuple[str, ...]
    palette: tuple[Colour, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= IGNORE:
            raise ValueError(f"expected 1 to {IGNORE} classes, got {len(self.names)}")
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"expected every class once, got {twice!r} again")
        if len(self.palette) != len(self.names):
            raise ValueError(f"{len(self.names)} classes, but {len(self.palette)} colours")

    def __len__(self) -> int:
        return len(self.names)

    def colours(self) -> NDArray[np.uint8]:
        """Colours of the numbers 0 to 255, RGB (256, 3): the palette, then PASCAL VOC's map.

        So 255 is `CREAM` whatever the classes are.
        """
        colours = voc_colour_map()
        colours[: len(self)] = self.palette
        return colours


def voc_colour_map() -> NDArray[np.uint8]:
    """PASCAL VOC's colours of the numbers 0 to 255, RGB (256, 3).

    Bits 0, 1, 2 of a number are the highest of its red, green, blue; bits 3, 4, 5 the next, and so
    on (`VOClabelcolormap` of the VOC development kit).
    """
    numbers = np.arange(256)[:, None] >> np.arange(3)  # (256, 3): where a channel's bits start
    bits = [((numbers >> 3 * place) & 1) << (7 - place) for place in range(3)]
    return np.sum(bits, axis=0).astype(np.uint8)


def with_voc_colours(names: tuple[str, ...]) -> ClassList:
    """Classes in the first of VOC's colours, for a list that has none of its own."""
    red_green_blue = voc_colour_map()[: len(names)].tolist()
    return ClassList(names, tuple((r, g, b) for r, g, b in red_green_blue))


VOC = with_voc_colours(
    (
        *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
        *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
        *("sheep", "sofa", "train", "tvmonitor"),
    )
)
"""PASCAL VOC 2012: background and 20 classes, in the order of the development kit."""

COCO_TO_VOC = {
    **{5: 1, 2: 2, 16: 3, 9: 4, 44: 5, 6: 6, 3: 7, 17: 8, 62: 9, 21: 10},
    **{67: 11, 18: 12, 19: 13, 4: 14, 1: 15, 64: 16, 20: 17, 63: 18, 7: 19, 72: 20},
}
"""The 20 of COCO's category ids that are a class of VOC, and its number there."""

_CITYSCAPES = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)

CITYSCAPES = ClassList(
    tuple(name for name, _, _ in _CITYSCAPES), tuple(colour for _, _, colour in _CITYSCAPES)
)
"""The 19 classes of Cityscapes that count, numbered by train id."""

CITYSCAPES_IDS = tuple(number for _, number, _ in _CITYSCAPES)
"""The id of each train id in ``labelIds`` masks, which is also what the test server takes."""

NUM_CITYSCAPES_IDS = 34
"""Ids in ``labelIds`` masks are 0 to 33; those that are no train id's are ignored."""
