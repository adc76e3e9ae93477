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

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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


Rho = tuple[float, ...]


@dataclass(frozen=True)
class Point:
    """Thresholds and what they lead to.

    Attributes:
        rho: one for every stage but the last.
        miou: on the validation set, %.
        milliseconds: an image, wall time, each alone as `predict` has it; the median.
        macs: an image, multiply-adds.
        computed: share of the cells that each stage computes, blocks included.
    """

    rho: Rho
    miou: float
    milliseconds: float
    macs: float
    computed: tuple[float, ...]


Measure = Callable[[Rho], Point]


def measure_on(segmenter: Segmenter, batches: DataLoader) -> Measure:
    """Return what measures a cascade at given thresholds, and leaves it with them.

    Raises:
        ValueError: the network is no cascade.
    """
    from segmentation.models.cascade import LayerCascade

    network = segmenter.network
    if not isinstance(network, LayerCascade):
        raise ValueError("expected a layer cascade (module=cascade)")
    if not network.cascaded:
        network.begin("cascade")
    return partial(_measure, segmenter, network, batches)


def sweep(measure: Measure, thresholds: Sequence[float], number: int) -> list[Point]:
    """Measure at each threshold, the same of all ``number`` stages but the last.

    The last threshold has to be 1, which lets no pixel leave.
    """
    return [measure((rho,) * number) for rho in thresholds]


@dataclass(frozen=True)
class Target:
    """The aim of a calibration.

    Attributes:
        lose: at most so many points of mIoU below the best of the sweep; None for a time instead.
        milliseconds: at most so many an image; used where ``lose`` is None.
    """

    lose: float | None
    milliseconds: float | None = None

    def order(self, point: Point) -> tuple[float, ...]:
        """Return a key that is least for the best point: of equal ones the highest thresholds."""
        first = point.macs if self.lose is not None else -point.miou
        return (first, *(-rho for rho in point.rho))

    def admits(self, points: Sequence[Point]) -> list[Point]:
        """Return the points that meet the target.

        Raises:
            InputError: no point is fast enough.
        """
        if self.lose is not None:
            least = max(point.miou for point in points) - self.lose
            return [point for point in points if point.miou >= least]
        assert self.milliseconds is not None
        fast = [point for point in points if point.milliseconds <= self.milliseconds]
        if not fast:
            least_time = min(point.milliseconds for point in points)
            raise InputError(
                f"no threshold takes {self.milliseconds:g} ms or less; "
                f"the fastest takes {least_time:.1f} ms"
            )
        return fast

    def choose(self, points: Sequence[Point]) -> Point:
        """Return the least costly point that loses no more, or the best one that is so fast."""
        return min(self.admits(points), key=self.order)


def refine(measure: Measure, points: list[Point], target: Target) -> Point:
    """Move one stage's threshold at a time by a step of the sweep while the target gains by it.

    Args:
        measure: from `measure_on`.
        points: of the sweep; what is measured is added.
        target: the aim.
    """
    chosen, tried = target.choose(points), {point.rho for point in points}
    while True:
        steps = [rho for rho in _steps(chosen.rho) if rho not in tried]
        if not steps:
            return chosen
        for rho in steps:
            tried.add(rho)
            points.append(measure(rho))
        best = target.choose(points)
        if best is chosen:
            return chosen
        chosen = best


def _steps(rho: Rho) -> list[Rho]:
    """Return the thresholds that differ in one stage by one step of the sweep."""
    return [
        (*rho[:stage], SWEEP[index], *rho[stage + 1 :])
        for stage, value in enumerate(rho)
        for index in (SWEEP.index(value) - 1, SWEEP.index(value) + 1)
        if 0 <= index < len(SWEEP)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, sweep, write; return the exit code."""
    return answer(lambda: _calibrate(_parse(arguments)), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m segmentation.calibrate",
        description="Choose a cascade's threshold on a validation set.",
    )
    parser.add_argument("checkpoint", help="a checkpoint, its address, or `last` (in ./runs)")
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


def _measure(segmenter: Segmenter, network: Any, batches: DataLoader, rho: Rho) -> Point:
    import torch

    from segmentation.evaluation.comparison import OURS, Comparison
    from segmentation.evaluation.cost import cascade_macs, stage_macs

    network.set_rho(rho)
    comparison = Comparison(segmenter.classes)
    device = segmenter.device
    image = torch.zeros(0)
    for batch in batches:
        image, truth = batch["image"].to(device), batch["mask"].to(device)
        comparison.time(OURS, lambda x: segmenter.inference(network, x), image)
        parsing = segmenter.inference(network, image)
        labels = parsing.logits.argmax(1)
        comparison.update({OURS: labels}, truth)
        assert parsing.stages is not None
        computed = network.computed_shares(parsing.stages)
        comparison.update_stages(parsing.stages, labels, truth, computed)
    assert comparison.stages is not None
    shares = comparison.stages.computed_shares()
    return Point(
        rho,
        100 * float(comparison.systems[OURS].mean_iou()),
        comparison.milliseconds(OURS),
        cascade_macs(stage_macs(network, torch.zeros_like(image[:1])), shares),
        tuple(shares.tolist()),
    )


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


def _report(line: str) -> None:
    print(f"calibrate: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
