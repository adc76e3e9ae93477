"""Any folder of pictures and masks, with a small class file.

images/a.jpg            pictures, .jpg, .png and so on
masks/a.png             of the same name: class numbers, or the classes' colours
classes.txt             or classes.yaml
train.txt, val.txt      names, one a line; may be left out

``classes.txt`` has a class a line, in the order of their numbers: a name, and red, green and blue
where colours stand for classes. ``classes.yaml`` is a list of names, or says ``name: [r, g, b]``
for each. A class named ``__ignore__`` (as labelme writes it) has no number: its colour is ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from segmentation.data.labels import CREAM, ClassList, Colour, with_voc_colours
from segmentation.data.masks import Mask, read_colours, read_mask
from segmentation.data.official import check_split, need, need_list
from segmentation.data.sets import Sample, SegmentationSet
from vision_shared.images import READABLE
from vision_shared.inputs import InputError, natural_order

SPLITS = ("train", "val")

CLASS_FILES = ("classes.yaml", "classes.yml", "classes.txt")

IGNORED_CLASS = "__ignore__"


@dataclass(frozen=True)
class ClassFile:
    """What a class file says.

    Attributes:
        classes: in VOC's colours where the file has none.
        coloured: whether colours in masks stand for classes.
        ignored: the colour of ignored pixels.
    """

    classes: ClassList
    coloured: bool
    ignored: Colour = CREAM


def folder_set(root: Path, split: str) -> SegmentationSet:
    """A part of a folder; without lists, the last fifth in natural order is ``val``.

    Args:
        root: holds images, masks and a class file.
        split: one of `SPLITS`.

    Raises:
        FileNotFoundError: one of them is not there; says which layout is expected.
        InputError: another split, too few pictures, two of one name, or a list or class file that
            cannot be used.
    """
    check_split(split, SPLITS, "a folder")
    remedy = (
        f"expected {root / 'images'}, masks of the same names as PNG in {root / 'masks'}, and "
        f"{root / 'classes.txt'} (a class a line) or classes.yaml"
    )
    pictures = _pictures(need(root / "images", remedy))
    masks = need(root / "masks", remedy)
    class_file = read_class_file(_find_class_file(root, remedy))
    names = _names(root, split, list(pictures))
    samples = [
        Sample(name, pictures.get(name, root / "images" / f"{name}.jpg"), masks / f"{name}.png")
        for name in names
    ]
    return SegmentationSet(class_file.classes, samples, partial(_read_mask, class_file=class_file))


def read_class_file(path: Path) -> ClassFile:
    """Read a class file.

    Raises:
        InputError: not text, no class, a name or colour that cannot be used or comes twice, or
            colours for some classes alone.
    """
    try:
        text = path.read_text("utf-8-sig")
        pairs = _from_lines(text) if path.suffix == ".txt" else _from_yaml(yaml.safe_load(text))
        return _class_file(pairs)
    except (yaml.YAMLError, RecursionError) as error:
        where = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not YAML that can be read ({where})") from error
    except ValueError as error:
        raise InputError(
            f"{path}: {error}; expected a class a line in .txt, `name: [r, g, b]` in .yaml"
        ) from error


def _class_file(pairs: Sequence[tuple[str, Colour | None]]) -> ClassFile:
    colours = [colour for _, colour in pairs if colour is not None]
    twice = next((colour for colour in colours if colours.count(colour) > 1), None)
    if twice is not None:
        raise ValueError(f"colour {twice} stands for two classes")
    ignored = next((colour for name, colour in pairs if name == IGNORED_CLASS), None) or CREAM
    known = [(name, colour) for name, colour in pairs if name != IGNORED_CLASS]
    names = tuple(name for name, _ in known)
    palette = tuple(colour for _, colour in known if colour is not None)
    if not palette:
        return ClassFile(with_voc_colours(names), coloured=False, ignored=ignored)
    if len(palette) < len(names):
        bare = next(name for name, colour in known if colour is None)
        raise ValueError(f"class {bare!r} has no colour, but others have")
    return ClassFile(ClassList(names, palette), coloured=True, ignored=ignored)


def _from_lines(text: str) -> list[tuple[str, Colour | None]]:
    pairs: list[tuple[str, Colour | None]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = re.fullmatch(r"(.*\S)\s+(\d+)[\s,]+(\d+)[\s,]+(\d+)", line)
        pairs.append((match[1], _colour(match.groups()[1:])) if match else (line, None))
    return pairs


def _from_yaml(content: Any) -> list[tuple[str, Colour | None]]:
    if isinstance(content, Mapping):
        entries = list(content.items())
    elif isinstance(content, list):
        entries = [(name, None) for name in content]
    else:
        raise ValueError("neither a list of names nor names with colours")
    pairs: list[tuple[str, Colour | None]] = []
    for name, colour in entries:
        if not isinstance(name, str):  # YAML reads no, on and 1 as other things than names
            raise ValueError(f"class {name!r} is no text: write its name in quotes")
        pairs.append((name, None if colour is None else _colour(colour)))
    return pairs


def _colour(values: Any) -> Colour:
    try:
        red, green, blue = (int(value) for value in values)
    except (TypeError, ValueError):
        raise ValueError(f"colour {values!r}, not three numbers") from None
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(f"colour {[red, green, blue]}, not within 0 to 255")
    return red, green, blue


def _find_class_file(root: Path, remedy: str) -> Path:
    found = next((root / name for name in CLASS_FILES if (root / name).exists()), None)
    return found or need(root / "classes.txt", remedy)


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures by their names without suffix, in natural order."""
    paths = natural_order(path for path in folder.iterdir() if path.suffix.lower() in READABLE)
    if not paths:
        raise InputError(f"{folder}: no picture in it ({', '.join(sorted(READABLE))})")
    pictures: dict[str, Path] = {}
    for path in paths:
        if path.stem in pictures:
            raise InputError(f"{path}: {pictures[path.stem].name} would have the same mask")
        pictures[path.stem] = path
    return pictures


def _names(root: Path, split: str, names: list[str]) -> list[str]:
    lists = [root / f"{part}.txt" for part in ("train", "val")]
    if any(path.exists() for path in lists):
        return need_list(
            root / f"{split}.txt", "expected both lists, train.txt and val.txt, or none"
        )
    if len(names) < 2:
        raise InputError(
            f"{root / 'images'}: one picture, expected one to train and one to validate"
        )
    first_val = len(names) - max(len(names) // 5, 1)
    return names[:first_val] if split == "train" else names[first_val:]


def _read_mask(sample: Sample, class_file: ClassFile) -> Mask:
    path = sample.mask_path
    assert path is not None  # every sample of a folder has one
    if class_file.coloured:
        return read_colours(path, class_file.classes, class_file.ignored)
    return read_mask(path, class_file.classes)
