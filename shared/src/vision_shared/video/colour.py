"""Between decoded video frames and RGB arrays, with each frame's own colour matrix and range.

PyAV's defaults are not to be relied on: unless told otherwise, its conversions lose one level of
luma on average on their way to RGB and back, which flickers where made and source frames
alternate. Here: bicubic chroma, full chroma precision, accurate rounding; both directions agree on
the matrix of a frame that names none. Frames stay in coded orientation: a display matrix is not
applied.
"""

import threading

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from vision_shared.inputs import InputError

# AVColorSpace (ITU-T H.273 table 4) -> the matrix's name in swscale
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
UNSPECIFIED = 2
"""AVColorSpace of a frame that names no matrix."""

_BT709, _BT601 = 1, 6
_EXACTLY = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)

_own = threading.local()

Levels = NDArray[np.uint8] | NDArray[np.uint16]


def to_rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return a frame as RGB (H, W, 3), [0, 255]; deeper frames are rounded, alpha is over black."""
    if has_alpha(frame):
        return np.rint(_over_black(to_rgba(frame), 255)).astype(np.uint8)
    return _array(frame, "rgb24").astype(np.uint8, copy=False)


def to_rgba(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return a frame as RGB and alpha (H, W, 4), [0, 255]; deeper frames are rounded."""
    return _array(frame, "rgba").astype(np.uint8, copy=False)


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether a frame's format can be transparent."""
    return is_alpha(frame.format)


def _over_black(levels: Levels, white: int) -> NDArray[np.floating]:
    """Return RGB and alpha (H, W, 4) as the opaque RGB (H, W, 3) that shows on black."""
    return levels[..., :3] * (levels[..., 3:].astype(np.float32) / white)


def to_levels(frame: av.VideoFrame) -> Levels:
    """Return a frame as RGB (H, W, 3) at its own precision: in [0, `white_level`], as coded.

    A format with an alpha channel gives (H, W, 4), alpha last, in [0, `white_level`] as well.
    uint8 for formats of up to 8 bits, uint16 for deeper ones. Bright RGB beyond white is kept.
    """
    return _array(frame, _rgb_format(frame, alpha=has_alpha(frame)))


def from_levels(levels: Levels, like: av.VideoFrame) -> av.VideoFrame:
    """Return what `to_levels` takes apart: a frame in ``like``'s format, matrix, range and tags.

    Args:
        levels: (H, W, 3) RGB, or (H, W, 4) with alpha, of the type that ``to_levels(like)`` gives;
            its height and width are the frame's. A format with an alpha channel is opaque where
            ``levels`` has none.
        like: a frame of the video that the new one is to stand in.
    """
    frame = av.VideoFrame.from_ndarray(levels, _rgb_format(like, alpha=levels.shape[2] == 4))
    return _convert(frame, like.format.name, like, ColorRange.JPEG, color_range(like))


def from_rgb(image: NDArray[np.uint8], like: av.VideoFrame) -> av.VideoFrame:
    """Return RGB (H, W, 3), uint8, as a frame in ``like``'s format, matrix, range and tags."""
    white = white_level(like)
    if white == 255:
        return from_levels(image, like)
    return from_levels(np.round(image * (white / 255)).astype(np.uint16), like)


def from_image(levels: NDArray[np.uint8], pixel_format: str) -> av.VideoFrame:
    """Return RGB (H, W, 3), or (H, W, 4) with alpha, as a frame with the usual tags of its size.

    What is transparent is over black in a format without alpha.
    """
    height, width = levels.shape[:2]
    like = av.VideoFrame(width, height, pixel_format)
    if levels.shape[2] == 4 and not has_alpha(like):
        levels = np.rint(_over_black(levels, 255)).astype(np.uint8)
    like.colorspace = _BT709 if height >= 720 else _BT601
    like.color_range = ColorRange.MPEG
    white = white_level(like)
    deep = levels if white == 255 else np.round(levels * (white / 255)).astype(np.uint16)
    return from_levels(deep, like)


def white_level(frame: av.VideoFrame) -> int:
    """Return the level of white in `to_levels`."""
    if depth(frame.format) <= 8:
        return 255
    # swscale turns deep YUV into 8-bit levels times 256, but stretches deep RGB and grey to 16 bits
    is_yuv = not frame.format.is_rgb and len(frame.format.components) >= 3
    return 255 * 256 if is_yuv else 65535


