import subprocess
import sys

import av
import numpy as np
import pytest

from vision_shared.inputs import InputError
from vision_shared.video.colour import from_levels, to_format, to_levels, to_rgb, white_level

BLOCK = 16
LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
BT709, BT601, BT2020, UNSPECIFIED = 1, 6, 9, 2
LIMITED, FULL = 1, 2


def chart() -> np.ndarray:
    """Return 125 flat patches over the whole RGB cube, (80, 400, 3), uint8."""
    levels = np.array([0, 64, 128, 192, 255], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(5, 25, 3)
    return colours.repeat(BLOCK, 0).repeat(BLOCK, 1)


def centres(image: np.ndarray) -> np.ndarray:
    return image[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK].astype(int)


def yuv_of(rgb: np.ndarray, matrix: int, color_range: int, bits: int) -> np.ndarray:
    """Return Y'CbCr as ITU-R BT.601, BT.709 and BT.2020 define it, rounded; (..., 3)."""
    red, blue = LUMA[matrix]
    unit = rgb / 255
    y = unit @ np.array([red, 1 - red - blue, blue])
    u, v = (unit[..., 2] - y) / (2 - 2 * blue), (unit[..., 0] - y) / (2 - 2 * red)
    middle, scale = 128 << (bits - 8), 1 << (bits - 8)
    if color_range == FULL:
        peak = (1 << bits) - 1
        return np.rint(np.stack([y * peak, u * peak + middle, v * peak + middle], -1))
    return np.rint(
        np.stack([(16 + 219 * y) * scale, 224 * scale * u + middle, 224 * scale * v + middle], -1)
    )


def frame_444(planes: np.ndarray, bits: int, matrix: int, color_range: int) -> av.VideoFrame:
    height, width = planes.shape[:2]
    frame = av.VideoFrame(width, height, "yuv444p" if bits == 8 else f"yuv444p{bits}le")
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    for index, plane in enumerate(frame.planes):
        rows = np.zeros((height, plane.line_size // dtype.itemsize), dtype)
        rows[:, :width] = planes[..., index].clip(0, (1 << bits) - 1)
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = matrix, color_range
    return frame


def visible(plane: av.video.plane.VideoPlane) -> np.ndarray:
    """Return a plane of bytes without the padding of its rows."""
    return np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]


def like(
    pixel_format: str, matrix: int, color_range: int, size: tuple[int, int] = (400, 80)
) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pixel_format)
    frame.colorspace, frame.color_range = matrix, color_range
    frame.color_primaries, frame.color_trc = matrix, 6
    return frame


@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", [BT709, BT601, 5, BT2020])
@pytest.mark.parametrize("bits", [8, 10])
def test_rgb_agrees_with_the_standards(matrix: int, color_range: int, bits: int) -> None:
    frame = frame_444(yuv_of(chart(), matrix, color_range, bits), bits, matrix, color_range)
    assert np.abs(to_rgb(frame).astype(int) - chart()).max() <= 2
    levels = to_levels(frame) / white_level(frame) * 255
    # swscale's full range is a level off in deep formats
    assert np.abs(levels - chart()).max() <= (0.5 if (bits, color_range) == (10, LIMITED) else 2)


@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", [BT709, BT601, UNSPECIFIED])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12"])
def test_chart_survives_the_round_trip(matrix: int, color_range: int, pixel_format: str) -> None:
    source = like(pixel_format, matrix, color_range)
    levels = chart().astype(np.uint16) * 256 if "10" in pixel_format else chart()
    frame = from_levels(levels, source)
    assert frame.format.name == pixel_format
    assert np.abs(centres(to_rgb(frame)) - centres(chart())).max() <= 2


@pytest.mark.parametrize("pixel_format", ["gray", "gbrp", "rgb24", "gbrp10le", "gray10le"])
def test_formats_without_a_matrix_survive_the_round_trip(pixel_format: str) -> None:
    grey = np.repeat(chart()[..., :1], 3, axis=2)
    rgb = grey if pixel_format.startswith("gray") else chart()
    deep = pixel_format.endswith("10le")
    levels = np.rint(rgb / 255 * 65535).astype(np.uint16) if deep else rgb
    frame = from_levels(levels, like(pixel_format, UNSPECIFIED, 0))
    assert np.abs(to_rgb(frame).astype(int) - rgb).max() <= 1


def test_unnamed_matrix_is_bt709_from_720_lines_on() -> None:
    for height, matrix in ((718, BT601), (720, BT709)):
        red = np.tile(np.array([255, 0, 0]), (height, 16, 1))
        frame = frame_444(yuv_of(red, matrix, LIMITED, 8), 8, UNSPECIFIED, 0)
        assert np.abs(to_rgb(frame).astype(int) - red).max() <= 2


def test_synthesised_frames_do_not_flicker_against_their_source() -> None:
    """To RGB and back has to keep brightness: a level's bias shows at every second frame."""
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(60, 200, (9, 16)), np.ones((8, 8)))
    planes = np.stack([smooth, np.full_like(smooth, 110), np.full_like(smooth, 140)], -1)
    source = to_format(frame_444(planes, 8, BT709, LIMITED), "yuv420p")
    again = from_levels(to_levels(source), source)
    change = visible(again.planes[0]).astype(int) - visible(source.planes[0])
    assert abs(change.mean()) < 0.05


def test_made_frames_carry_the_source_tags() -> None:
    source = like("yuv420p", 5, LIMITED)
    frame = from_levels(chart(), source)
    for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
        assert getattr(frame, name) == getattr(source, name)


def test_change_of_layout_keeps_levels() -> None:
    planes = yuv_of(chart(), BT709, FULL, 8)
    source = frame_444(planes, 8, BT709, FULL)
    source_420 = to_format(source, "yuvj420p")
    again = to_format(source_420, "yuv420p")
    assert again.color_range == FULL
    for before, after in zip(source_420.planes, again.planes, strict=True):
        np.testing.assert_array_equal(visible(before), visible(after))


def test_unknown_matrix_is_refused() -> None:
    with pytest.raises(InputError, match="colour matrix 8"):
        to_rgb(like("yuv420p", 8, LIMITED))


AT_ONCE = """
import threading, av, numpy as np
from vision_shared.video.colour import to_format, to_levels

levels = np.random.default_rng(0).integers(0, 65536, (256, 256, 4), np.uint16)
frame = av.VideoFrame.from_ndarray(levels, "rgba64le").reformat(format="yuva444p12le")
expected = to_levels(frame)

def write():
    for _ in range(40):
        to_format(frame, "yuva444p10le")

writer = threading.Thread(target=write)
writer.start()
for _ in range(40):
    assert (to_levels(frame) == expected).all()
writer.join()
print("equal")
"""


def test_threads_convert_one_frame_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "equal\n", done.stderr
