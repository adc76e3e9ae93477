import numpy as np
import pytest

from segmentation.drawing_contexts import FAVOUR, PENALTY, draw_label_contexts

NAMES = ("background", "person", "bike")


def find(picture: np.ndarray, colour: tuple[int, int, int], tap: int = 3) -> tuple[int, int] | None:
    """Return where the first block of one colour begins, row and column; letters are smaller."""
    same = (picture == colour).all(-1)
    blocks = np.lib.stride_tricks.sliding_window_view(same, (tap, tap)).all((2, 3))
    return tuple(np.argwhere(blocks)[0].tolist()) if blocks.any() else None


def test_picture_tells_favour_from_penalty_and_where() -> None:
    kernels = np.zeros((3, 3, 9, 9))
    kernels[2, 1, 0, 4] = -2.0  # a bike favours a person above it
    kernels[0, 2, 8, 8] = 2.0
    picture = draw_label_contexts(kernels, NAMES)
    assert picture.dtype == np.uint8
    favour, penalty = find(picture, FAVOUR), find(picture, PENALTY)
    assert favour is not None and penalty is not None
    pitch = 9 * 3 + 2 + 4  # a line around, and a gap
    down, right = favour[0] - penalty[0], favour[1] - penalty[1]
    assert (down, right) == (2 * pitch - 8 * 3, -pitch - 4 * 3)


def test_penalty_that_training_starts_from_hides_no_context() -> None:
    kernels = np.zeros((3, 3, 9, 9))
    kernels[1, 1, 4, 4] = -1.0  # the Potts penalty
    kernels[2, 1, 0, 4] = 0.05
    assert find(draw_label_contexts(kernels, NAMES), PENALTY) is not None


def test_picture_of_nothing_learned_has_white_cells() -> None:
    picture = draw_label_contexts(np.zeros((3, 3, 1, 1)), NAMES)
    assert find(picture, FAVOUR) is None
    assert find(picture, PENALTY) is None
    assert (picture.min(-1) < 128).sum() > 100  # the names


def test_kernels_of_other_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected kernels \(3, 3, rows, columns\), got \(2, 2,"):
        draw_label_contexts(np.zeros((2, 2, 9, 9)), NAMES)
