"""Any folder of images and masks, with a small class file.

images/a.jpg            images, .jpg, .png and so on
masks/a.png             of the same name: class numbers, or the classes' colours
classes.txt             or classes.yaml
train.txt, val.txt      names, one a line, with or without suffix; may be left out

In masks of class numbers 255 is ignored; where there are two classes, and all masks hold 0 and 255
alone, it is the second class.

`segmentation.data.class_file` says what a class file holds.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from segmentation.data.class_file import ClassFile, read_class_file
from segmentation.data.labels import IGNORE, ClassList
from segmentation.data.masks import Mask, read_colours, read_mask
from segmentation.data.required_files import check_split, need, need_list
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.faults import name_some
from vision_shared.images import READABLE
from vision_shared.inputs import InputError, natural_order

SPLITS = ("train", "val")

CLASS_FILES = ("classes.yaml", "classes.yml", "classes.txt")


@dataclass(frozen=True)
class FolderMasks:
    """Reads the masks of a folder.

    Where it has two classes and its masks hold 0 and 255 alone, as editors of images save black and
    white, 255 is the second class: else it is ignored.

    Attributes:
        class_file: path of the file that defines what numbers or colours stand for.
        paths: paths of all masks, of every split.
    """

    class_file: ClassFile
    paths: Sequence[Path]

    def __call__(self, sample: Sample) -> Mask:
        """Return the mask of a sample, class indices of (H, W); raise `InputError` for others."""
        path = sample.mask_path
        assert path is not None  # every sample of a folder has one
        mask = self._read(path)
        if self.are_black_and_white:
            mask[mask == IGNORE] = 1
        return mask

    @cached_property
    def are_black_and_white(self) -> bool:
        """Whether 255 is the second class; reads masks up to the first that holds a 1."""
        if len(self.class_file.classes) != 2 or self.class_file.coloured:
            return False
        has_white = False
        for path in self.paths:
            try:
                mask = self._read(path)
            except (InputError, OSError):  # reported where its sample is read
                continue
            if (mask == 1).any():
                return False
            has_white |= bool((mask == IGNORE).any())
        return has_white

    def _read(self, path: Path) -> Mask:
        if self.class_file.coloured:
            return read_colours(path, self.class_file.classes, self.class_file.ignored)
        return read_mask(path, self.class_file.classes)


@dataclass(frozen=True)
class Folder:
    """A folder of images and masks; without lists, the last fifth in natural order is ``val``.

    Attributes:
        root: folder that holds images, masks and a class file.
        images: images by their names without suffix, in natural order.
        masks: their reader.
    """

    root: Path
    images: Mapping[str, Path]
    masks: FolderMasks

    @property
    def classes(self) -> ClassList:
        """Names and colours of the classes."""
        return self.masks.class_file.classes

    @property
    def note(self) -> str:
        """A line for the user about how masks are read; empty for class numbers or colours."""
        if not self.masks.are_black_and_white:
            return ""
        first, second = self.classes.names
        return f"{self.root / 'masks'}: hold 0 and 255 alone, read as {first} and {second}"

    def split(self, split: str) -> SegmentationSet:
        """The samples of one of `SPLITS`.

        Raises:
            FileNotFoundError: one of two lists is not there.
            InputError: another split, too few images, or a list that cannot be used.
        """
        check_split(split, SPLITS, "a folder")
        samples = [self._sample(name) for name in _names(self.root, split, list(self.images))]
        return SegmentationSet(self.classes, samples, self.masks)

    def unused(self) -> list[str]:
        """Faults of images that no list names, and of masks without an image, a line each kind."""
        listed = {sample.name for split in SPLITS for sample in self.split(split).samples}
        images = [str(path) for name, path in self.images.items() if name not in listed]
        masks = [str(path) for path in self.masks.paths if path.stem not in self.images]
        faults = [f"{name_some(images)}: in neither train.txt nor val.txt"] if images else []
        return [*faults, *([f"{name_some(masks)}: no image of that name"] if masks else [])]

    def _sample(self, name: str) -> Sample:
        stem, suffix = os.path.splitext(name)
        if name not in self.images and suffix.lower() in READABLE:  # a list of file names
            name = stem
        image = self.images.get(name, self.root / "images" / f"{name}.jpg")
        return Sample(name, image, self.root / "masks" / f"{name}.png")


def open_folder(root: Path) -> Folder:
    """Read the class file of a folder and list its files.

    Raises:
        FileNotFoundError: one of them is not there; says which layout is expected.
        InputError: no image, two of one name, or a class file that cannot be used.
    """
    remedy = (
        f"expected {root / 'images'}, masks of the same names as PNG in {root / 'masks'}, and "
        f"{root / 'classes.txt'} (a class a line) or classes.yaml"
    )
    images = _images(need(root / "images", remedy))
    masks = need(root / "masks", remedy)
    class_file = read_class_file(_find_class_file(root, remedy))
    paths = natural_order(path for path in masks.glob("*.png") if not path.name.startswith("."))
    return Folder(root, images, FolderMasks(class_file, paths))


def folder_set(root: Path, split: str) -> SegmentationSet:
    """The samples of a split of a folder; raises as `open_folder` and `Folder.split`."""
    return open_folder(root).split(split)


def _find_class_file(root: Path, remedy: str) -> Path:
    found = next((root / name for name in CLASS_FILES if (root / name).exists()), None)
    return found or need(root / "classes.txt", remedy)


def _images(folder: Path) -> dict[str, Path]:
    """The images by their names without suffix, in natural order; ``._x.jpg`` are none (macOS)."""
    paths = natural_order(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in READABLE and not path.name.startswith(".")
    )
    if not paths:
        raise InputError(f"{folder}: no image in it ({', '.join(sorted(READABLE))})")
    images: dict[str, Path] = {}
    for path in paths:
        if path.stem in images:
            raise InputError(f"{path}: {images[path.stem].name} would have the same mask")
        images[path.stem] = path
    return images


def _names(root: Path, split: str, names: list[str]) -> list[str]:
    lists = [root / f"{part}.txt" for part in ("train", "val")]
    if any(path.exists() for path in lists):
        return need_list(
            root / f"{split}.txt", "expected both lists, train.txt and val.txt, or none"
        )
    if len(names) < 2:
        raise InputError(f"{root / 'images'}: one image, expected one to train and one to validate")
    first_val = len(names) - max(len(names) // 5, 1)
    return names[:first_val] if split == "train" else names[first_val:]
