"""Reading and writing images as uint8 RGB arrays (H, W, 3)."""

import struct
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vision_shared.inputs import InputError, check_input, new_file

HEIF = frozenset({".heic", ".heics", ".heif", ".hif"})
"""What telephones write; it takes the package pillow-heif to read them."""

READABLE = HEIF | {
    *(".apng", ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif"),
    *(".tiff", ".webp"),
}
DAMAGED = (
    *(EOFError, IndexError, KeyError, OSError, RuntimeError, SyntaxError, TypeError),
    *(ValueError, struct.error),
)
"""What Pillow and its plugins raise for damaged files."""

WRITABLE = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def read_image(path: str | Path, *, keeps_alpha: bool = False) -> NDArray[np.uint8]:
    """Read an image as a person sees it: (H, W, 3), RGB, [0, 255].

    The EXIF orientation is applied. Grey and palette images become RGB; transparency is
    composited on black, or with ``keeps_alpha`` is a fourth channel where there is some; 16-bit
    grey is scaled to 8 bits; of an animation the first frame is read. Embedded colour profiles are
    ignored.

    Raises:
        InputError: not there, empty, not an image, damaged, or of unreasonable size.
    """
    path = Path(path)
    check_input(path, "image")
    try:
        with warnings.catch_warnings():
            # a large image is no attack here: Pillow still refuses twice the size it warns of
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_image(path) as image:
                upright = ImageOps.exif_transpose(image)
                if keeps_alpha and upright.has_transparency_data:
                    return np.array(upright.convert("RGBA"))
                return np.array(_opaque(upright).convert("RGB"))
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large an image ({error})") from error
    except DAMAGED as error:
        raise InputError(f"{path}: a damaged image ({one_line(error)})") from error


def open_image(path: Path) -> Image.Image:
    """Open an image without decoding it; to be closed.

    Raises:
        InputError: it is of no known format, or of one that needs a package that is not there.
        OSError, ValueError, ...: one of `DAMAGED`.
    """
    _register_formats()
    try:
        return Image.open(path)
    except UnidentifiedImageError as error:
        if _is_heif(path) and not _register_formats():
            raise InputError(
                f"{path}: a HEIC image; `pip install pillow-heif` to read it"
            ) from error
        raise InputError(f"{path}: not an image that can be read") from error


def one_line(error: Exception) -> str:
    """Return what an exception says, without line breaks."""
    return " ".join(str(error).split())


def write_image(path: str | Path, image: NDArray[np.uint8], *, overwrite: bool = True) -> None:
    """Write an image whole or not at all, in the format that the suffix names.

    Args:
        path: path that ends in one of `WRITABLE`; JPEG is written at quality 95.
        image: (H, W, 3), RGB, uint8.
        overwrite: whether to replace a file of that name; false for an output the user named.

    Raises:
        ValueError: another shape or type of array.
        InputError: another suffix, or the file exists and ``overwrite`` is false.
    """
    path = Path(path)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected uint8 RGB (H, W, 3), got {image.dtype} {image.shape}")
    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"{path}: expected a name that ends in {', '.join(sorted(WRITABLE))}")
    with new_file(path, overwrite=overwrite) as temporary:
        Image.fromarray(image).save(temporary, quality=95)


@cache
def _register_formats() -> bool:
    """Have Pillow read HEIF; return whether the package for it is there."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _is_heif(path: Path) -> bool:
    """Whether a file begins as HEIF does (ISO/IEC 23008-12), whatever its name."""
    with path.open("rb") as file:
        start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; Pillow would clip it, not scale it
        levels = np.asarray(image, np.float64) / 257
        return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    colour = image.convert("RGBA")
    black = Image.new("RGBA", colour.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, colour)
