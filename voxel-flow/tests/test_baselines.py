"""Copying, averaging and DIS flow on images whose motion is known."""

from typing import Literal

import cv2
import numpy as np
import pytest

from voxel_flow.dense_flow import dense_flow
from voxel_flow.evaluation.baselines import (
    BASELINES,
    dis_flow,
    dis_warp,
    frame_average,
    previous_frame,
    symmetric_warp,
)

MOTION = (6.0, -3.0)  # pixels from frame 0 to frame 1, x then y


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (160, 160, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]


def moved(picture: np.ndarray, time: float) -> np.ndarray:
    """The middle 96x96 of the image, which moves by MOTION within one unit of time."""
    shift = np.array([[1, 0, MOTION[0] * time], [0, 1, MOTION[1] * time]], np.float32)
    whole = cv2.warpAffine(picture, shift, (160, 160), flags=cv2.INTER_CUBIC)
    return whole[32:128, 32:128].round().clip(0, 255).astype(np.uint8)


def inner_error(image: np.ndarray, target: np.ndarray) -> float:
    return float(abs(image.astype(float) - target)[12:-12, 12:-12].mean())


def test_previous_frame_and_average_are_what_they_say() -> None:
    dark, light = np.full((4, 4, 3), 10, np.uint8), np.full((4, 4, 3), 50, np.uint8)
    assert (previous_frame(dark, light, 0.5) == 10).all()
    assert (frame_average(dark, light, 0.5) == 30).all()
    assert (frame_average(dark, light, 0.25) == 20).all()


def test_dis_flow_is_the_motion_in_pixels_x_first(picture: np.ndarray) -> None:
    flow = dis_flow(moved(picture, 0), moved(picture, 1))
    assert flow.shape == (96, 96, 2)
    assert flow[12:-12, 12:-12].mean((0, 1)) == pytest.approx(MOTION, abs=0.1)


@pytest.mark.parametrize("preset", ["fast", "medium"])
@pytest.mark.parametrize(("height", "width"), [(4, 256), (16, 256), (31, 640), (256, 16), (8, 8)])
def test_flow_of_narrow_pictures(
    height: int, width: int, preset: Literal["fast", "medium"]
) -> None:
    # OpenCV alone ends the process at several of these
    first = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    flow = dense_flow(first, np.roll(first, 1, axis=1), preset)
    assert flow.shape == (height, width, 2) and np.isfinite(flow).all()


@pytest.mark.parametrize("time", [0.25, 0.5, 0.8])
def test_warp_reaches_any_time(picture: np.ndarray, time: float) -> None:
    first, last, target = moved(picture, 0), moved(picture, 1), moved(picture, time)
    flow = np.broadcast_to(np.array(MOTION, np.float32), (96, 96, 2))
    assert inner_error(symmetric_warp(first, last, flow, time), target) < 1
    assert inner_error(dis_warp(first, last, time), target) < 2
    assert inner_error(frame_average(first, last, time), target) > 5


def test_beyond_the_frames_the_nearer_one_weighs_more() -> None:
    dark, light = np.full((4, 4, 3), 10, np.uint8), np.full((4, 4, 3), 40, np.uint8)
    assert (previous_frame(dark, light, 2) == 40).all()
    assert (frame_average(dark, light, 2) == 30).all()  # 1/2 and 1 from its distances 2 and 1
    assert (frame_average(dark, light, -1) == 20).all()


def test_warp_extrapolates_along_the_flow(picture: np.ndarray) -> None:
    first, last, target = moved(picture, 0), moved(picture, 1), moved(picture, 2)
    flow = np.broadcast_to(np.array(MOTION, np.float32), (96, 96, 2))
    assert inner_error(symmetric_warp(first, last, flow, 2), target) < 1


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_return_levels_and_leave_their_inputs(name: str, picture: np.ndarray) -> None:
    first, last = moved(picture, 0), moved(picture, 1)
    copies = first.copy(), last.copy()
    image = BASELINES[name](first, last, 0.5)
    assert (image.dtype, image.shape) == (np.uint8, first.shape)
    assert np.array_equal(first, copies[0])
    assert np.array_equal(last, copies[1])
