"""CSV tables by the names of their columns, as pandas, spreadsheets and people write them."""

from pathlib import Path

import numpy as np
import pytest

from vision_shared.csv_tables import (
    CORNERS,
    FALSE_LABEL,
    SIZED,
    UNKNOWN_LABEL,
    box_columns,
    expect_columns,
    read_csv,
    read_labels,
    to_corners,
)
from vision_shared.faults import line_of, stop
from vision_shared.inputs import InputError

PLAIN = "image,x,y\na.jpg,1,2.5\nb (1).jpg,3,-4\n"


def write(path: Path, text: str | bytes) -> Path:
    path = path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace("2.5", "2,5"),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        "sep=,\n" + PLAIN,
        ",image,x,y\n0,a.jpg,1.0,2.5\n1,b (1).jpg,3.0,-4.0\n",  # pandas, with its index
        ',Unnamed: 0,image,x,y\n0,0,a.jpg,1,2.5\n1,1,b (1).jpg,"3","-4"\n',  # and once more
        '"image","x","y"\n"a.jpg","1","2.5"\n"b (1).jpg","3","-4"\n',
        "x, Image ,y\n1,a.jpg,2.5\n3,b (1).jpg,-4\n",
        "image,x,y,,\na.jpg,1,2.5,,\n,,,,\nb (1).jpg,3,-4,,\n",  # a spreadsheet's empty columns
        "image_id,x,y\na.jpg,1e0,2.5,,\nb (1).jpg,3,-4\n",
    ],
)
def test_table_is_the_same_whatever_wrote_it(tmp_path: Path, text: str) -> None:
    table = read_csv(write(tmp_path, text))
    rows = list(table.rows(stop))
    assert table.columns == ("x", "y")
    assert [row.image for row in rows] == ["a.jpg", "b (1).jpg"]
    assert [[table.number(row, i) for i in (0, 1)] for row in rows] == [[1, 2.5], [3, -4]]
    assert line_of(table.path, "b (1).jpg") == rows[1].where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,x\na.jpg,1\n", r":1: no column `image` .* has 'file', 'x'; expected"),
        ("image|x\na.jpg|1\n", r":1: no column `image` .*commas, semicolons or tabs"),
        ("image,x,x\n", ":1: .*twice: x"),
        ("image,x\na.jpg,1\n".encode("utf-16"), "not a CSV file in UTF-8"),
        ("image,x\nb\xe4r.jpg,1\n".encode("latin-1"), "not a CSV file in UTF-8"),
        ("<html>\nquota exceeded", ":1: a web page"),
        ('image,x\n"a.jpg,1\n', "not a CSV file in UTF-8 .*unexpected end of data"),
        ("image,,x\na.jpg,7,1\n", ":2: '7' stands in a column without a name"),
        ("\n\n", "no column `image`"),
    ],
)
def test_unusable_table_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        list(read_csv(path).rows(stop))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_faults_of_rows_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "image,x\na.jpg\na.jpg,1,2\na.jpg,one\n,1\na.jpg,2\nb\\c.jpg,1.5\n")
    faults: list[str] = []
    table = read_csv(path)
    rows = list(table.rows(faults.append))
    assert [fault.removeprefix(f"{path}:") for fault in faults] == [
        "2: expected 2 fields, got 1",
        "3: expected 2 fields, got 3",
        "5: no name of an image",
        "6: a.jpg comes twice, before in line 4",
    ]
    assert [row.image for row in rows] == ["a.jpg", "b/c.jpg"]
    with pytest.raises(InputError, match=r":4: x is 'one', expected a number"):
        table.whole_numbers(rows[0])
    with pytest.raises(InputError, match=r":7: expected whole numbers, got '1.5'"):
        table.whole_numbers(rows[1])


def test_columns_are_found_by_name_and_named_where_they_are_not() -> None:
    assert expect_columns("t.csv:1", ["Y", "x"], ["x", "y"]) == [1, 0]
    assert expect_columns("t.csv:1", ["who"], ["identity"]) == [0]
    with pytest.raises(InputError, match=r"t\.csv:1: no column y, unknown column z; expected x, y"):
        expect_columns("t.csv:1", ["x", "z"], ["x", "y"])


def test_boxes_are_sizes_or_corners_by_their_names() -> None:
    assert box_columns(["y_1", "x_1", "X_2", "y_2"]) == CORNERS
    assert box_columns(["x_1", "y_1", "width", "height"]) == box_columns([]) == SIZED
    numbers = np.array([1, 2, 3, 5])
    assert to_corners(numbers, CORNERS).tolist() == [1, 2, 3, 5]
    assert to_corners(numbers, SIZED).tolist() == [1, 2, 4, 7]


def test_labels_are_read_however_they_are_written(tmp_path: Path) -> None:
    text = "image,a,b,price\n1.jpg,1.0,True,9.99\n2.jpg,-1,FALSE,5\n3.jpg,,NaN,7.5\n4.jpg,2,0,x\n"
    table = read_csv(write(tmp_path, text))
    faults: list[str] = []
    codes = read_labels(table, list(table.rows(stop)), table.columns, faults.append)
    assert codes[:, 0].tolist() == [1, -1, UNKNOWN_LABEL, UNKNOWN_LABEL]
    assert codes[:, 1].tolist() == [1, FALSE_LABEL, UNKNOWN_LABEL, 0]
    assert [fault.removeprefix(f"{table.path}:") for fault in faults] == [
        "5: a is '2', expected 1, -1, 0 or nothing",
        "2: price is '9.99', and no row has a label (1, -1, 0) in this column: remove it",
    ]
