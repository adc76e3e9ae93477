"""Metadata of high dynamic range: what display a video was mastered on, and how bright it gets."""

import struct

import av
from av.sidedata.sidedata import SideData

_DISPLAY, _LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_DYNAMIC = ("DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID", "DOVI_METADATA", "DOVI_RPU_BUFFER")
_UNITS = (50_000, 10_000)  # of chromaticity and of luminance in cd/m2, SMPTE ST 2086
_NAMES = {"libx264": ("mastering-display", "cll"), "libx265": ("master-display", "max-cll")}


def hdr_options(frame: av.VideoFrame, encoder: str) -> tuple[dict[str, str], list[str]]:
    """Return the encoder's options that pass on a frame's HDR metadata, and what cannot be kept.

    Args:
        frame: the first of the source.
        encoder: its name; of x264 and x265 it is known how they are told.
    """
    lost = ["dynamic HDR metadata"] if any(_data(frame, name) for name in _DYNAMIC) else []
    said = []
    for name, text in ((_DISPLAY, _display(frame)), (_LIGHT, _light(frame))):
        if text is not None and encoder in _NAMES:
            said.append(f"{_NAMES[encoder][name == _LIGHT]}={text}")
        elif text is not None:
            lost.append(f"HDR metadata ({name.lower().replace('_', ' ')})")
    key = f"{encoder.removeprefix('lib')}-params"
    return ({key: ":".join(said)} if said else {}), lost


def _display(frame: av.VideoFrame) -> str | None:
    data = _data(frame, _DISPLAY)
    if data is None:
        return None
    numbers = struct.unpack("=22i", data[:88])  # AVMasteringDisplayMetadata: 10 ratios, 2 flags
    if not all(numbers[20:]):
        return None
    ratios = list(zip(numbers[:20:2], numbers[1:20:2], strict=True))
    x = [round(a / b * _UNITS[0]) for a, b in ratios[:8]]
    low, high = (round(a / b * _UNITS[1]) for a, b in ratios[8:])
    red, green, blue, white = (f"({x[i]},{x[i + 1]})" for i in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({high},{low})"


def _light(frame: av.VideoFrame) -> str | None:
    data = _data(frame, _LIGHT)
    return None if data is None else "{},{}".format(*struct.unpack("=2I", data[:8]))


def _data(frame: av.VideoFrame, name: str) -> bytes | None:
    data = frame.side_data.get(name)
    assert data is None or isinstance(data, SideData)
    return None if data is None else bytes(data)
