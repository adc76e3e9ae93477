"""The list of labelled photographs that benchmarks use."""

import json
from pathlib import Path

LIST = Path(__file__).parents[1] / "benchmarks/photographs/people.json"


def test_labels_of_photographs_are_sound() -> None:
    content = json.loads(LIST.read_text())
    names = set(content["attributes"])
    assert len({(row["package"], row["file"]) for row in content["photographs"]}) == len(
        content["photographs"]
    )
    for row in content["photographs"]:
        width, height = row["size"]
        assert row["package"] in content["packages"] and row["split"] in ("development", "test")
        for face in row["faces"]:
            left, top, box_width, box_height = face["box"]
            assert 0 <= left + box_width / 2 < width and 0 <= top + box_height / 2 < height
            assert all(
                left - box_width / 4 <= x <= left + box_width * 1.25
                and top <= y <= top + box_height
                for x, y in face["landmarks"]
            )
            assert not set(face["yes"]) & set(face["unclear"])
            assert set(face["yes"]) | set(face["unclear"]) <= names


def test_there_are_enough_faces_to_tell() -> None:
    photographs = json.loads(LIST.read_text())["photographs"]
    assert sum(len(row["faces"]) for row in photographs) >= 60
    groups = [row for row in photographs if len(row["faces"]) > 1]
    assert sum(len(row["faces"]) for row in groups) >= 40
