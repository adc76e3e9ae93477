"""Changes of brightness between frames are taken for what they are, not for motion."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from voxel_flow.interpolation.exposure import row_gain
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.models import build_network

HEIGHT, WIDTH = 96, 128


def scene(shift: int) -> Tensor:
    noise = np.random.default_rng(0).uniform(60, 190, (14, 20, 3)).astype(np.float32)
    wide = cv2.resize(noise, (WIDTH + 32, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image = torch.from_numpy(wide[:, 16 - shift : 16 - shift + WIDTH]).permute(2, 0, 1)
    return (image / 255).clamp(0, 1).contiguous()


def bands() -> Tensor:
    return 1 + 0.15 * (4 * torch.pi * torch.arange(HEIGHT)[:, None] / HEIGHT).sin()


@pytest.mark.parametrize(
    "gain", [torch.full((HEIGHT, 1), 0.8), torch.full((HEIGHT, 1), 1.25), bands()]
)
def test_gain_of_moving_frames_is_found(gain: Tensor) -> None:
    found = row_gain(scene(0), scene(3) * gain)
    assert found is not None and found.shape == (3, HEIGHT, 1)
    assert (found.log() - gain.log()).abs().mean() < 0.02


def test_motion_alone_is_no_gain() -> None:
    assert row_gain(scene(0), scene(3)) is None
    assert row_gain(scene(0), scene(0)) is None
    assert row_gain(torch.zeros(3, 32, 32), torch.zeros(3, 32, 32)) is None


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_brightness_is_taken_out_and_given_back_as_the_time_asks(quality: str) -> None:
    torch.manual_seed(0)
    interpolator = FrameInterpolator(build_network("compact", width=4), "cpu", quality=quality)  # type: ignore
    first, second = scene(0), scene(0) * bands()
    for time in (0.25, 0.5, 0.75):
        made = interpolator.synthesise(first, second, time)
        expected = first * (1 - time + time * bands())
        assert (made - expected).abs().mean() < 0.006
    interpolator.evens_brightness = False
    plain = interpolator.synthesise(scene(0), scene(3), 0.5)
    interpolator.evens_brightness = True
    torch.testing.assert_close(interpolator.synthesise(scene(0), scene(3), 0.5), plain)
