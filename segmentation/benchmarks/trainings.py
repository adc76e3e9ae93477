"""Trained systems of the claims, and their scores."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from segmentation.evaluation.comparison import OURS
from segmentation.evaluation.results import Results
from segmentation.models import Parsing
from segmentation.models.parsing import enlarge
from segmentation.module import (
    SegmentationModule,
)
from segmentation.segmenter import Segmenter
from segmentation.thresholds import SWEEP, measure_on, sweep
from vision_shared.claims import configure, fit_and_test

BOXES = "+callbacks.boxes._target_=segmentation.box_supervision.BoxSupervision"
ITERATIONS = range(1, 11)
TIMED = 15  # images that systems are timed on
Scores = dict[str, float]
Work = Callable[[Tensor], Parsing]
TRAINED: dict[tuple, "Trained"] = {}


class Trained(NamedTuple):
    """A network as its training left it, and the data that it is tested on."""

    module: SegmentationModule
    data: Any
    phases: dict[str, Scores]  # of DPN: its figures at the end of each


def train(
    options: argparse.Namespace, network: str, seed: int, *overrides: str, fork: Path | None = None
) -> Trained:
    """Train a network for the claim's epochs and test the last weights; once, then remember it.

    Args:
        options: of the claim.
        network: the choice of ``module``.
        seed: of the run.
        overrides: of the config.
        fork: the checkpoint that the training goes on from.
    """
    key = (network, seed, *overrides)
    if key not in TRAINED:
        TRAINED[key] = _train(options, *key, fork=fork)
        score = scores_of(TRAINED[key])["miou"]
        print(" ".join(map(str, key)), f"{score:.2f} % mIoU", sep=": ", flush=True)
    return TRAINED[key]


def _train(
    options: argparse.Namespace, network: str, seed: int, *overrides: str, fork: Path | None
) -> Trained:
    chosen = [
        *(["module=deeplab", BOXES] if network == "boxsup" else [f"module={network}"]),
        f"data.root={options.data}",
        f"trainer.max_epochs={options.epochs}",
        "++trainer.limit_val_batches=0",
        *options.overrides,
        *overrides,
    ]
    folder = options.runs / options.claim / "-".join([network, *(["changed"] if overrides else [])])
    cfg = configure("segmentation", folder, chosen, seed)
    watch = StepEnds(test=network == "dpn", keep=Path(cfg.output_dir) / "fork.ckpt")
    run = fit_and_test(cfg, watch, checkpoint=fork)
    assert isinstance(run.module, SegmentationModule)
    run.module.eval()
    return Trained(run.module, run.data, watch.scores)


class StepEnds(pl.Callback):
    """Tests the network at the end of each phase of its training, and keeps the first phase's end.

    Args:
        test: whether to test.
        keep: checkpoint of the end of the first phase, which other trainings go on from.
    """

    def __init__(self, test: bool, keep: Path) -> None:
        self.scores: dict[str, Scores] = {}
        self.test, self.keep = test, keep

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, SegmentationModule)
        total = trainer.estimated_stepping_batches
        now, after = (
            pl_module.phases.at(step / total)[0].name
            for step in (trainer.global_step - 1, trainer.global_step)
        )
        if now == after and trainer.global_step < total:
            return
        if not self.scores and trainer.global_step < total:
            trainer.save_checkpoint(self.keep)
        self.scores[now] = self._scores(trainer, pl_module) if self.test else {}

    def _scores(self, trainer: pl.Trainer, module: Any) -> Scores:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        data.setup("test")
        was_training = module.training
        scores = evaluate(module.net.eval(), Trained(module, data, {}))
        module.train(was_training)
        return scores


@torch.no_grad()
def evaluate(work: Work, run: Trained) -> Scores:
    """Test a network as it is: its figures in %."""
    results = Results(run.module.classes)
    for batch in run.data.test_dataloader():
        results.update(work(batch["image"]).logits.argmax(1), batch["mask"])
    return percents(results.means())


@torch.no_grad()
def evaluate_iterations(dpn: Trained, other: Trained) -> list[Scores]:
    """Test another network's CRF on the unary of DPN, after each of its iterations."""
    results = [Results(dpn.module.classes) for _ in ITERATIONS]
    for batch in dpn.data.test_dataloader():
        refinements = refine_unary(dpn.module.net, other.module.net.crf, batch["image"])
        for result, refined in zip(results, refinements, strict=False):
            result.update(refined.argmax(1), batch["mask"])
    return [percents(result.means()) for result in results]


def refine_unary(net: Any, crf: Any, image: Tensor, iterations: int | None = None) -> Iterator:
    """Yield what each iteration of a CRF makes of the scores of DPN's unary."""
    scores, *_ = net.unary(image)
    unary = enlarge(scores, image.shape[-2:]).log_softmax(1)
    return crf.refinements(unary, image, iterations or len(ITERATIONS))


def iterate(net: Any, crf: Any, iterations: int, image: Tensor) -> Parsing:
    """Segment by DPN's unary and so many iterations of a CRF."""
    return Parsing([*refine_unary(net, crf, image, iterations)][-1])


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
    """Return the first images of the test split, (N, 3, H, W)."""
    return next(iter(run.data.test_dataloader()))["image"][:TIMED]


def sweep_scores(run: Trained) -> Iterator[tuple[float, Scores]]:
    """Yield each threshold of the sweep with its figures; the network keeps its own."""
    net = run.module.net
    own = net.rho.tolist()
    segmenter = Segmenter(net, run.module.classes, "cpu")
    measure = measure_on(segmenter, run.data.test_dataloader())
    for point in sweep(measure, SWEEP, len(own)):
        net.set_rho(point.rho)
        scores = {"miou": point.miou, "macs": point.macs / 1e6}
        scores |= milliseconds({"ms": net}, test_images(run))
        shares = {f"stage {s + 1}": 100 * x for s, x in enumerate(point.computed)}
        yield point.rho[0], scores | shares
    net.set_rho(own)


def scores_of(run: Trained, system: str = OURS) -> Scores:
    """Return the figures of the test that has just run."""
    comparison = run.module.comparison
    macs = {"macs": comparison.macs[system] / 1e6}
    return percents(comparison.systems[system].means()) | macs


def percents(figures: dict[str, Tensor]) -> Scores:
    return {name: 100 * float(value) for name, value in figures.items()}
