"""What the claims share: steps of the pipeline trained and tested, and features of faces."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import open_dict
from torch import Tensor

from face_attributes import pipeline
from face_attributes.evaluation.answers import Answers
from face_attributes.evaluation.attributes import attribute_scores
from face_attributes.module import FaceAttributesModule
from face_attributes.svm import fit_svms
from vision_shared.checkpoints import write_checkpoint
from vision_shared.claims import CpuClock, configure, fit_and_test

BALANCED = "balanced_accuracy"

Look = Callable[[Any, Tensor], Tensor]
"""Takes an ANet and patches (B, 3, H, W); returns features (B, D)."""


class Trained(NamedTuple):
    """A step as its training left it.

    Attributes:
        module: tested.
        data: that it was tested on.
        checkpoint: of its last weights.
        seconds: of CPU that the training took, with its one validation and without the test.
    """

    module: FaceAttributesModule
    data: Any
    checkpoint: Path
    seconds: float


TRAINED: dict[tuple, Trained] = {}


def train(
    options: argparse.Namespace, seed: int, step: str, start: Trained | None, *overrides: str
) -> Trained:
    """Train and test a step of the pipeline; once, then remember it."""
    weights = None if start is None else str(start.checkpoint)
    key = (seed, step, weights, overrides)
    if key not in TRAINED:
        TRAINED[key] = _train(options, seed, step, weights, *overrides)
        print(
            f"{step}, seed {seed}, {TRAINED[key].seconds:.0f} s: {' '.join(overrides)}", flush=True
        )
    return TRAINED[key]


def train_steps(
    options: argparse.Namespace, seed: int, steps: list[str], *overrides: str
) -> Trained:
    """Train steps one after another; return the last."""
    run = None
    for step in steps:
        run = train(options, seed, step, run, *overrides)
    assert run is not None
    return run


def _train(
    options: argparse.Namespace, seed: int, step: str, weights: str | None, *overrides: str
) -> Trained:
    folder = options.runs / options.claim / f"{len(TRAINED)}"
    common = ["experiment=paper_people", f"data.root={options.data}"]
    common.append(f"trainer.max_epochs={options.epochs}")
    chosen = [*common, *options.overrides, *overrides]
    cfg = configure("face_attributes", folder, chosen, seed)
    pipeline.check_steps(cfg, [step])  # renders what is not there
    cfg = pipeline.configure_step(cfg, step, weights, None)
    with open_dict(cfg):  # what is fitted in validation is fitted once, to the last weights
        cfg.trainer.check_val_every_n_epoch = cfg.trainer.max_epochs
        cfg.data.num_workers = 0  # so that all of the time is this process's
    clock = CpuClock()
    run = fit_and_test(cfg, clock)
    module = run.module
    assert isinstance(module, FaceAttributesModule)
    path = Path(cfg.output_dir) / "last.ckpt"
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters=dict(module.hparams),
        state_dict=module.state_dict(),
    )
    module.eval()
    return Trained(module, run.data, path, clock.seconds)


def fully_connected(anet: Any, patches: Tensor) -> Tensor:
    return anet(patches).features


@torch.no_grad()
def features_of(run: Trained, anet: Any, look: Look = fully_connected) -> tuple[Tensor, Tensor]:
    """Look at the faces of validation and of test as the run showed them, (N, D) each."""
    sets = (run.data.val_set, run.data.test_set)
    return tuple(  # type: ignore[return-value]
        torch.cat([look(anet.eval(), batch["image"]) for batch in run.data.loader(samples)])
        for samples in sets
    )


def labels_of(run: Trained, attributes: list[str]) -> tuple[Tensor, Tensor]:
    """Labels of validation and of test, of any attributes of the data, (N, A) each."""
    faces = run.data.read_faces().with_attributes(attributes)
    return tuple(torch.from_numpy(faces.part(part).labels) for part in ("val", "test"))  # type: ignore[return-value]


def svm_scores(features: tuple[Tensor, Tensor], labels: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Fit support vector machines to the first rows; measure each attribute on the second.

    Both kinds weigh as much, as in the product's, or rare attributes would be predicted of no one.
    """
    weight, bias = fit_svms(features[0], labels[0], balanced=True)
    said = (features[1] @ weight.T + bias).sigmoid()
    return attribute_scores(Answers(said, labels[1]))


def answered(run: Trained) -> dict[str, Tensor]:
    """Measure each attribute as the run's test answered it."""
    return attribute_scores(run.module.test_answers.compute())
