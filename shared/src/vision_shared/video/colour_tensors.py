"""The colours of planar video frames as tensors, computed where the tensors are.

What `vision_shared.video.colour` does by swscale, for a GPU: the planes go there and back, which
are half of what RGB is, and nothing is rounded in between. Chroma lies between the pixels that
share it, and is interpolated by bicubic filters, as there; their kernels differ a little.
"""

from collections.abc import Sequence

import av
import numpy as np
import torch
import torch.nn.functional as F
from av.video.reformatter import ColorRange, Colorspace
from torch import Tensor

from vision_shared.inputs import InputError
from vision_shared.video.colour import color_range, depth, matrix_of

_LUMA = {  # shares of red and blue in luma: ITU-R BT.709, 601 and 2020, SMPTE 240M, FCC 73.682
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.BT2020: (0.2627, 0.0593),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.FCC: (0.3, 0.11),
}
_SHAPES = ("420p", "422p", "444p")
_FORMATS = {f"{kind}{shape}" for kind in ("yuv", "yuvj") for shape in _SHAPES}
_FORMATS |= {f"yuv{shape}{bits}le" for shape in _SHAPES for bits in (10, 12)}


def is_planar(frame: av.VideoFrame) -> bool:
    """Whether a frame is of a format and a colour matrix that are computed here."""
    try:
        return frame.format.name in _FORMATS and matrix_of(frame) in _LUMA
    except InputError:
        return False


def to_image(frame: av.VideoFrame, device: torch.device) -> Tensor:
    """Return a frame that `is_planar` as RGB (3, H, W), float32 in [0, 1]."""
    y, *chroma = (_upload(plane, frame, device) for plane in frame.planes)
    (low, span), (middle, reach) = _levels(frame)
    y = (y - low) / span
    # the matrix first, which has fewer pixels to do, and then the interpolation: both are linear
    u, v = (F.interpolate((c - middle)[None, None] / reach, scale_factor=_scale(frame),
            mode="bicubic")[0, 0, : y.shape[0], : y.shape[1]] for c in chroma)  # fmt: skip
    red, blue = _LUMA[matrix_of(frame)]
    r, b = y + (2 - 2 * red) * v, y + (2 - 2 * blue) * u
    return torch.stack([r, (y - red * r - blue * b) / (1 - red - blue), b]).clamp_(0, 1)


def to_planes(image: Tensor, like: av.VideoFrame) -> av.VideoFrame:
    """Return RGB (3, H, W) in [0, 1] as a frame in the format, matrix, range and tags of another.

    That one `is_planar`, and has the same size.
    """
    r, g, b = image.float().clamp(0, 1)
    red, blue = _LUMA[matrix_of(like)]
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = torch.stack([(b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)])[None]
    down, across = _scale(like)
    height, width = (-(-side // scale) for side, scale in zip(y.shape, (down, across), strict=True))
    pads = (0, width * across - y.shape[1], 0, height * down - y.shape[0])
    small = F.interpolate(F.pad(chroma, pads, mode="replicate"), (height, width),
                          mode="bicubic", antialias=True)[0]  # fmt: skip
    (low, span), (middle, reach) = _levels(like)
    made = av.VideoFrame(like.width, like.height, like.format.name)
    _download([low + span * y, *(middle + reach * small)], made)
    made.colorspace, made.color_range = like.colorspace, like.color_range
    made.color_primaries, made.color_trc = like.color_primaries, like.color_trc
    return made


def _scale(frame: av.VideoFrame) -> tuple[int, int]:
    """Return how many rows and columns share a chroma sample."""
    y, u = frame.planes[:2]
    return round(y.height / u.height + 0.25), round(y.width / u.width + 0.25)


def _levels(frame: av.VideoFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return black and what is above it, of luma, and the middle and the extent of chroma."""
    bits = depth(frame.format)
    unit, peak = 1 << (bits - 8), (1 << bits) - 1
    if color_range(frame) == ColorRange.JPEG:
        return (0, peak), (128 * unit, peak)
    return (16 * unit, 219 * unit), (128 * unit, 224 * unit)


def _upload(plane: av.video.plane.VideoPlane, frame: av.VideoFrame, device: torch.device) -> Tensor:
    # torch has few operators for uint16; no level of 12 bits is negative in int16
    rows = np.array(_rows(plane, frame)[:, : plane.width])
    levels = torch.from_numpy(rows)
    if device.type == "cuda":  # the copy runs beside what the GPU does
        levels = levels.pin_memory().to(device, non_blocking=True)
    return levels.float()


def _download(planes: Sequence[Tensor], frame: av.VideoFrame) -> None:
    peak = (1 << depth(frame.format)) - 1
    kind = torch.uint8 if peak == 255 else torch.int16
    rounded = [plane.round().clamp(0, peak).to(kind).flatten() for plane in planes]
    levels = torch.cat(rounded).cpu().numpy()  # one wait for all
    for plane in frame.planes:
        own, levels = np.split(levels, [plane.width * plane.height])
        _rows(plane, frame)[:, : plane.width] = own.reshape(plane.height, plane.width)


def _rows(plane: av.video.plane.VideoPlane, frame: av.VideoFrame) -> np.ndarray:
    """Return the memory of a plane, the padding of its rows included."""
    kind = np.uint8 if depth(frame.format) == 8 else np.int16
    return np.frombuffer(plane, kind).reshape(plane.height, -1)  # type: ignore[call-overload]
