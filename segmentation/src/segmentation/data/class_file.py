"""Class files: names of classes by their numbers, and colours where these stand for classes.

``classes.txt`` has a class a line, in the order of their numbers: a name, and red, green and blue
where colours stand for classes. ``classes.yaml`` is a list of names, or says ``name: [r, g, b]``
for each. A class named ``__ignore__`` (as labelme writes it) has no number: its colour is ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segmentation.data.labels import CREAM, ClassList, Colour, with_voc_colours
from vision_shared.inputs import InputError

IGNORED_CLASS = "__ignore__"


@dataclass(frozen=True)
class ClassFile:
    """What a class file says.

    Attributes:
        classes: classes in VOC's colours where the file has none.
        coloured: whether colours in masks stand for classes.
        ignored: the colour of ignored pixels.
    """

    classes: ClassList
    coloured: bool
    ignored: Colour = CREAM


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
    if len(names) == 1:
        raise ValueError(f"one class, {names[0]!r}, and nothing to tell it from: add background")
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
