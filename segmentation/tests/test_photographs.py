"""Real photographs: the list, their masks, and how people in them are scored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segmentation.data import photographs
from segmentation.data.photographs import Photograph, read_photographs
from segmentation.evaluation.person import person_tables, score
from vision_shared.inputs import InputError


def write_list(folder: Path, size: tuple[int, int]) -> Path:
    """Return a list of one photograph whose left half shows a person with a hole."""
    row: dict[str, Any] = {"split": "test", "package": "p", "file": "a.png", "size": [100, 50]}
    row["people"] = [[[0, 0], [49, 0], [49, 49], [0, 49]]]
    row["holes"] = [[[10, 10], [19, 10], [19, 19], [10, 19]]]
    row["ignore"] = [[[90, 0], [99, 0], [99, 49], [90, 49]]]
    package = {"get": "get it into DIR/p", "licence": "", "roots": []}
    path = folder / "list.json"
    path.write_text(json.dumps({"packages": {"p": package}, "photographs": [row]}))
    (folder / "p").mkdir()
    Image.new("RGB", size).save(folder / "p/a.png")
    return path


def test_outlines_become_masks_of_the_reduced_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "LIST", write_list(tmp_path, (100, 50)))
    first, *backgrounds = read_photographs("test", tmp_path, long_side=50)
    assert first.image.shape == (25, 50, 3) and first.shows_people
    values, counts = np.unique(first.person, return_counts=True)
    assert values.tolist() == [0, 1, 255]
    assert counts.tolist() == pytest.approx([525, 600, 125], abs=30)
    assert len(backgrounds) > 20 and not any(photo.shows_people for photo in backgrounds)
    assert max(max(photo.image.shape) for photo in backgrounds) == 50


def test_another_file_of_that_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "LIST", write_list(tmp_path, (80, 50)))
    with pytest.raises(InputError, match=r"a\.png: expected \[100, 50\] pixels, got \[80, 50\]"):
        read_photographs("test", tmp_path)


def test_the_list_has_a_split_and_a_source_for_every_photograph() -> None:
    content = json.loads(photographs.LIST.read_text())
    rows = content["photographs"]
    assert {row["split"] for row in rows} == {"development", "test"}
    assert {row["package"] for row in rows} == set(content["packages"])
    for row in rows:
        width, height = row["size"]
        points = np.array([p for outline in row.get("people", []) for p in outline]).reshape(-1, 2)
        assert ((points >= 0) & (points <= (width, height))).all(), row["file"]
    assert len({(row["package"], row["file"]) for row in rows}) == len(rows)


def test_score_counts_what_is_marked_alone() -> None:
    person = np.array([[1, 1, 0, 255]], np.uint8)
    assert score(np.array([[True, False, True, True]]), person) == pytest.approx(1 / 3)
    nobody = np.array([[0, 0, 255]], np.uint8)
    assert score(np.array([[True, False, True]]), nobody) == 0.5


def test_tables_tell_people_and_no_one_apart() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    shown = Photograph("shown", image, np.ones((2, 2), np.uint8))
    empty = Photograph("empty", image, np.zeros((2, 2), np.uint8))
    everywhere = {"ours": lambda image: np.ones(image.shape[:2], bool)}
    people, nobody = person_tables([shown, empty], everywhere)
    assert people.rows == [["shown", "1.000"], ["mean of 1", "1.000"]]
    assert nobody.rows == [["empty", "1.000"], ["mean of 1", "1.000"]]
