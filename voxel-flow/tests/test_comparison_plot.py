from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from vision_shared.video.reader import TimedFrame
from voxel_flow.interpolation.comparison_plot import PANEL_WIDTH, ROWS, comparison_plot
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.interpolation.timeline import TooFewFrames
from voxel_flow.models import build_network

HEADER, GAP = 18, 4


@pytest.fixture(scope="module")
def interpolator() -> FrameInterpolator:
    return FrameInterpolator(build_network("compact", width=4), "cpu")  # the plain average


def frame(level: int, time: int, width: int = 48, seed: int | None = None) -> TimedFrame:
    image = np.full((32, width, 3), level, np.uint8)
    if seed is not None:
        image[:] = np.random.default_rng(seed).integers(0, 256, (32, width, 3), np.uint8)
    return TimedFrame(av.VideoFrame.from_ndarray(image, "rgb24"), Fraction(time))


def levels(plot: np.ndarray, width: int, height: int = 32) -> list[list[int]]:
    """Return the level at the middle of each image, row by row."""
    rows = range(HEADER + height // 2, plot.shape[0], height + GAP)
    columns = range(width // 2, plot.shape[1], width + GAP)
    return [[int(plot[y, x, 0]) for x in columns] for y in rows]


def test_pair_is_compared_with_its_average(interpolator: FrameInterpolator) -> None:
    plot = comparison_plot(interpolator, [frame(40, 0), frame(80, 1)])
    (row,) = levels(plot, 48)
    assert row[:5] == [40, 80, 60, 60, 128]  # first, last, average, ours, no difference
    assert row[5] == 255  # nothing moves


def test_left_out_frames_are_the_truth(interpolator: FrameInterpolator) -> None:
    plot = comparison_plot(interpolator, [frame(40, 0), frame(70, 1), frame(80, 2)])
    (row,) = levels(plot, 48)
    assert row[:4] == [40, 80, 70, 60]
    assert row[4] == round(127.5 + 4 * (60 - 70))


def test_middle_of_a_variable_rate_is_asked_for_at_its_time(
    interpolator: FrameInterpolator,
) -> None:
    plot = comparison_plot(interpolator, [frame(40, 0), frame(70, 3), frame(80, 4)])
    assert levels(plot, 48)[0][3] == 70


@pytest.mark.parametrize("num_frames", [5, 6, 40, 103])
def test_rows_are_spread_over_the_video(interpolator: FrameInterpolator, num_frames: int) -> None:
    frames = (frame(2 * k, k) for k in range(num_frames))
    rows = levels(comparison_plot(interpolator, frames), 48)
    firsts = [row[0] // 2 for row in rows]
    assert len(rows) == min(ROWS, num_frames - 2)
    assert firsts == sorted(set(firsts))
    assert firsts[-1] - firsts[0] >= (num_frames - 3) // 2


def test_no_row_spans_a_cut(interpolator: FrameInterpolator) -> None:
    frames = [frame(0, k, seed=k // 3) for k in range(9)]
    plot = comparison_plot(interpolator, frames)
    rows = levels(plot, 48)
    assert len(rows) == 3
    assert all(row[0] == row[1] for row in rows)


def test_large_pictures_are_scaled_down(interpolator: FrameInterpolator) -> None:
    wide = comparison_plot(interpolator, [frame(40, 0, 2 * PANEL_WIDTH), frame(80, 1, 720)])
    assert wide.shape == (HEADER + 16, 7 * (PANEL_WIDTH + GAP) - GAP, 3)


def test_too_few_frames_are_refused(interpolator: FrameInterpolator) -> None:
    with pytest.raises(TooFewFrames, match="two frames or more"):
        comparison_plot(interpolator, [frame(40, 0)])
    assert torch.is_grad_enabled()
