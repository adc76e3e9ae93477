"""Choose a cascade's thresholds on a validation set, and store them in a checkpoint.

    python -m segmentation.calibrate CKPT [--lose 0.3 | --milliseconds 20] [data=folder ...]

Sweeps a common rho, then moves the rho of one stage after another as long as that serves the
target; prints and draws mIoU against time and multiply-adds, and writes a checkpoint with the
thresholds that meet the target, beside the one it was given. A network of deep supervision alone
is calibrated, too: its pixels leave from then on. The validation set is the one that the checkpoint
was trained with, unless overrides in Hydra's syntax say otherwise.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation.thresholds import SWEEP, Point, Rho, Target, measure_on, refine, sweep
from segmentation.validation import (
    TASK,
    checkpoint_and_output,
    validation_data,
    validation_parser,
)
from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode, InputError, check_output, new_file
from vision_shared.prediction import answer, to_stderr

if TYPE_CHECKING:
    from vision_shared.tables import Table

ENDING = "calibrated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, sweep, write; return the exit code."""
    return answer(lambda: _calibrate(_parse(arguments)), to_stderr)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = validation_parser(
        "calibrate", "Choose a cascade's thresholds on a validation set.", ENDING
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--lose", type=float, metavar="POINTS", help="of mIoU, at most (default: 0.3)"
    )
    target.add_argument("--milliseconds", type=float, metavar="MS", help="an image, at most")
    parser.add_argument(
        "--plot", type=Path, help="plot of the sweep (default: beside the checkpoint)"
    )
    options = parser.parse_intermixed_args(arguments)
    if options.lose is None and options.milliseconds is None:
        options.lose = 0.3
    return options


def _calibrate(options: Namespace) -> ExitCode:
    path, output = checkpoint_and_output(options, ENDING)
    picture = options.plot or output.with_suffix(".png")
    check_output(picture, overwrite=options.overwrite)

    from segmentation.segmenter import Segmenter
    from vision_shared.checkpoints import read_checkpoint
    from vision_shared.tables import print_tables

    checkpoint = read_checkpoint(path, task=TASK)
    segmenter = Segmenter.from_checkpoint(path)
    data = validation_data(checkpoint, options.overrides)
    trained = getattr(segmenter.network, "cascaded", True)
    try:
        measure = measure_on(segmenter, data.val_dataloader())
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if not trained:
        print("trained by deep supervision alone: its pixels leave from now on")
    number = len(segmenter.network.rho)  # type: ignore[arg-type]
    points = sweep(measure, SWEEP, number)
    dense = points[-1]
    target = Target(options.lose, options.milliseconds)
    chosen = refine(measure, points, target)
    print_tables([_table(points)])
    draw(points, chosen, picture, overwrite=options.overwrite)
    _store(checkpoint, chosen.rho, output)
    if chosen.macs >= dense.macs:
        print("nothing is saved: at these thresholds every pixel reaches the last stage")
    print(f"rho {_text(chosen.rho)} stored in {output}; the sweep is drawn in {picture}")
    return ExitCode.DONE


def _table(points: Sequence[Point]) -> Table:
    from vision_shared.tables import Table

    stages = [f"stage {s + 2} computes, %" for s in range(len(points[0].computed) - 1)]
    rows = [
        [
            _text(p.rho),
            f"{p.miou:.2f}",
            f"{p.milliseconds:.2f}",
            f"{p.macs / 1e6:.1f}",
            *(f"{100 * share:.1f}" for share in p.computed[1:]),
        ]
        for p in points
    ]
    columns = ["rho", "mIoU, %", "ms an image", "10^6 multiply-adds", *stages]
    return Table("Thresholds", columns, rows, "on the validation set")


def draw(points: Sequence[Point], chosen: Point, path: Path, *, overwrite: bool) -> None:
    """Draw mIoU against time and against multiply-adds; the chosen point is marked.

    Points of a common threshold are joined and named, others grey.
    """
    from matplotlib.figure import Figure

    common = [point for point in points if len(set(point.rho)) == 1]
    moved = [point for point in points if len(set(point.rho)) > 1]

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, unit, value in (
        (left, "ms an image", lambda p: p.milliseconds),
        (right, "10^6 multiply-adds an image", lambda p: p.macs / 1e6),
    ):
        axes.plot([value(p) for p in common], [p.miou for p in common], "o-", color="tab:blue")
        axes.plot([value(p) for p in moved], [p.miou for p in moved], "o", color="tab:grey")
        axes.plot(value(chosen), chosen.miou, "o", color="tab:red", markersize=10)
        for i, p in enumerate(common):  # above and below by turns, for the last ones stand close
            place = (-8, 7 if i % 2 else -15)
            axes.annotate(_text(p.rho), (value(p), p.miou), place, textcoords="offset points")
        axes.set_xlabel(unit)
        axes.grid(alpha=0.3)
    left.set_ylabel("mIoU, %")
    with new_file(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=110)


def _store(checkpoint: Any, rho: Rho, path: Path) -> None:
    import torch

    from vision_shared.checkpoints import write_checkpoint

    parameters = dict(checkpoint.hyper_parameters)
    parameters["network"] = {**parameters["network"], "rho": list(rho)}
    state = dict(checkpoint.state_dict)
    state["net.rho"] = state["net.rho"].new_tensor(rho)
    state["net._extra_state"] = torch.tensor(True)  # in its cascade step
    write_checkpoint(
        path, task=TASK, hyper_parameters=parameters, state_dict=state, data=checkpoint.data
    )


def _text(rho: Rho) -> str:
    """Return a common threshold once, else one for each stage."""
    return " / ".join(f"{value:g}" for value in (rho[:1] if len(set(rho)) == 1 else rho))


if __name__ == "__main__":
    run_command(main)
