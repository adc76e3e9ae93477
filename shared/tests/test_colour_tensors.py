"""Colours of planar frames as tensors, held against swscale's."""

from typing import Any

import av
import numpy as np
import pytest
import torch

from vision_shared.video.colour import from_levels, to_levels, white_level
from vision_shared.video.colour_tensors import is_planar, to_image, to_planes

FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le")
BT709, BT601, BT2020, UNSPECIFIED = 1, 6, 9, 2
CPU = torch.device("cpu")


def smooth(height: int, width: int) -> np.ndarray:
    """Return colours that change slowly, (H, W, 3) in [0, 1]."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 23 + k) * np.cos(y / 17 - k) for k in range(3)]
    return 0.5 + 0.35 * np.stack(waves, -1)


def in_type_of(like: av.VideoFrame, levels: np.ndarray) -> Any:
    """Return levels in the type that holds those of a frame."""
    return levels.astype(np.uint8 if white_level(like) == 255 else np.uint16)


def make_frame(pixel_format: str, matrix: int, size: tuple[int, int]) -> av.VideoFrame:
    like = av.VideoFrame(size[1], size[0], pixel_format)
    like.colorspace = matrix
    levels = np.rint(smooth(*size) * white_level(like))
    return from_levels(in_type_of(like, levels), like)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    rows = [np.frombuffer(p, kind).reshape(p.height, -1)[:, : p.width] for p in frame.planes]  # type: ignore[call-overload]
    return [each.astype(float) for each in rows]


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("matrix", [BT709, BT601, BT2020, UNSPECIFIED])
def test_images_are_those_of_swscale(pixel_format: str, matrix: int) -> None:
    frame = make_frame(pixel_format, matrix, (64, 96))
    expected = to_levels(frame) / white_level(frame)
    difference = to_image(frame, CPU).permute(1, 2, 0).numpy() - expected
    assert abs(difference).max() < 2.5 / 255 and abs(difference.mean()) < 0.2 / 255


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [(64, 96), (33, 51)])
def test_the_way_there_and_back_changes_no_level(pixel_format: str, size: tuple[int, int]) -> None:
    frame = make_frame(pixel_format, BT601, size)
    back = to_planes(to_image(frame, CPU), frame)
    unit = white_level(frame) / 255 / 64 if pixel_format.endswith("10le") else 1
    for before, after in zip(planes(frame), planes(back), strict=True):
        assert abs(after - before).max() <= 4 * unit
        assert abs((after - before).mean()) < 0.1 * unit


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
def test_flat_colours_come_back_to_the_level_with_their_tags(pixel_format: str) -> None:
    like = av.VideoFrame(32, 16, pixel_format)
    like.colorspace, like.color_range, like.color_primaries = BT709, 1, 9
    for colour in ((255, 0, 0), (12, 200, 90), (255, 255, 255), (0, 0, 0)):
        levels = np.broadcast_to(np.array(colour) * (white_level(like) // 255), (16, 32, 3))
        frame = from_levels(np.ascontiguousarray(in_type_of(like, levels)), like)
        back = to_planes(to_image(frame, CPU), frame)
        assert (back.colorspace, back.color_range, back.color_primaries) == (1, 1, 9)
        for before, after in zip(planes(frame), planes(back), strict=True):
            assert np.array_equal(before, after)


@pytest.mark.parametrize("pixel_format", ["gray", "gbrp", "rgb24", "yuva420p", "nv12"])
def test_other_formats_are_left_to_swscale(pixel_format: str) -> None:
    assert not is_planar(av.VideoFrame(16, 16, pixel_format))
