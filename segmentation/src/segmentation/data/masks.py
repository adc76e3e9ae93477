"""Reading and writing masks: the number of a class at each pixel, uint8 (H, W), 255 ignored.

A mask is a PNG with 8-bit palette or grey values, which are the classes' numbers; its colours are
for people only. Masks in which the colour itself stands for the class have a reader of their own.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segmentation.data.labels import CREAM, IGNORE, ClassList, Colour
from vision_shared.inputs import InputError, check_input, new_file

Mask = NDArray[np.uint8]

MAX_NAMED = 4
"""How many of the wrong numbers an error names."""


def read_mask(path: Path, classes: ClassList) -> Mask:
    """Read a mask of class numbers.

    Raises:
        InputError: not there, empty, damaged, no such PNG, a colour image, or a number that is
            no class.
    """
    mask = read_numbers(path)
    check_numbers(path, mask, classes)
    return mask


def read_numbers(path: Path) -> Mask:
    """Read the values of a palette or grey PNG as they are stored, uint8 (H, W).

    Raises:
        InputError: as `read_mask`, but for the numbers.
    """
    mode, values = _read_png(path)
    if mode in ("RGB", "RGBA"):
        raise InputError(
            f"{path}: a colour image, expected class numbers: save it as a palette PNG without "
            "converting it, or give every class its colour (data `folder`)"
        )
    return values


def read_colours(path: Path, classes: ClassList, ignored: Colour = CREAM) -> Mask:
    """Read a mask whose colours stand for classes.

    A palette or grey PNG is read as class numbers all the same.

    Args:
        path: path of the mask.
        classes: the palette says which colour stands for which.
        ignored: the colour of pixels to ignore.

    Raises:
        InputError: as `read_mask`, or a colour that is no class's.
    """
    mode, values = _read_png(path)
    if mode not in ("RGB", "RGBA"):
        check_numbers(path, values, classes)
        return values
    codes = _codes(values[..., :3])
    known = _codes(np.array([*classes.palette, ignored]))
    order = np.argsort(known, stable=True)
    place = np.searchsorted(known[order], codes).clip(max=len(known) - 1)  # (H, W)
    unknown = known[order][place] != codes
    if unknown.any():
        y, x = np.argwhere(unknown)[0]
        raise InputError(
            f"{path}: colour {tuple(values[y, x, :3].tolist())} at x={x}, y={y} is no class's: add "
            "it to the class file (blended colours at borders come from resizing or JPEG)"
        )
    return np.array([*range(len(classes)), IGNORE], np.uint8)[order][place]


def check_numbers(path: Path, mask: Mask, classes: ClassList) -> None:
    """Raise `InputError` if a mask has numbers that are neither a class nor `IGNORE`."""
    wrong = np.arange(256) >= len(classes)
    wrong[IGNORE] = False
    if not wrong[mask].any():
        return
    present = [str(number) for number in np.unique(mask) if wrong[number]]
    more = f" and {len(present) - MAX_NAMED} more" if len(present) > MAX_NAMED else ""
    raise InputError(
        f"{path}: holds {', '.join(present[:MAX_NAMED])}{more}, expected 0 to {len(classes) - 1} "
        f"({classes.names[0]} to {classes.names[-1]}) and {IGNORE} for ignored: read with another "
        "class list, or its colours were saved as grey"
    )


def write_mask(path: Path, mask: Mask, classes: ClassList, *, overwrite: bool = True) -> None:
    """Write a mask whole or not at all, as a palette PNG in the classes' colours.

    Args:
        path: path that ends in .png.
        mask: (H, W), uint8.
        classes: classes whose colours the palette takes.
        overwrite: whether to replace a file of that name; false for an output the user named.

    Raises:
        ValueError: another shape or type of array.
        InputError: the file exists and ``overwrite`` is false.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"expected a uint8 mask (H, W), got {mask.dtype} {mask.shape}")
    image = Image.fromarray(mask)
    image.putpalette(classes.colours().tobytes())  # turns grey into palette indices, as they are
    with new_file(path, overwrite=overwrite) as temporary:
        image.save(temporary, "PNG")


def _read_png(path: Path) -> tuple[str, Mask]:
    """Pillow's mode, P, L, RGB or RGBA, and the values (H, W) or (H, W, 3 or 4)."""
    check_input(path, "PNG mask")
    try:
        with warnings.catch_warnings():
            # as for images: Pillow still refuses twice the size it warns of
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _check_format(path, image)
                return image.mode, np.array(image)
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path}: not an image, expected a PNG mask: get the file again"
        ) from error
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: a damaged PNG mask ({error}): get the file again") from error


def _check_format(path: Path, image: Image.Image) -> None:
    if image.format != "PNG":
        raise InputError(
            f"{path}: a {image.format} file, expected a PNG mask: other formats change the numbers"
        )
    with path.open("rb") as file:
        depth = file.read(25)[24]  # bits a value, in the header
    if image.mode not in ("P", "L", "RGB", "RGBA") or (depth != 8 and image.mode != "P"):
        # Pillow scales grey of 1, 2 or 4 bits to [0, 255], so its numbers would be others
        raise InputError(
            f"{path}: {image.mode} values of {depth} bits, expected an 8-bit palette or grey PNG: "
            "save it as one"
        )


def _codes(colours: np.ndarray) -> NDArray[np.int32]:
    """One number for each colour (..., 3)."""
    return colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
