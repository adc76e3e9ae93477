"""Any folder of product photos: a folder for each item, or a table.

my-shop/blue-dress/front.jpg, my-shop/blue-dress/worn.jpg        a folder an item
my-shop/items.csv                                                or a table, in any order:

    image,item,category,type,part,domain,x_1,y_1,x_2,y_2,striped,v-neck
    img/1.jpg,blue-dress,Dress,full,train,shop,10,8,90,180,1,-1

Only ``image`` is needed. Type is upper, lower or full; part train, val or test; domain shop or
consumer. What is not known is left empty. Every other column is an attribute of 1, -1 or 0 (not
known, as an empty one). Without parts, the last fifth of the items (or pictures) is ``val``.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fashion.data.garments import Columns, Garments, Vocabulary, unknown_columns
from fashion.data.labels import Labels
from fashion.data.layout import PARTS, TYPES, UNKNOWN
from fashion.data.official import encoded
from fashion.data.text import Report
from vision_shared.images import READABLE
from vision_shared.inputs import InputError, check_input, natural_order

TABLE = "items.csv"
BOX = ("x_1", "y_1", "x_2", "y_2")
WORDS = {"type": TYPES, "part": PARTS, "domain": ("shop", "consumer")}
KNOWN = ("image", "item", "category", *WORDS, *BOX)
VAL_SHARE = 5
LABELS = {"1": 1, "-1": -1, "0": 0, "": 0}


@dataclass(frozen=True)
class Photo:
    """A row of the table, or a file of a folder.

    Attributes:
        where: it is listed, for messages.
        name: below the root.
        fields: by the column.
    """

    where: str
    name: str
    fields: dict[str, str]


def read_folder(root: Path, report: Report) -> Garments:
    """Read a folder.

    Args:
        root: holds items.csv, or a folder of pictures for each item.
        report: of every fault in the table.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: no picture in it, or a table that cannot be used at all.
    """
    table = root / TABLE
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder, expected one with a folder of pictures for each item, or "
            f"with {TABLE}"
        )
    photos = list(_table_photos(table, report) if table.exists() else _folder_photos(root))
    if not photos:
        raise InputError(f"{root}: no picture in it, nor in its folders, nor {TABLE}")
    columns = unknown_columns(len(photos))
    items = numbered(photos, "item")
    categories = numbered(photos, "category")
    columns.items[:] = [items.get(photo.fields.get("item", ""), UNKNOWN) for photo in photos]
    columns.categories[:] = [
        categories.get(photo.fields.get("category", ""), UNKNOWN) for photo in photos
    ]
    columns.parts[:] = _halves(columns.items)
    for row, photo in enumerate(photos):
        _fill(columns, row, photo, report)
    attributes = [name for name in photos[0].fields if name not in KNOWN]
    return Garments(
        root,
        encoded([photo.name for photo in photos]),
        columns,
        _labels(photos, attributes, report),
        Vocabulary(tuple(categories), tuple(attributes)),
        table if table.exists() else root,
    )


def numbered(photos: Sequence[Photo], column: str) -> dict[str, int]:
    """The number of each word of a column, by the alphabet; empty ones have none."""
    words = sorted({photo.fields.get(column, "") for photo in photos} - {""})
    return {word: number for number, word in enumerate(words)}


def _folder_photos(root: Path) -> Iterator[Photo]:
    for path in natural_order(path for path in root.rglob("*") if _is_picture(path)):
        name = path.relative_to(root)
        item = {"item": name.parts[0]} if len(name.parts) > 1 else {}
        yield Photo(str(path), name.as_posix(), item)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in READABLE and not path.name.startswith(".")


def _table_photos(path: Path, report: Report) -> Iterator[Photo]:
    check_input(path, "CSV file")
    seen: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            if "image" not in names or not all(names) or len(set(names)) < len(names):
                raise InputError(f"{path}:1: expected different names of columns, with `image`")
            for fields in reader:
                where = f"{path}:{reader.line_num}"
                if not any(field.strip() for field in fields):
                    continue
                if len(fields) != len(names):
                    report(f"{where}: expected {len(names)} fields, got {len(fields)}")
                    continue
                values = dict(zip(names, (field.strip() for field in fields), strict=True))
                photo = Photo(where, values["image"].replace("\\", "/"), values)
                if photo.name in seen:
                    report(f"{where}: {photo.name} comes twice, before in {seen[photo.name]}")
                    continue
                seen[photo.name] = where
                yield photo
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from error


def _halves(items: np.ndarray) -> np.ndarray:
    """Parts by the item: the last fifth are val; by the row where no item is known."""
    number = items if (items != UNKNOWN).any() else np.arange(len(items))
    last = int(number.max()) + 1 - max((int(number.max()) + 1) // VAL_SHARE, 1)
    return np.where(number >= last, PARTS.index("val"), PARTS.index("train")).astype(np.int8)


def _fill(columns: Columns, row: int, photo: Photo, report: Report) -> None:
    """Fill in type, part, domain and box of a row."""
    targets = {"type": columns.types, "part": columns.parts, "domain": columns.domains}
    for column, words in WORDS.items():
        word = photo.fields.get(column, "")
        if word in words:
            targets[column][row] = words.index(word)
        elif word:
            report(f"{photo.where}: {column} {word!r}, expected one of {', '.join(words)}")
    corners = [photo.fields.get(name, "") for name in BOX]
    if not any(corners):
        return
    try:
        x1, y1, x2, y2 = (float(corner) for corner in corners)
    except ValueError:
        report(f"{photo.where}: expected numbers x_1, y_1, x_2, y_2, got {corners}")
        return
    if x1 < x2 and y1 < y2:
        columns.boxes[row] = x1, y1, x2, y2
    else:
        report(f"{photo.where}: expected x_1 < x_2 and y_1 < y_2, got {' '.join(corners)}")


def _labels(photos: Sequence[Photo], attributes: Sequence[str], report: Report) -> Labels:
    values = np.zeros((len(photos), len(attributes)), np.int8)
    for row, photo in enumerate(photos):
        for column, name in enumerate(attributes):
            field = photo.fields[name]
            if field in LABELS:
                values[row, column] = LABELS[field]
            else:
                report(f"{photo.where}: {name} is {field!r}, expected 1, -1, 0 or nothing")
    return Labels.of(values)
