"""What is found in photographs, beside what was drawn in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion.data.taxonomy import SLOTS, TYPES
from fashion.garment import Garment
from fashion.photographs.garments import FOLDER, Drawn, Photograph, match, people_table, write_sheet


def found(box: tuple[float, float, float, float], kind: int) -> Garment:
    landmarks = np.tile(np.array(box[:2], np.float32), (8, 1))
    return Garment(
        box, kind, 0.9, landmarks, np.zeros(8, np.int64), "Tee", 0.9, {}, np.ones(2, np.float32)
    )


def drawn(box: tuple[float, float, float, float], *types: int) -> Drawn:
    landmarks = np.full((8, 2), np.nan)
    landmarks[0] = box[0] + 3, box[1] + 4  # 5 px from what is found there
    return Drawn(np.array(box), types, landmarks)


@pytest.fixture
def photograph() -> Photograph:
    garments = [drawn((10, 10, 50, 60), 0), drawn((10, 60, 50, 110), 1), drawn((80, 0, 90, 9), 2)]
    boxes = [
        ((10.0, 10.0, 50.0, 60.0), 0),
        ((12.0, 60.0, 50.0, 110.0), 2),
        ((10.0, 10.0, 50.0, 58.0), 0),
    ]
    answers = [found(box, kind) for box, kind in boxes]
    return Photograph("a.jpg", np.zeros((120, 100, 3), np.uint8), garments, answers)


def test_each_garment_has_the_box_that_overlaps_it_most_once(photograph: Photograph) -> None:
    boxes = [answer and answer.box for _, answer in match(photograph)]
    assert boxes == [(10, 10, 50, 60), (12, 60, 50, 110), None]


def test_table_counts_what_is_found_and_in_the_right_group(photograph: Photograph) -> None:
    upper, lower, full = people_table([photograph]).rows
    assert upper == ["upper", "1", "100 % (1)", "100 % (1)", "0.083 (1)"]  # 5 px of 1.2 * 50
    assert lower[2:4] == ["100 % (1)", "0 % (0)"] and full[2:] == ["0 % (0)", "", ""]


def test_sheet_shows_every_photograph(photograph: Photograph, tmp_path: Path) -> None:
    write_sheet([photograph] * 6, tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.height == 2 * 320


def test_lists_have_their_splits_and_sound_boxes() -> None:
    content = json.loads((FOLDER / "garments.json").read_text())
    garments = [(row, garment) for row in content["photographs"] for garment in row["garments"]]
    assert len(garments) >= 40 and {row["split"] for row, _ in garments} == {"development", "test"}
    for row, garment in garments:
        x1, y1, x2, y2 = garment["box"]
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1, row["file"]
        assert set(garment["types"]) <= set(TYPES) and set(garment["landmarks"]) <= set(SLOTS)
    nobody = json.loads((FOLDER / "nobody.json").read_text())
    assert {row["split"] for row in nobody["photographs"]} == {"test"}
