"""The data sets by their names: where they lie, and which config trains on them."""

from pathlib import Path
from typing import NamedTuple


class DataSet(NamedTuple):
    """A data set.

    Attributes:
        root: folder unless another one is named; the ``folder`` of its config.
        config: name of its file in ``conf/data``.
        is_whole: whether its folder of images holds none that its lists leave out.
    """

    root: Path
    config: str
    is_whole: bool = True


CELEBA, LFWA, OWN = Path("data/celeba"), Path("data/lfwa"), Path("data/face-attributes")

DATA_SETS = {
    "celeba": DataSet(CELEBA, "celeba"),
    "celeba-wild": DataSet(CELEBA, "celeba"),
    "lfwa": DataSet(LFWA, "lfwa", is_whole=False),
    "lfwa-73": DataSet(LFWA, "lfwa", is_whole=False),
    "people": DataSet(OWN / "people", "people"),
    "folder": DataSet(OWN / "folder", "folder"),
}
