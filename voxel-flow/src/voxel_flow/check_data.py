"""Name every fault of a data set: python -m voxel_flow.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

from vision_shared.check_data import check_data, check_each
from vision_shared.commands import run_command
from vision_shared.faults import Report
from vision_shared.inputs import InputError

if TYPE_CHECKING:
    from vision_shared.tables import Table


class DataSet(NamedTuple):
    """A data set: its folder, its datamodule, the arguments of its own, whether it trains."""

    root: Path
    datamodule: str
    arguments: dict[str, Any]
    trains: bool = True


_VIMEO = "voxel_flow.data.vimeo90k:Vimeo90kData"
_KITTI = "voxel_flow.data.kitti:KittiData"
_UCF101 = {"split": 1, "triplets_per_video": 4, "has_masks": True, "eval_batch_size": 1}
_COMMON = {
    "root": "data",
    "batch_size": 1,
    "epoch_size": None,
    "crop_size": 16,
    "off_centre": 0.0,
    "num_workers": 0,
    "seed": 0,
}

DATA_SETS = {
    "ucf101": DataSet(Path("data/ucf101"), "voxel_flow.data.ucf101:Ucf101Data", _UCF101),
    **{
        f"vimeo90k-{variant}": DataSet(
            Path(f"data/vimeo_{variant}"), _VIMEO, {"variant": variant, "eval_batch_size": 1}
        )
        for variant in ("triplet", "septuplet")
    },
    **{
        f"kitti-{year}{name}": DataSet(
            Path(f"data/kitti_{year}"), _KITTI, {"year": year, "test": test}, bool(name)
        )
        for year in (2012, 2015)
        for name, test in (("", "flow"), ("-sequences", "sequences"))
    },
    "middlebury": DataSet(
        Path("data/middlebury"), "voxel_flow.data.middlebury:MiddleburyData", {}, trains=False
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    return check_data({name: s.root for name, s in DATA_SETS.items()}, check_triplets, arguments)


def check_triplets(data: str, root: Path, report: Report) -> list[Table]:
    """Read every triplet of a data set, report every fault, return how many there are.

    Args:
        data: one of `DATA_SETS`.
        root: folder in which it lies.
        report: function that takes a fault.
    """
    from vision_shared.tables import Table

    rows = []
    for split in ("train", "val", "test") if DATA_SETS[data].trains else ("test",):
        try:
            samples = _open(data, root, split)
        except (InputError, OSError) as error:
            report(str(error))
            continue

        def read(index: int, split: str = split, samples: Any = samples) -> None:
            samples[(index, 0) if split == "train" else index]

        check_each(f"{data} {split}", len(samples), read, report)
        rows.append([split, str(len(samples))])
    return [Table(data, ["split", "triplets or pairs"], rows)]


def _open(data: str, root: Path, split: str) -> Any:
    """Return the samples of a split as the data set's datamodule reads them."""
    _, datamodule, arguments, _ = DATA_SETS[data]
    module = resolve_name(datamodule)(**_COMMON, **arguments, folder=str(root))
    module.setup({"train": "fit", "val": "validate", "test": "test"}[split])
    return getattr(module, f"{split}_set")


if __name__ == "__main__":
    run_command(main)
