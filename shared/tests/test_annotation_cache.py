from pathlib import Path

import numpy as np
import pytest

from vision_shared.annotation_cache import load_packed, record_of, save_packed
from vision_shared.inputs import InputError

FACTS = {"names": ["a", "b"], "listed_in": None}
ARRAYS = [np.arange(6, dtype=np.int16).reshape(2, 3), np.array([b"x", b"yz"]), np.zeros(0)]


def test_facts_and_arrays_come_back(tmp_path: Path) -> None:
    save_packed(tmp_path / "x.packed", "record", FACTS, ARRAYS)
    loaded = load_packed(tmp_path / "x.packed", "record")
    assert loaded is not None
    facts, arrays = loaded
    assert facts == FACTS
    for array, expected in zip(arrays, ARRAYS, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_another_record_and_no_file_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.packed"
    assert load_packed(path, "record") is None
    save_packed(path, "record", FACTS, ARRAYS)
    assert load_packed(path, "another") is None


@pytest.mark.parametrize("kept", [3, -5])
def test_damaged_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "x.packed"
    save_packed(path, "record", FACTS, ARRAYS[:1])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"x\.packed: a damaged cache .*: remove it"):
        load_packed(path, "record")


def test_record_follows_files_folder_and_version(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text("one")
    record = record_of(1, [source], tmp_path)
    assert record == record_of(1, [source], tmp_path)
    others = [record_of(2, [source], tmp_path), record_of(1, [source], tmp_path / "images")]
    source.write_text("three")
    others.append(record_of(1, [source], tmp_path))
    assert len({record, *others}) == 4
