"""FashionNet, DFA and retrieval: clothes found, aligned, recognised and searched."""

from typing import TYPE_CHECKING

from vision_shared.lazy import lazy_exports

if TYPE_CHECKING:
    from fashion.recogniser import GarmentRecogniser
    from fashion.retrieval.garment_index import GarmentIndex

__all__ = ["GarmentIndex", "GarmentRecogniser"]

__getattr__ = lazy_exports(
    __name__,
    {
        "GarmentRecogniser": "fashion.recogniser",
        "GarmentIndex": "fashion.retrieval.garment_index",
    },
)
