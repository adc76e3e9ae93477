"""Deep Parsing Network and Deep Layer Cascade: a class for every pixel."""

from typing import TYPE_CHECKING

from vision_shared.lazy import lazy_exports

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter

__all__ = ["Segmenter"]

__getattr__ = lazy_exports(
    __name__,
    {
        "Segmenter": "segmentation.segmenter",
    },
)
