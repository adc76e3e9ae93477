"""The papers' claims, run on rendered scenes: ``python segmentation/benchmarks/claims.py NAME``.

systems    the talk's table: FCN, DeepLab, CRF as RNN, DPN and Layer Cascade on one trunk and data
ladder     DPN's steps: unary, + triple penalty, + label contexts, joint tuning
one_pass   one pass of DPN against 1 to 10 iterations of CRF as RNN: mIoU and time
cascade    Layer Cascade against the same network without it and against deep supervision alone
all        these four; a network that several ask for is trained once

Every network trains for as many steps on one thread; numbers are means over seeds with their
deviations, of the test scenes, and are reported whichever way they fall. Times are CPU times of one
thread for one image, medians, the systems in turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from segmentation.calibrate import SWEEP, sweep
from segmentation.evaluation.comparison import OURS
from segmentation.evaluation.results import Results
from segmentation.models import Parsing
from segmentation.models.parsing import enlarge
from segmentation.module import UNARY, WITHOUT_CASCADE, SegmentationModule
from segmentation.segmenter import Segmenter
from vision_shared.claims import configure, fit_and_test, mean_and_deviation, run_claim
from vision_shared.tables import Table

SYSTEMS = {  # pairwise relations, joint training, iterations: the talk's columns
    "fcn": ("FCN-8s", "no", "-", "-"),
    "deeplab": ("DeepLab", "yes", "no", "10"),
    "crf_rnn": ("CRF as RNN", "yes", "yes", "10"),
    "dpn": ("DPN", "yes", "yes", "1"),
    "cascade": ("Layer Cascade", "no", "-", "-"),
}
FIGURES = {"miou": "mIoU, %", "trimap_iou": "near borders, %", "boundary_f": "boundary F, %"}
ITERATIONS = range(1, 11)
NOTE = "rendered scenes, test part"

MACS = "10^6 multiply-adds"
DEEP = "deep supervision alone, as many steps"
LARGE = 256  # pixels to a side of the larger picture that the systems are timed on
TIMED = 15  # images that systems are timed on

Scores = dict[str, float]
Work = Callable[[Tensor], Parsing]
TRAINED: dict[tuple, "Trained"] = {}


class Trained(NamedTuple):
    """A network as its training left it, and the data that it is tested on."""

    module: SegmentationModule
    data: Any
    steps: dict[str, Scores]  # of DPN: its figures at the end of each


def main() -> None:
    claims = {claim.__name__: claim for claim in (systems, ladder, one_pass, cascade)}
    run_claim(__doc__ or "", claims, add_options)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=12, help="of every training")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data.root")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides of every training")


def systems(options: argparse.Namespace) -> list[Table]:
    """Train every system; compare quality, time and arithmetic."""
    found: dict[str, list[Scores]] = {network: [] for network in SYSTEMS}
    for seed in range(options.seeds):
        runs = {network: train(options, network, seed) for network in SYSTEMS}
        images = test_images(runs["cascade"])
        for size, pictures in (("ms", images), ("large ms", enlarge(images, (LARGE, LARGE)))):
            times = milliseconds({n: run.module.net for n, run in runs.items()}, pictures)
            for network, run in runs.items():
                if size == "ms":
                    found[network].append(scores_of(run))
                found[network][seed][size] = times[network]
    rows = [
        [title, *traits, *cells(found[network], [*FIGURES, "ms", "large ms", "macs"])]
        for network, (title, *traits) in SYSTEMS.items()
    ]
    columns = ["", "pairwise relations", "joint training", "iterations", *FIGURES.values()]
    columns += ["ms an image", f"ms at {LARGE} x {LARGE}", MACS]
    return [Table("Systems on one trunk", columns, rows, note(options))]


def ladder(options: argparse.Namespace) -> list[Table]:
    """Test DPN at the end of each of its steps."""
    runs = [train(options, "dpn", seed).steps for seed in range(options.seeds)]
    rows = [[step, *cells([scores[step] for scores in runs], list(FIGURES))] for step in runs[0]]
    title = "DPN, step by step"
    return [Table(title, ["after the step", *FIGURES.values()], rows, note(options))]


def one_pass(options: argparse.Namespace) -> list[Table]:
    """Compare DPN's one pass with iterations of CRF as RNN, both on their own trained unary."""
    found: dict[str, list[Scores]] = {}
    for seed in range(options.seeds):
        dpn, crf = (train(options, network, seed) for network in ("dpn", "crf_rnn"))
        for name, run in (("DPN", dpn), ("CRF as RNN", crf)):
            unary = run.module.comparison.systems[UNARY].means()
            found.setdefault(f"{name}: unary alone", []).append(percents(unary))
        works: dict[str, Work] = {"DPN: one pass": dpn.module.net}
        for iterations in ITERATIONS:
            name = f"CRF as RNN: {iterations} iteration{'s' if iterations > 1 else ''}"
            works[name] = iterated(crf.module.net, iterations)
        times = milliseconds(works, test_images(dpn))
        scores = [evaluate(dpn.module.net, dpn), *evaluate_iterations(crf)]
        for name, figures in zip(works, scores, strict=True):
            found.setdefault(name, []).append(figures | {"ms": times[name]})
    rows = [
        [
            name,
            *cells(scores, list(FIGURES)),
            *(cells(scores, ["ms"]) if "ms" in scores[0] else "-"),
        ]
        for name, scores in found.items()
    ]
    columns = ["", *FIGURES.values(), "ms an image"]
    return [Table("One pass against iterations", columns, rows, note(options))]


