"""Pictures of large data sets, read as fast as they can be and as carefully as they have to be."""

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vision_shared.images import read_image
from vision_shared.inputs import InputError

ORIENTATION = 0x0112
"""The EXIF tag; 1 is upright, 5 to 8 lie on their side."""

EXIF = 0xE1
FRAMES = {0xC0, 0xC1, 0xC2}  # markers of baseline, extended and progressive JPEG
SCAN = 0xDA
HEADER_LENGTH = 1 << 16


def read_picture(path: Path, *, has_places: bool = False) -> NDArray[np.uint8]:
    """Read an image as a person sees it, RGB (H, W, 3), as `vision_shared.images.read_image` does.

    Common JPEG files, those of all data sets of faces, are decoded by OpenCV: the same pixels, 1.5
    times as soon.

    Args:
        path: path of the image.
        has_places: whether boxes or landmarks in it are known. Then an image that its EXIF
            orientation turns is refused: no one can tell whether they follow the stored pixels.

    Raises:
        InputError: not there, empty, no image, damaged, too large, or turned.
    """
    if path.is_file():
        data = path.read_bytes()
        if is_common_jpeg(data):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
            if image is not None:
                return np.asarray(image, np.uint8)
    image = read_image(path)
    if has_places and (orientation := camera_orientation(path)) > 1:
        raise InputError(
            f"{path}: turned by its EXIF orientation ({orientation}), and its boxes or landmarks "
            "may follow the stored pixels: if so, remove the tag (exiftool -Orientation= FILE), if "
            "not, turn the image itself (mogrify -auto-orient FILE)"
        )
    return image


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as a person sees it, from its header; raises `InputError`."""
    try:
        with Image.open(path) as image:
            width, height = image.size
    except OSError:  # includes what Pillow does not know
        height, width = read_image(path).shape[:2]  # says what is wrong with it
    return (height, width) if camera_orientation(path) >= 5 else (width, height)


def camera_orientation(path: Path) -> int:
    """The EXIF orientation of an image that can be read; 1 where none is tagged.

    Only formats that cameras write are asked: others would have to be decoded for it.
    """
    if path.suffix.lower() not in (".jpg", ".jpeg", ".tif", ".tiff", ".webp"):
        return 1
    with Image.open(path) as image:
        return image.getexif().get(ORIENTATION, 1)


def is_common_jpeg(data: bytes) -> bool:
    """Is it a whole JPEG file of 8-bit grey or colour (not CMYK) without EXIF?

    Pillow and OpenCV read these alike. A file that ends early is none: older releases of OpenCV
    fill what is missing with grey, and say nothing.
    """
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return False
    place = 2
    while place + 10 <= min(len(data), HEADER_LENGTH):
        start, marker, length = struct.unpack_from(">BBH", data, place)
        if start != 0xFF or marker in (EXIF, SCAN):
            return False
        if marker in FRAMES:
            return data[place + 4] == 8 and data[place + 9] in (1, 3)
        place += 2 + length
    return False
