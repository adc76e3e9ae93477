"""Choose a cascade's threshold on a validation set, and store it in a checkpoint.

    python -m segmentation.calibrate CKPT [--lose 0.3 | --milliseconds 20] [data=folder ...]

Sweeps rho, prints and draws mIoU against time and multiply-adds, and writes a checkpoint with the
rho that meets the target, beside the one it was given. The validation set is the one that the
checkpoint was trained with, unless overrides in Hydra's syntax say otherwise.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, InputError, check_output, new_file
from vision_shared.prediction import answer, check_checkpoint, find_checkpoint

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from segmentation.segmenter import Segmenter
    from vision_shared.tables import Table

TASK = "segmentation"
SWEEP = (0.5, 0.7, 0.8, 0.9, 0.92, 0.95, 0.97, 0.985, 0.995, 1.0)


@dataclass(frozen=True)
class Point:
    """A threshold and what it leads to.

    Attributes:
        rho: for every stage but the last.
        miou: on the validation set, %.
        milliseconds: an image, wall time.
        macs: an image, multiply-adds.
        reached: share of the cells that each stage computes.
    """

    rho: float
    miou: float
    milliseconds: float
    macs: float
    reached: tuple[float, ...]


def sweep(segmenter: Segmenter, batches: DataLoader, thresholds: Sequence[float]) -> list[Point]:
    """Measure a cascade at each threshold; the last one has to be 1, which lets nobody leave.

    Raises:
        ValueError: the network is no cascade in its cascade step.
    """
    from segmentation.models.cascade import LayerCascade

    network = segmenter.network
    if not isinstance(network, LayerCascade) or not network.cascaded:
        raise ValueError("expected a network trained as a cascade, to its step `cascade`")
    return [_measure(segmenter, network, batches, rho) for rho in thresholds]


def choose(points: Sequence[Point], lose: float | None, milliseconds: float | None) -> Point:
    """Return the fastest point that loses at most so much mIoU, or the best one so fast.

    Args:
        points: from `sweep`.
        lose: at most so many points of mIoU below the threshold of 1.
        milliseconds: at most so many an image; used where ``lose`` is None.

    Raises:
        InputError: no point is fast enough.
    """
    if lose is not None:
        least = points[-1].miou - lose
        return min((p for p in points if p.miou >= least), key=lambda p: p.macs)
    assert milliseconds is not None
    fast = [p for p in points if p.milliseconds <= milliseconds]
    if not fast:
        least_time = min(p.milliseconds for p in points)
        raise InputError(
            f"no threshold takes {milliseconds:g} ms or less; the fastest takes {least_time:.1f} ms"
        )
    return max(fast, key=lambda p: p.miou)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, sweep, write; return the exit code."""
    return answer(lambda: _calibrate(_parse(arguments)), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m segmentation.calibrate",
        description="Choose a cascade's threshold on a validation set.",
    )
    parser.add_argument("checkpoint", help="a checkpoint, or `last`: the newest under ./runs")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides, e.g. data=folder")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--lose", type=float, metavar="POINTS", help="of mIoU, at most (default: 0.3)"
    )
    target.add_argument("--milliseconds", type=float, metavar="MS", help="an image, at most")
    parser.add_argument(
        "-o", "--output", type=Path, help="the checkpoint to write (default: NAME-calibrated.ckpt)"
    )
    parser.add_argument(
        "--picture", type=Path, help="of the sweep (default: beside the checkpoint)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    options = parser.parse_intermixed_args(arguments)
    if options.lose is None and options.milliseconds is None:
        options.lose = 0.3
    return options


def _calibrate(options: Namespace) -> ExitCode:
    check_checkpoint(options.checkpoint, TASK)
    path = Path(find_checkpoint(options.checkpoint, TASK))
    output = options.output or path.with_name(f"{path.stem}-calibrated.ckpt")
    picture = options.picture or output.with_suffix(".png")
    for target in (output, picture):
        check_output(target, overwrite=options.overwrite)

    from segmentation.segmenter import Segmenter
    from vision_shared.checkpoints import read_checkpoint
    from vision_shared.recorded_data import compose_config, make_data
    from vision_shared.rendering import nothing_rendered_in
    from vision_shared.tables import print_tables

    checkpoint = read_checkpoint(path, task=TASK)
    segmenter = Segmenter.from_checkpoint(path)
    cfg, places = compose_config(checkpoint, options.overrides)
    with nothing_rendered_in(places):
        data = make_data(checkpoint, cfg.data)
        data.prepare_data()
        data.setup("validate")
    try:
        points = sweep(segmenter, data.val_dataloader(), SWEEP)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    print_tables([_table(points)])
    chosen = choose(points, options.lose, options.milliseconds)
    draw(points, chosen, picture, overwrite=options.overwrite)
    _store(checkpoint, chosen.rho, len(chosen.reached) - 1, output)
    print(f"rho {chosen.rho:g} stored in {output}; the sweep is drawn in {picture}")
    return ExitCode.DONE


def _measure(segmenter: Segmenter, network: Any, batches: DataLoader, rho: float) -> Point:
    import torch

    from segmentation.evaluation.comparison import OURS, Comparison
    from segmentation.evaluation.cost import cascade_macs, stage_macs

    number = len(network.stages)
    network.set_rho([rho] * (number - 1))
    comparison = Comparison(segmenter.classes)
    device = segmenter.device
    image = torch.zeros(0)
    for index, batch in enumerate(batches):
        image, truth = batch["image"].to(device), batch["mask"].to(device)
        if index == 0:
            segmenter.inference(network, image)  # warms up, unmeasured
        parsing = comparison.timed(OURS, lambda x=image: segmenter.inference(network, x), device)
        labels = parsing.logits.argmax(1)
        comparison.update({OURS: labels}, truth)
        assert parsing.stages is not None
        comparison.update_stages(parsing.stages, labels, truth, number)
    assert comparison.stages is not None
    reached = comparison.stages.reached()
    return Point(
        rho,
        100 * float(comparison.systems[OURS].mean_iou()),
        1000 * comparison.seconds[OURS] / comparison.num_images,
        cascade_macs(stage_macs(network, torch.zeros_like(image[:1])), reached),
        tuple(reached.tolist()),
    )


def _table(points: Sequence[Point]) -> Table:
    from vision_shared.tables import Table

    stages = [f"reach stage {s + 2}, %" for s in range(len(points[0].reached) - 1)]
    rows = [
        [
            f"{p.rho:g}",
            f"{p.miou:.2f}",
            f"{p.milliseconds:.2f}",
            f"{p.macs / 1e6:.1f}",
            *(f"{100 * share:.1f}" for share in p.reached[1:]),
        ]
        for p in points
    ]
    columns = ["rho", "mIoU, %", "ms an image", "10^6 multiply-adds", *stages]
    return Table("Thresholds", columns, rows, "on the validation set")


def draw(points: Sequence[Point], chosen: Point, path: Path, *, overwrite: bool) -> None:
    """Draw mIoU against time and against multiply-adds; the chosen point is marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, unit, value in (
        (left, "ms an image", lambda p: p.milliseconds),
        (right, "10^6 multiply-adds an image", lambda p: p.macs / 1e6),
    ):
        axes.plot([value(p) for p in points], [p.miou for p in points], "o-", color="tab:blue")
        axes.plot(value(chosen), chosen.miou, "o", color="tab:red", markersize=10)
        for i, p in enumerate(points):  # above and below by turns, for the last ones stand close
            place = (-8, 7 if i % 2 else -15)
            axes.annotate(f"{p.rho:g}", (value(p), p.miou), place, textcoords="offset points")
        axes.set_xlabel(unit)
        axes.grid(alpha=0.3)
    left.set_ylabel("mIoU, %")
    with new_file(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=110)


def _store(checkpoint: Any, rho: float, number: int, path: Path) -> None:
    from vision_shared.checkpoints import write_checkpoint

    parameters = dict(checkpoint.hyper_parameters)
    parameters["network"] = {**parameters["network"], "rho": rho}
    state = dict(checkpoint.state_dict)
    state["net.rho"] = state["net.rho"].new_full((number,), rho)
    write_checkpoint(
        path, task=TASK, hyper_parameters=parameters, state_dict=state, data=checkpoint.data
    )


def _report(line: str) -> None:
    print(f"calibrate: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
