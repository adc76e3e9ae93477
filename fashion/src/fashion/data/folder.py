"""Any folder of product photos: a folder for each item, or a table.

my-shop/blue-dress/front.jpg, my-shop/blue-dress/worn.jpg        a folder an item
my-shop/items.csv                                                or a table, in any order:

    image,item,category,type,part,domain,x_1,y_1,x_2,y_2,striped,v-neck
    img/1.jpg,blue-dress,Dress,full,train,shop,10,8,90,180,1,-1

Only ``image`` is needed. Boxes may be x_1, y_1, width, height, too. Type is upper, lower or full;
part train, val or test; domain shop or consumer. What is not known is left empty. Every other
column is an attribute of 1, -1 or 0 (not known, as an empty one). Without splits, the last fifth of
the items (or images) is ``val``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashion.data.garments import Columns, Garments, Vocabulary, encoded, unknown_columns
from fashion.data.labels import Labels
from fashion.data.taxonomy import SPLITS, TYPES, UNKNOWN
from vision_shared.csv_tables import (
    CORNERS,
    FALSE_LABEL,
    SIZED,
    UNKNOWN_LABEL,
    CsvRow,
    CsvTable,
    box_columns,
    expect_columns,
    read_csv,
    read_labels,
    to_corners,
)
from vision_shared.faults import Report
from vision_shared.images import READABLE
from vision_shared.inputs import InputError, natural_order

TABLE = "items.csv"
WORDS = {"type": TYPES, "part": SPLITS, "domain": ("shop", "consumer")}
KNOWN = ("item", "category", *WORDS, *CORNERS, *SIZED)
VAL_SHARE = 5


def read_folder(root: Path, report: Report) -> Garments:
    """Read a folder.

    Args:
        root: folder that holds items.csv, or a folder of images for each item.
        report: function that takes a line about every fault in the table.

    Raises:
        FileNotFoundError: there is no such folder.
        InputError: no image in it, or a table that cannot be used at all.
    """
    table = root / TABLE
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder, expected one with a folder of images for each item, or "
            f"with {TABLE}"
        )
    if table.exists():
        return _read_table(root, table, report)
    names = _photos(root)
    columns = unknown_columns(len(names))
    columns.items[:] = numbered([name.partition("/")[0] if "/" in name else "" for name in names])[
        1
    ]
    columns.splits[:] = _halves(columns.items)
    labels = Labels.of(np.zeros((len(names), 0), np.int8))
    return Garments(root, encoded(names), columns, labels, Vocabulary((), ()), root)


def numbered(words: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """The different words by the alphabet, and the number of each; `UNKNOWN` of an empty one."""
    different = tuple(sorted(set(words) - {""}))
    numbers = {word: number for number, word in enumerate(different)}
    return different, [numbers.get(word, UNKNOWN) for word in words]


def _photos(root: Path) -> list[str]:
    """Names of the images below a folder, in natural order."""
    paths = natural_order(path for path in root.rglob("*") if _is_picture(path))
    if not paths:
        raise InputError(f"{root}: no image in it, nor in its folders, nor {TABLE}")
    return [path.relative_to(root).as_posix() for path in paths]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in READABLE and not path.name.startswith(".")


def _read_table(root: Path, path: Path, report: Report) -> Garments:
    table = read_csv(path)
    rows = list(table.rows(report))
    if not rows:
        raise InputError(f"{path}: no row, expected an image a row")
    places = {name.casefold(): place for place, name in enumerate(table.columns)}

    def fields(name: str) -> list[str]:
        return [row.fields[places[name]] if name in places else "" for row in rows]

    columns = unknown_columns(len(rows))
    columns.items[:] = numbered(fields("item"))[1]
    categories, columns.categories[:] = numbered(fields("category"))
    columns.splits[:] = _halves(columns.items)
    targets = {"type": columns.types, "part": columns.splits, "domain": columns.domains}
    for name, target in targets.items():
        _fill_words(name, fields(name), rows, target, report)
    _fill_boxes(table, rows, columns, report)
    attributes = [name for name in table.columns if name.casefold() not in KNOWN]
    codes = read_labels(table, rows, attributes, report)
    codes[codes == UNKNOWN_LABEL] = 0
    codes[codes == FALSE_LABEL] = -1
    words = Vocabulary(categories, tuple(attributes))
    names = encoded([row.image for row in rows])
    return Garments(root, names, columns, Labels.of(codes), words, path)


def _halves(items: np.ndarray) -> np.ndarray:
    """Parts by the item: the last fifth are val; by the row where no item is known."""
    number = items if (items != UNKNOWN).any() else np.arange(len(items))
    last = int(number.max()) + 1 - max((int(number.max()) + 1) // VAL_SHARE, 1)
    return np.where(number >= last, SPLITS.index("val"), SPLITS.index("train")).astype(np.int8)


def _fill_words(
    column: str, fields: Sequence[str], rows: Sequence[CsvRow], target: np.ndarray, report: Report
) -> None:
    """Fill in the numbers of the words of type, part or domain."""
    words = WORDS[column]
    for number, (row, word) in enumerate(zip(rows, fields, strict=True)):
        if word.casefold() in words:
            target[number] = words.index(word.casefold())
        elif word:
            report(f"{row.where}: {column} {word!r}, expected one of {', '.join(words)}")


def _fill_boxes(table: CsvTable, rows: Sequence[CsvRow], columns: Columns, report: Report) -> None:
    given = [name for name in table.columns if name.casefold() in (*CORNERS, *SIZED)]
    if not given:
        return
    expected = box_columns(given)
    expect_columns(table.where, given, expected)
    positions = [table.position(name) for name in expected]
    for number, row in enumerate(rows):
        if not any(row.fields[position] for position in positions):
            continue
        try:
            numbers = np.array([table.number(row, position) for position in positions])
        except InputError as error:
            report(str(error))
            continue
        x1, y1, x2, y2 = to_corners(numbers, expected).tolist()
        if x1 < x2 and y1 < y2:
            columns.boxes[number] = x1, y1, x2, y2
        else:
            report(f"{row.where}: expected a box with an area, got {x1:g} {y1:g} {x2:g} {y2:g}")
