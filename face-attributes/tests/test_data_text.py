"""Tables of whole numbers: every layout, and a line for every fault."""

from pathlib import Path

import numpy as np
import pytest

from face_attributes.data.text import read_table, write_table
from vision_shared.csv_tables import SIZED
from vision_shared.faults import line_of
from vision_shared.inputs import InputError

OFFICIAL = "3\nSmiling Eyeglasses \n000001.jpg -1  1\n000002.jpg  1 -1\n000003.jpg  1  1\n"


def write(tmp_path: Path, text: str | bytes, name: str = "list.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults_of(path: Path) -> list[str]:
    faults: list[str] = []
    read_table(path, None, faults.append)
    return [fault.removeprefix(f"{path}:") for fault in faults]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (OFFICIAL, "list.txt"),
        (OFFICIAL.replace("\n", "\r\n"), "list.txt"),
        ("\ufeff" + OFFICIAL.removesuffix("\n"), "list.txt"),
        (OFFICIAL.replace("3\n", "3\nimage_id ", 1), "list.txt"),
        (OFFICIAL + "\n\n", "list.txt"),
        (
            "image_id,Smiling,Eyeglasses\n000001.jpg,-1,1\n000002.jpg,1,-1\n000003.jpg,1,1\n",
            "list.csv",
        ),
    ],
)
def test_every_layout_gives_the_same_table(tmp_path: Path, text: str, name: str) -> None:
    table = read_table(write(tmp_path, text, name))
    assert table.columns == ("Smiling", "Eyeglasses")
    assert table.names.tolist() == [b"000001.jpg", b"000002.jpg", b"000003.jpg"]
    assert table.values.tolist() == [[-1, 1], [1, -1], [1, 1]]


def test_file_without_heading_needs_the_number_of_values(tmp_path: Path) -> None:
    path = write(tmp_path, "000001.jpg 2880\n000002.jpg 12\n")
    assert read_table(path, ["identity"]).values.tolist() == [[2880], [12]]
    with pytest.raises(InputError, match=r"list\.txt:1: expected a line with the names"):
        read_table(path)


def test_numbers_keep_signs_and_digits(tmp_path: Path) -> None:
    values = np.array([[0, -7, 12345, -123456789]])
    path = tmp_path / "numbers.txt"
    write_table(path, np.array([b"a.jpg"]), values)
    assert np.array_equal(read_table(path, SIZED).values, values)


def test_written_table_reads_back(tmp_path: Path) -> None:
    names = np.array([f"{number}.jpg" for number in (1, 22, 333)]).astype("S")
    values = np.random.default_rng(0).integers(-500, 500, (3, 4))
    write_table(tmp_path / "a.txt", names, values, ("image_id", "x_1", "y_1", "width", "height"))
    table = read_table(tmp_path / "a.txt")
    assert np.array_equal(table.names, names) and np.array_equal(table.values, values)
    assert table.columns == ("x_1", "y_1", "width", "height")


def test_every_fault_names_its_line(tmp_path: Path) -> None:
    text = "6\nA B\nx.jpg 1 1\ny.jpg 1\nz.jpg 1 1 1\nx.jpg 1 -1\nw.jpg 1 1.5\nv.jpg - 1\n"
    path = write(tmp_path, text)
    assert faults_of(path) == [
        "4: expected a name and 2 values, got 1",
        "5: expected a name and 2 values, got 3",
        "7: expected whole numbers, got '1.5'",
        "8: expected whole numbers, got '-'",
        "6: x.jpg comes twice, before in line 3",
        "1: says 6 rows, but 1 good ones follow",
    ]
    with pytest.raises(InputError, match=r"list\.txt:4: expected a name and 2 values, got 1$"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>quota exceeded</html>", "a web page"),
        (b"2\nA B C\nx.jpg 1 1 1\n", ":2: unknown column C; expected A, B"),
        (b"2\nA \xff\nx.jpg 1 1\n", "not UTF-8"),
        (b"2\nA B\nx.jpg 1 1\n\xff.jpg 1 1\n", r":4: not UTF-8"),
    ],
)
def test_file_that_is_no_table_raises(tmp_path: Path, text: bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=message) as error:
        read_table(path, ["A", "B"])
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_table_cut_short_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"says 9 rows, but 3"):
        read_table(write(tmp_path, OFFICIAL.replace("3\n", "9\n", 1)))


def test_rows_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "b.jpg 2\nlonger.jpg 3\na.jpg 1\n"), ["value"])
    rows = table.rows_of(np.array([b"a.jpg", b"absent.jpg", b"b.jpg"]))
    assert rows.tolist() == [2, -1, 0]


def test_line_of_a_picture_is_found_whatever_its_suffix(tmp_path: Path) -> None:
    path = write(tmp_path, OFFICIAL)
    assert line_of(path, "000002.png") == f"{path}:4"
    assert line_of(path, "absent.png") == str(path)