def to_format(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """Return a frame in another layout, chroma sampling or depth of the same matrix and range.

    What is transparent is over black in a format without alpha. RGB becomes YUV of the usual matrix
    of its size and, unless the frame names another, of limited range.
    """
    if frame.format.name == pixel_format:
        return frame
    target = av.VideoFormat(pixel_format)
    loses_alpha = has_alpha(frame) and not is_alpha(target)
    if loses_alpha or (frame.format.is_rgb and not target.is_rgb):
        return _remade(frame, pixel_format)
    same_range = color_range(frame)
    return _convert(frame, pixel_format, frame, same_range, same_range)


def color_range(frame: av.VideoFrame) -> ColorRange:
    """Return a frame's range: full for RGB and the yuvj formats, limited where YUV names none."""
    if frame.format.is_rgb or frame.format.name.startswith("yuvj"):
        return ColorRange.JPEG
    return ColorRange.JPEG if frame.color_range == ColorRange.JPEG else ColorRange.MPEG


def depth(pixel_format: av.VideoFormat) -> int:
    """Return the bits of the deepest component."""
    return max(component.bits for component in pixel_format.components)


def is_alpha(pixel_format: av.VideoFormat) -> bool:
    """Whether a pixel format has an alpha channel."""
    return any(component.is_alpha for component in pixel_format.components)


def without_alpha(name: str) -> str:
    """Return the pixel format that is the named one without its alpha channel."""
    for alpha, opaque in (("yuva", "yuv"), ("gbrap", "gbrp"), ("ya8", "gray"), ("ya16", "gray16")):
        if name.startswith(alpha):
            return name.replace(alpha, opaque, 1)
    return "rgb48le" if "64" in name else "rgb24"


def _remade(frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    like = av.VideoFrame(frame.width, frame.height, pixel_format)
    like.colorspace = UNSPECIFIED if frame.format.is_rgb else frame.colorspace
    like.color_range = frame.color_range
    like.color_primaries, like.color_trc = frame.color_primaries, frame.color_trc
    white = white_level(like)
    levels: NDArray = to_levels(frame)
    if has_alpha(frame) and not has_alpha(like):
        levels = _over_black(levels, white_level(frame))
    rounded = np.rint(levels * (white / white_level(frame)))
    return from_levels(
        rounded.astype(np.uint8) if white == 255 else rounded.astype(np.uint16), like
    )


def matrix_of(frame: av.VideoFrame) -> Colorspace:
    """Return the matrix; BT.709 from 720 lines on, else BT.601, where the frame names none."""
    if frame.format.is_rgb or frame.colorspace == UNSPECIFIED:
        return Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    if frame.colorspace not in _MATRICES:
        raise InputError(f"colour matrix {frame.colorspace} (ITU-T H.273) is not supported")
    return _MATRICES[frame.colorspace]


def _rgb_format(frame: av.VideoFrame, *, alpha: bool) -> str:
    shallow, deep = ("rgba", "rgba64le") if alpha else ("rgb24", "rgb48le")
    return shallow if depth(frame.format) <= 8 else deep


def _array(frame: av.VideoFrame, rgb: str) -> Levels:
    return _convert(frame, rgb, frame, color_range(frame), ColorRange.JPEG).to_ndarray()  # type: ignore[return-value]


def _convert(
    frame: av.VideoFrame,
    pixel_format: str,
    tagged: av.VideoFrame,
    source_range: ColorRange,
    target_range: ColorRange,
) -> av.VideoFrame:
    """Convert with the matrix of ``tagged``, whose tags the result carries."""
    matrix = matrix_of(tagged)
    try:
        converted = _reformatter().reformat(
            frame,
            format=pixel_format,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=source_range,
            dst_color_range=target_range,
            interpolation=_EXACTLY,
        )
    except av.error.FFmpegError as error:
        raise InputError(
            f"cannot convert {frame.format.name} to {pixel_format}: {error.strerror}"
        ) from error
    # swscale's names know fewer matrices than the tags: BT.470BG, say, would come out as SMPTE 170M
    converted.colorspace, converted.color_range = tagged.colorspace, tagged.color_range
    converted.color_primaries, converted.color_trc = tagged.color_primaries, tagged.color_trc
    return converted


def _reformatter() -> VideoReformatter:
    """Return this thread's own: a frame's is shared by threads that convert it, and hangs them."""
    if not hasattr(_own, "reformatter"):
        _own.reformatter = VideoReformatter()
    return _own.reformatter
