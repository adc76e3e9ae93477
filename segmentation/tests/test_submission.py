from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.cityscapes import to_train_ids
from segmentation.data.labels import VOC
from segmentation.evaluation.submission import write_cityscapes_submission, write_voc_submission
from vision_shared.inputs import InputError

MASK = np.arange(15, dtype=np.uint8).reshape(3, 5)


def test_voc_results_lie_where_the_server_looks(tmp_path: Path) -> None:
    place = write_voc_submission(tmp_path, [("2008_000006", MASK), ("2008_000008", MASK + 6)])
    assert place == tmp_path / "results" / "VOC2012" / "Segmentation" / "comp6_test_cls"
    assert sorted(path.name for path in place.iterdir()) == ["2008_000006.png", "2008_000008.png"]
    with Image.open(place / "2008_000008.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.array(image), MASK + 6)
        np.testing.assert_array_equal(np.array(image.convert("RGB")), VOC.colours()[MASK + 6])


def test_other_competition_and_list_have_their_own_folder(tmp_path: Path) -> None:
    place = write_voc_submission(tmp_path, [("a", MASK)], competition="comp5", split="val")
    assert place.name == "comp5_val_cls"
    with pytest.raises(ValueError, match=r"expected a competition .*, got 'comp7'"):
        write_voc_submission(tmp_path, [("a", MASK)], competition="comp7")


def test_cityscapes_results_hold_ids(tmp_path: Path) -> None:
    name = "berlin_000000_000019"
    place = write_cityscapes_submission(tmp_path / "out", [(name, MASK)])
    with Image.open(place / f"{name}.png") as image:
        assert image.mode == "L"
        ids = np.array(image)
    assert ids[0].tolist() == [7, 8, 11, 12, 13]
    np.testing.assert_array_equal(to_train_ids(ids), MASK)


@pytest.mark.parametrize("write", [write_voc_submission, write_cityscapes_submission])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.full((2, 2), 255, np.uint8), r"b: expected 0 to (18|20), got 255"),
        (np.zeros((2, 2)), r"b: expected uint8 \(H, W\), got float64 \(2, 2\)"),
        (np.zeros((2, 2, 3), np.uint8), r"b: expected uint8 \(H, W\), got uint8 \(2, 2, 3\)"),
    ],
)
def test_results_that_the_server_would_refuse_leave_nothing_behind(
    tmp_path: Path, write, wrong: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "out", [("a", MASK), ("b", wrong)])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("write", [write_voc_submission, write_cityscapes_submission])
def test_interrupted_or_empty_results_leave_nothing_behind(tmp_path: Path, write) -> None:
    def interrupted() -> Iterator[tuple[str, np.ndarray]]:
        yield "a", MASK
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", interrupted())
    with pytest.raises(ValueError, match="expected results, got none"):
        write(tmp_path / "out", [])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("write", [write_voc_submission, write_cityscapes_submission])
def test_earlier_results_are_kept(tmp_path: Path, write) -> None:
    write(tmp_path / "out", [("a", MASK)])
    with pytest.raises(InputError, match="is not empty; choose another name"):
        write(tmp_path / "out", [("a", MASK + 1)])
