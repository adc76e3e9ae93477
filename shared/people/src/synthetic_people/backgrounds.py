"""Photographs without anyone: what stands behind synthetic people, and negatives for detectors.

The package brings a small pack of its own (`assets/backgrounds`, with PROVENANCE.csv); a folder of
the user's stands in for it. Splits go by file, so that no scene of a training is in its test.
"""

import hashlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

PACK = Path(__file__).parent / "assets/backgrounds"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SPLITS = ("train", "val", "test")

_SHORT_SIDE = 320  # of what is kept in memory; larger photographs are reduced when opened
_KEPT = 128  # photographs in memory: 60 MB at most
_SMALLEST = 0.4  # a crop's side over that of the largest that fits


class Backgrounds:
    """The photographs without anyone of one split.

    A file's split follows from the hash of its name, which is the same on every machine: about 70 %
    train, 15 % val, 15 % test. Names that agree up to an "@" show one scene ("hotel@2.webp"): they
    go together.

    Args:
        folder: photographs (jpg, png, webp; folders in it too) without people, in place of the
            package's own.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: `folder` does not exist.
        ValueError: an unknown split, or a folder with no photograph of this split.

    >>> backgrounds = Backgrounds()
    >>> backgrounds.crop(np.random.default_rng(0), 64).shape
    (64, 64, 3)
    """

    def __init__(self, folder: Path | str | None = None, split: str = "train") -> None:
        if split not in SPLITS:
            raise ValueError(f"expected a split of {', '.join(SPLITS)}, got {split!r}")
        self.folder = PACK if folder is None else Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder}: no folder of photographs without people")
        found = sorted(p for p in self.folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        self.paths = [path for path in found if split_of(path.name) == split]
        if not self.paths:
            raise ValueError(
                f"{self.folder}: {len(found)} photographs, none of them in split {split!r}, which "
                "goes by the hash of the file names: add photographs (30 are enough as a rule)"
            )
        self._kept: OrderedDict[Path, Image.Image] = OrderedDict()

    def __len__(self) -> int:
        return len(self.paths)

    def crop(self, rng: np.random.Generator, height: int, width: int | None = None) -> np.ndarray:
        """Return a random piece of a random photograph, (height, width, 3) uint8 sRGB.

        It takes .4 to 1 of what fits into the photograph, is mirrored half of the time and
        resampled to the size asked for; `width` is `height` where it is left out.
        """
        width = height if width is None else width
        image = self._image(self.paths[rng.integers(len(self.paths))])
        scale = min(image.width / width, image.height / height) * rng.uniform(_SMALLEST, 1)
        left = rng.uniform(0, image.width - width * scale)
        top = rng.uniform(0, image.height - height * scale)
        box = (left, top, left + width * scale, top + height * scale)
        pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))
        return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < 0.5 else pixels

    def whole(self, index: int) -> np.ndarray:
        """Return photograph number `index`, (H, W, 3) uint8 sRGB, its short side at most 320."""
        return np.asarray(self._image(self.paths[index]))

    def _image(self, path: Path) -> Image.Image:
        """Open a photograph, or take it from those opened last."""
        if path in self._kept:
            self._kept.move_to_end(path)
        else:
            self._kept[path] = _open(path)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[path]


def split_of(name: str) -> str:
    """Return the split of a photograph by its file name.

    >>> split_of("hotel@1.webp") == split_of("hotel@2.webp")
    True
    """
    scene = name.split("@")[0] if "@" in name else Path(name).stem
    share = int.from_bytes(hashlib.md5(scene.encode()).digest()[:4]) / 2**32
    return "train" if share < 0.7 else "val" if share < 0.85 else "test"


def _open(path: Path) -> Image.Image:
    """Open a photograph upright in RGB with at most `_SHORT_SIDE` pixels on its short side."""
    try:
        with Image.open(path) as file:
            file.draft("RGB", (2 * _SHORT_SIDE, 2 * _SHORT_SIDE))  # JPEG: decode a reduced one
            image = ImageOps.exif_transpose(file).convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: expected a photograph (jpg, png or webp): {error}") from None
    scale = _SHORT_SIDE / min(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BOX)
    return image
