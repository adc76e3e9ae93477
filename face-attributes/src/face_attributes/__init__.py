"""LNets and ANet: faces found from tags alone, and their attributes."""

from typing import TYPE_CHECKING

from vision_shared.lazy import lazy_exports

if TYPE_CHECKING:
    from face_attributes.finder import FaceFinder

__all__ = ["FaceFinder"]

__getattr__ = lazy_exports(
    __name__,
    {
        "FaceFinder": "face_attributes.finder",
    },
)
