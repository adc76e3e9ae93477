"""Name every fault of a data set: python -m voxel_flow.check_data DATA [ROOT...]"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vision_shared.check_data import check_data, check_each
from vision_shared.commands import run_command
from vision_shared.faults import Report
from vision_shared.inputs import InputError

if TYPE_CHECKING:
    from vision_shared.tables import Table


class DataSet(NamedTuple):
    """A data set: its folder, its config and the keys of it that differ, whether it trains."""

    root: Path
    config: str
    keys: dict[str, Any]
    trains: bool = True


DATA_SETS = {
    "ucf101": DataSet(Path("data/ucf101"), "ucf101", {}),
    **{
        f"vimeo90k-{variant}": DataSet(
            Path(f"data/vimeo_{variant}"), "vimeo90k", {"variant": variant}
        )
        for variant in ("triplet", "septuplet")
    },
    **{
        f"kitti-{year}{name}": DataSet(
            Path(f"data/kitti_{year}"), "kitti", {"year": year, "test": test}, bool(name)
        )
        for year in (2012, 2015)
        for name, test in (("", "flow"), ("-sequences", "sequences"))
    },
    "middlebury": DataSet(Path("data/middlebury"), "middlebury", {}, trains=False),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what the command line names; return the exit code: 0 for no fault, else 2."""
    return check_data({name: s.root for name, s in DATA_SETS.items()}, check_triplets, arguments)


def check_triplets(data: str, root: Path, report: Report) -> list[Table]:
    """Read every triplet of a data set, report every fault, return how many there are.

    Args:
        data: one of `DATA_SETS`.
        root: where it lies.
        report: takes a fault.
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
    """Return the samples of a split, as the data set's own config says, without augmentation."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    data_set = DATA_SETS[data]
    config = OmegaConf.load(Path(__file__).parent / "conf" / "data" / f"{data_set.config}.yaml")
    changes = {"folder": str(root), "seed": 0, "off_centre": 0.0, **data_set.keys}
    module = instantiate(OmegaConf.merge(config, changes), _convert_="all")
    module.setup({"train": "fit", "val": "validate", "test": "test"}[split])
    return getattr(module, f"{split}_set")


if __name__ == "__main__":
    run_command(main)