def cascade(options: argparse.Namespace) -> list[Table]:
    """Compare the cascade with its own network without it; then sweep the threshold."""
    deep = "module.phases=[{step: deep_supervision, share: 1.0, learning_rate: 0.004}]"
    found: dict[str, list[Scores]] = {}
    curve: dict[float, list[Scores]] = {}
    for seed in range(options.seeds):
        alone = train(options, "cascade", seed, deep)
        run = train(options, "cascade", seed)
        net = run.module.net
        works: dict[str, Work] = {
            DEEP: alone.module.net,
            f"{DEEP}; its easy pixels leave": leaving(alone.module.net),
            WITHOUT_CASCADE: net.on_all_pixels,
            "layer cascade": net,
        }
        scores = [scores_of(alone), scores_leaving(alone)]
        scores += [scores_of(run, WITHOUT_CASCADE), scores_of(run)]
        times = milliseconds(works, test_images(run))
        for name, figures in zip(works, scores, strict=True):
            found.setdefault(name, []).append(figures | {"ms": times[name]})
        for point, scores in sweep_scores(run):
            curve.setdefault(point, []).append(scores)
    keys = [*FIGURES, "ms", "macs"]
    rows = [[name, *cells(scores, keys)] for name, scores in found.items()]
    stages = [key for key in curve[SWEEP[0]][0] if key.startswith("stage")][1:]
    points = [
        [f"{rho:g}", *cells(scores, ["miou", "ms", "macs", *stages])]
        for rho, scores in curve.items()
    ]
    titles = ["rho", "mIoU, %", "ms an image", MACS, *(f"reach {stage}, %" for stage in stages)]
    columns = ["", *FIGURES.values(), "ms an image", MACS]
    return [
        Table("Layer cascade", columns, rows, note(options)),
        Table("Its threshold, on the test part", titles, points, note(options)),
    ]


def train(options: argparse.Namespace, network: str, seed: int, *overrides: str) -> Trained:
    """Train a network for the claim's epochs and test the last weights; once, then remember it."""
    key = (network, seed, *overrides)
    if key not in TRAINED:
        TRAINED[key] = _train(options, *key)
        score = scores_of(TRAINED[key])["miou"]
        print(" ".join(map(str, key)), f"{score:.2f} % mIoU", sep=": ", flush=True)
    return TRAINED[key]


def _train(options: argparse.Namespace, network: str, seed: int, *overrides: str) -> Trained:
    chosen = [
        f"module={network}",
        f"data.root={options.data}",
        f"trainer.max_epochs={options.epochs}",
        "++trainer.limit_val_batches=0",
        *options.overrides,
        *overrides,
    ]
    folder = options.runs / options.claim / "-".join([network, *(["changed"] if overrides else [])])
    cfg = configure("segmentation", folder, chosen, seed)
    watch = StepEnds()
    run = fit_and_test(cfg, *([watch] if network == "dpn" else []))
    assert isinstance(run.module, SegmentationModule)
    run.module.eval()
    return Trained(run.module, run.data, watch.scores)


