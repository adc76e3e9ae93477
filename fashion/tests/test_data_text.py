"""Lists as DeepFashion has them, and what is wrong with some."""

from pathlib import Path

import numpy as np
import pytest

from fashion.data.deepfashion.parsing import parse_labels, read_labels, read_names, read_rows
from vision_shared.faults import stop
from vision_shared.inputs import InputError


def written(folder: Path, data: str | bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def rows(folder: Path, data: str | bytes) -> list[list[str]]:
    return [row.fields for row in read_rows(written(folder, data), stop)]


def test_padding_and_spaces_at_line_ends_do_not_count(tmp_path: Path) -> None:
    text = "2\nimage_name  x_1\nimg/a.jpg                 072   \n\nimg/b.jpg\t9\n  \n"
    assert rows(tmp_path, text) == [["img/a.jpg", "072"], ["img/b.jpg", "9"]]


def test_byte_order_mark_and_crlf_do_not_count(tmp_path: Path) -> None:
    text = "1\r\nname  type\r\n颜色   colour   1\r\n".encode("utf-8-sig")
    assert rows(tmp_path, text) == [["颜色", "colour", "1"]]


def test_numbers_may_begin_with_zeros(tmp_path: Path) -> None:
    (row,) = read_rows(written(tmp_path, "1\nname x\nimg/a.jpg 072 -08 000\n"), stop)
    assert row.numbers(1) == [72, -8, 0]


def test_rows_beyond_the_count_are_read(tmp_path: Path) -> None:
    assert len(rows(tmp_path, "1\nname  x\na 1\nb 2\n")) == 2


def test_rows_that_the_count_promises_are_missed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"list\.txt:1: says 3 rows, but 2 follow: get the file"):
        rows(tmp_path, "3\nname  x\na 1\nb 2\n")


def test_count_of_names_means_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "999\nname type\nTee 1\n")
    assert read_names(path, stop, has_types=True) == (["Tee"], [0])


def test_names_may_hold_spaces(tmp_path: Path) -> None:
    text = "2\nattribute_name  attribute_type\na-line          3\nabstract chevron print  1\n"
    names, types = read_names(written(tmp_path, text), stop, has_types=True)
    assert (names, types) == (["a-line", "abstract chevron print"], [2, 0])


def test_names_without_types_keep_all_their_words(tmp_path: Path) -> None:
    path = written(tmp_path, "2\nattribute_name\nknit top\nmini\n")
    assert read_names(path, stop, has_types=False) == (["knit top", "mini"], [])


def test_list_without_columns_is_read_from_its_second_line(tmp_path: Path) -> None:
    path = written(tmp_path, "2\nid_00000001\nid_00000002\n")
    found = [row.fields for row in read_rows(path, stop, has_columns=False)]
    assert found == [["id_00000001"], ["id_00000002"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("<html>\n", r":1: a web page"),
        ("image_name x\n", r":1: expected the number of rows, got 'image_name x'"),
        ("1\nimg/a.jpg 1\n", r":2: expected the names of the columns, got 'img/a.jpg 1'"),
        (b"1\nname x\n\xff\xfe 1\n", "not UTF-8 text"),
    ],
)
def test_unusable_list_says_what_is_wrong(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rows(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        *(" 1 0 -1 ", "1 0 1 0", "1 0 11", "1 0 --1", "1 0 1-1", "1 0 1 -", "1 0 2", "1 0 a"),
        *("", "10 -1", "1 0 -"),
    ],
)
def test_labels_are_minus_one_zero_and_one(text: str) -> None:
    labels = parse_labels(text.encode(), 3)
    if text.split() == ["1", "0", "-1"]:
        assert labels is not None and labels.tolist() == [1, 0, -1]
    else:
        assert labels is None


def test_matrix_of_labels_follows_the_keys(tmp_path: Path) -> None:
    text = "3\nimage_name labels\nb.jpg   -1  1  0 \nother.jpg 1 1 1\r\na.jpg 1 -1 -1\n"
    labels = read_labels(written(tmp_path, text), 3, {"a.jpg": 0, "b.jpg": 1}, stop)
    assert labels[:].tolist() == [[1, -1, -1], [-1, 1, 0]]
    assert labels[:].dtype == np.int8


def test_every_fault_of_a_matrix_is_named(tmp_path: Path) -> None:
    text = "5\nname labels\na 1 1\nb 1 2\nc 1\na 1 1\n"
    path = written(tmp_path, text)
    faults: list[str] = []
    read_labels(path, 2, {name: row for row, name in enumerate("abcd")}, faults.append)
    assert faults == [
        f"{path}:4: expected labels of 1, 0 or -1, got '2'",
        f"{path}:5: expected 2 labels behind c, got 1",
        f"{path}:6: a comes twice, before in line 3",
        f"{path}:1: says 5 rows, but 4 follow: get the file again",
        f"{path}: no row for d, which other lists name: get the file again",
    ]
