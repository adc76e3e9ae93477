"""Deep Voxel Flow: frames between the frames of a video, and after them."""

from typing import TYPE_CHECKING

from vision_shared.lazy import lazy_exports

if TYPE_CHECKING:
    from voxel_flow.interpolation.interpolator import FrameInterpolator

__all__ = ["FrameInterpolator"]

__getattr__ = lazy_exports(
    __name__,
    {
        "FrameInterpolator": "voxel_flow.interpolation.interpolator",
    },
)