class StepEnds(pl.Callback):
    """Tests the network at the end of each step of its training."""

    def __init__(self) -> None:
        self.scores: dict[str, Scores] = {}
        self.step: str | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, SegmentationModule)
        phase, _ = pl_module.phases.at(trainer.global_step / trainer.estimated_stepping_batches)
        if self.step not in (None, phase.step):
            self._test(trainer, pl_module)
        self.step = phase.step

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._test(trainer, pl_module)

    def _test(self, trainer: pl.Trainer, module: Any) -> None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        data.setup("test")
        assert self.step is not None
        was_training = module.training
        self.scores[self.step] = evaluate(module.net.eval(), Trained(module, data, {}))
        module.train(was_training)


@torch.no_grad()
def evaluate(work: Work, run: Trained) -> Scores:
    """Test a network as it is: its figures in %."""
    results = Results(run.module.classes)
    for batch in run.data.test_dataloader():
        results.update(work(batch["image"]).logits.argmax(1), batch["mask"])
    return percents(results.means())


@torch.no_grad()
def evaluate_iterations(run: Trained) -> list[Scores]:
    """Test a CRF network after each of its iterations."""
    net: Any = run.module.net
    results = [Results(run.module.classes) for _ in ITERATIONS]
    for batch in run.data.test_dataloader():
        image = batch["image"]
        unary = enlarge(net.unary(image), image.shape[-2:])
        refinements = net.crf.refinements(unary, image, len(results))
        for result, refined in zip(results, refinements, strict=True):
            result.update(refined.argmax(1), batch["mask"])
    return [percents(result.means()) for result in results]


@torch.no_grad()
def milliseconds(works: dict[str, Work], images: Tensor) -> Scores:
    """Time systems in turns, image by image: the median CPU milliseconds of each."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for image in images[:1], *images.split(1):  # the first warms up
        for name, work in works.items():
            began = time.thread_time()
            work(image)
            spent[name].append(1000 * (time.thread_time() - began))
    return {name: statistics.median(times[1:]) for name, times in spent.items()}


def test_images(run: Trained) -> Tensor:
    """Return the first images of the test part, (N, 3, H, W)."""
    return next(iter(run.data.test_dataloader()))["image"][:TIMED]


def iterated(net: Any, iterations: int) -> Work:
    """Return a CRF network that makes so many iterations."""

    def work(image: Tensor) -> Parsing:
        trained, net.crf.iterations = net.crf.iterations, iterations
        try:
            return net(image)
        finally:
            net.crf.iterations = trained

    return work


def leaving(net: Any) -> Work:
    """Return a layer cascade that lets pixels leave, whatever the step it was trained in."""

    def work(image: Tensor) -> Parsing:
        trained, net.cascaded = net.cascaded, True
        try:
            return net(image)
        finally:
            net.cascaded = trained

    return work


def scores_leaving(run: Trained) -> Scores:
    """Test a layer cascade that lets pixels leave, whatever the step it was trained in."""
    net: Any = run.module.net
    segmenter = Segmenter(net, run.module.classes, "cpu")
    trained, net.cascaded = net.cascaded, True
    point = sweep(segmenter, run.data.test_dataloader(), net.rho[:1].tolist())[0]
    net.cascaded = trained
    return evaluate(leaving(net), run) | {"macs": point.macs / 1e6}


def sweep_scores(run: Trained) -> Iterator[tuple[float, Scores]]:
    """Yield each threshold of the sweep with its figures; the network keeps its own."""
    net = run.module.net
    own = net.rho.tolist()
    for point in sweep(
        Segmenter(net, run.module.classes, "cpu"), run.data.test_dataloader(), SWEEP
    ):
        net.set_rho([point.rho] * len(own))
        scores = {"miou": point.miou, "macs": point.macs / 1e6}
        scores |= milliseconds({"ms": net}, test_images(run))
        yield point.rho, scores | {f"stage {s + 1}": 100 * x for s, x in enumerate(point.reached)}
    net.set_rho(own)


def scores_of(run: Trained, system: str = OURS) -> Scores:
    """Return the figures of the test that has just run."""
    comparison = run.module.comparison
    macs = {"macs": comparison.macs[system] / 1e6}
    return percents(comparison.systems[system].means()) | macs


def percents(figures: dict[str, Tensor]) -> Scores:
    return {name: 100 * float(value) for name, value in figures.items()}


def cells(scores: list[Scores], keys: list[str]) -> list[str]:
    return [mean_and_deviation([score[key] for score in scores], 1) for key in keys]


def note(options: argparse.Namespace) -> str:
    return (
        f"{NOTE}; {options.epochs} epochs on one thread, {options.seeds} seeds; mean +- deviation"
    )


if __name__ == "__main__":
    main()
