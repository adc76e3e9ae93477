"""The papers' claims, run on rendered scenes: ``python segmentation/benchmarks/claims.py NAME``.

systems    the talk's table: FCN, DeepLab, CRF as RNN, DPN and Layer Cascade on one trunk and data
ladder     DPN's steps: unary, + triple penalty, + label contexts, joint tuning
one_pass   one pass of DPN against 1 to 10 iterations of CRF as RNN: mIoU and time
cascade    Layer Cascade against the same network without it and against deep supervision alone

Every network trains for as many steps on one thread; numbers are means over seeds with their
deviations, of the test scenes, and are reported whichever way they fall.
"""

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from segmentation.calibrate import SWEEP, sweep
from segmentation.evaluation.comparison import OURS
from segmentation.evaluation.results import Results
from segmentation.module import UNARY, WITHOUT_CASCADE, SegmentationModule
from segmentation.segmenter import Segmenter
from vision_shared.claims import configure, mean_and_deviation, run_claim
from vision_shared.run import build, silence_libraries
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

Scores = dict[str, float]


class Trained(NamedTuple):
    """A network as its training left it, and the data that it is tested on."""

    module: SegmentationModule
    data: Any


def main() -> None:
    claims = {claim.__name__: claim for claim in (systems, ladder, one_pass, cascade)}
    run_claim(__doc__ or "", claims, add_options)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=12, help="of every training")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data.root")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides of every training")


def systems(options: argparse.Namespace) -> list[Table]:
    """Train every system; compare quality, time and arithmetic."""
    rows = []
    for network, (title, *traits) in SYSTEMS.items():
        scores = [scores_of(train(options, network, seed)) for seed in range(options.seeds)]
        rows.append([title, *traits, *cells(scores, [*FIGURES, "ms", "macs"])])
    columns = ["", "pairwise relations", "joint training", "iterations", *FIGURES.values()]
    columns += ["ms an image", "10^6 multiply-adds"]
    return [Table("Systems on one trunk", columns, rows, note(options))]


def ladder(options: argparse.Namespace) -> list[Table]:
    """Test DPN at the end of each of its steps."""
    runs = []
    for seed in range(options.seeds):
        watch = StepEnds()
        train(options, "dpn", seed, watch)
        runs.append(watch.scores)
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
        found.setdefault("DPN: one pass", []).append(evaluate(dpn))
        for iterations in ITERATIONS:
            crf.module.net.crf.iterations = iterations
            name = f"CRF as RNN: {iterations} iteration{'s' if iterations > 1 else ''}"
            found.setdefault(name, []).append(evaluate(crf))
    rows = [[name, *cells(scores, [*FIGURES, "ms"])] for name, scores in found.items()]
    columns = ["", *FIGURES.values(), "ms an image"]
    return [Table("One pass against iterations", columns, rows, note(options))]


def cascade(options: argparse.Namespace) -> list[Table]:
    """Compare the cascade with its own network without it; then sweep the threshold."""
    deep = "module.phases=[{step: deep_supervision, share: 1.0, learning_rate: 0.002}]"
    found: dict[str, list[Scores]] = {}
    curve: dict[float, list[Scores]] = {}
    for seed in range(options.seeds):
        alone = scores_of(train(options, "cascade", seed, overrides=[deep]))
        found.setdefault("deep supervision alone, as many steps", []).append(alone)
        run = train(options, "cascade", seed)
        found.setdefault("the cascade's network, all pixels", []).append(
            scores_of(run, WITHOUT_CASCADE)
        )
        found.setdefault("layer cascade", []).append(scores_of(run))
        segmenter = Segmenter(run.module.net, run.module.classes, "cpu")
        for point in sweep(segmenter, run.data.test_dataloader(), SWEEP):
            scores = {"miou": point.miou, "ms": point.milliseconds, "macs": point.macs / 1e6}
            scores |= {f"stage {s + 1}": 100 * x for s, x in enumerate(point.reached)}
            curve.setdefault(point.rho, []).append(scores)
    keys = [*FIGURES, "ms", "macs"]
    rows = [[name, *cells(scores, keys)] for name, scores in found.items()]
    columns = ["", *FIGURES.values(), "ms an image", "10^6 multiply-adds"]
    stages = [key for key in curve[SWEEP[0]][0] if key.startswith("stage")][1:]
    points = [
        [f"{rho:g}", *cells(scores, ["miou", "ms", "macs", *stages])]
        for rho, scores in curve.items()
    ]
    titles = ["rho", "mIoU, %", "ms an image", "10^6 multiply-adds"]
    titles += [f"reach {stage}, %" for stage in stages]
    return [
        Table("Layer cascade", columns, rows, note(options)),
        Table("Its threshold, on the test part", titles, points, note(options)),
    ]


def train(
    options: argparse.Namespace,
    network: str,
    seed: int,
    *callbacks: pl.Callback,
    overrides: list[str] | None = None,
) -> Trained:
    """Train a network for the claim's epochs and test the last weights."""
    chosen = [
        f"module={network}",
        f"data.root={options.data}",
        f"trainer.max_epochs={options.epochs}",
        "trainer.limit_val_batches=0",
        *options.overrides,
        *(overrides or []),
    ]
    folder = options.runs / options.claim
    cfg = configure("segmentation", folder, chosen[:1], seed)
    cfg = configure("segmentation", folder, [*chosen, f"output_dir={cfg.output_dir}"], seed)
    silence_libraries(cfg)
    pl.seed_everything(seed, workers=True, verbose=False)
    run = build(cfg)
    trainer: Any = run.trainer
    kept = [c for c in trainer.callbacks if not isinstance(c, pl.callbacks.Checkpoint)]
    trainer.callbacks = [*kept, *callbacks]
    trainer.fit(run.module, run.data)
    trainer.test(run.module, run.data, verbose=False)
    assert isinstance(run.module, SegmentationModule)
    trained = Trained(run.module, run.data)
    print(f"{network}, seed {seed}: {scores_of(trained)['miou']:.2f} % mIoU", flush=True)
    return trained


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
        self.scores[self.step] = evaluate(Trained(module, data))
        module.train(was_training)


def evaluate(run: Trained) -> Scores:
    """Test a network as it is: its figures in %, and the wall milliseconds of an image."""
    network = run.module.net.eval()
    results, seconds, count = Results(run.module.classes), 0.0, 0
    with torch.no_grad():
        for batch in run.data.test_dataloader():
            began = time.perf_counter()
            labels: Tensor = network(batch["image"]).logits.argmax(1)
            seconds, count = seconds + time.perf_counter() - began, count + len(labels)
            results.update(labels, batch["mask"])
    return percents(results.means()) | {"ms": 1000 * seconds / count}


def scores_of(run: Trained, system: str = OURS) -> Scores:
    """Return the figures of the test that has just run."""
    comparison = run.module.comparison
    costs = {
        "ms": 1000 * comparison.seconds[system] / comparison.num_images,
        "macs": comparison.macs[system] / 1e6,
    }
    return percents(comparison.systems[system].means()) | costs


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
