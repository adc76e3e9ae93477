"""What the claims share: networks trained once, and the figures of their tests.

A figure is a share; ``ne`` and what begins so is an error in parts of the sample, ``seconds`` is
CPU time.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics.utilities.data import dim_zero_cat
from wtbi import match_pictures  # pyrefly: ignore[missing-import]

from fashion.comparison import Comparison
from fashion.data.people.garments import LOCAL_ATTRIBUTES
from fashion.evaluation.landmarks import LandmarkScores
from fashion.evaluation.results import GarmentResults
from fashion.module import FashionModule
from vision_shared.claims import CpuClock, configure, fit_and_test
from vision_shared.run import Run

Scores = dict[str, float]

VARIATIONS = {"easy": (1,), "medium": (2, 4), "hard": (3, 5)}
"""Numbers of `fashion.data.taxonomy.VARIATIONS`: medium and large poses, medium and large zooms."""

RECIPE = {
    "side": 128,
    "items": "[400,60,120]",
    "portraits": "[0,0,0]",
    "backgrounds": 1,
    "missing": 0,
    "swapped": 0,
}
"""Of the people: items that train, validate and test, 7 images of each. Training is told all of a
garment's attributes, unless a claim says otherwise."""

CHANNELS = ("[12,24,32,32]", "48")
"""Half of those of the small trunk, so that a CPU sees each image more often."""

HITS_AT = (1, 20)
RECALLED = 5
"""How many answers recall looks at."""

SHOWN = ("seconds", "ne", "map_local", "recall", "category1", "in_shop1")
"""Figures that a training's line tells."""


class Trained(NamedTuple):
    """The figures of a network, and of the answers that cost nothing on the same garments."""

    scores: Scores
    trivial: Scores


TRAINED: dict[tuple, Trained] = {}


def train(options: argparse.Namespace, seed: int, *overrides: str) -> Trained:
    """Train a network for the claim's epochs and test the last weights; once, then remember it."""
    key = (seed, *overrides)
    if key not in TRAINED:
        TRAINED[key] = _train(options, seed, *overrides)
        scores = TRAINED[key].scores
        some = " ".join(f"{name} {value:.4g}" for name, value in scores.items() if name in SHOWN)
        print(f"seed {seed} {' '.join(overrides)}: {some}", flush=True)
    return TRAINED[key]


def train_wtbi(options: argparse.Namespace, seed: int, *overrides: str) -> Trained:
    """Train what tells labels by the overrides, and WTBI's metrics on its features; likewise."""
    key = (seed, "wtbi", *overrides)
    if key not in TRAINED:
        run, clock = _fit(options, seed, *overrides)
        began = time.process_time()
        rankings = match_pictures(run, seed)
        seconds = clock.seconds + time.process_time() - began
        trivial = {f"{n}{k}": r.chance(k) for n, r in rankings.items() for k in HITS_AT}
        ours = {f"{n}{k}": r.hit_rate(k) for n, r in rankings.items() for k in HITS_AT}
        TRAINED[key] = Trained(ours | {"seconds": seconds}, trivial)
    return TRAINED[key]


def _train(options: argparse.Namespace, seed: int, *overrides: str) -> Trained:
    run, clock = _fit(options, seed, *overrides)
    assert isinstance(run.module, FashionModule)
    scores, trivial = network_scores(run.module.comparison, run.module.attributes, run.data)
    return Trained(scores | {"seconds": clock.seconds}, trivial)


def _fit(options: argparse.Namespace, seed: int, *overrides: str) -> tuple[Run, CpuClock]:
    channels, branch = CHANNELS
    chosen = [
        f"data.root={options.data}",
        f"data.folder={options.data}/fashion/people-claims",
        *(f"data.render.{key}={value}" for key, value in RECIPE.items()),
        f"+data.tested={options.tested}",
        "data.num_workers=0",  # so that all of the time is this process's
        "module.detector=null",
        f"++module.network.trunk.channels={channels}",
        f"++module.network.trunk.branch={branch}",
        f"trainer.max_epochs={options.epochs}",
        "++trainer.limit_val_batches=0",
        *options.overrides,
        *overrides,
    ]
    folder = options.runs / options.claim / f"{len(TRAINED)}"
    clock = CpuClock()
    return fit_and_test(configure("fashion", folder, chosen, seed), clock), clock


def network_scores(
    comparison: Comparison, attributes: Sequence[str], data: Any
) -> tuple[Scores, Scores]:
    """Return the figures of the test that has just run: of the network, of the trivial answers."""
    systems = (comparison.results, comparison.trivial)
    ours, trivial = (landmark_scores(each.landmarks.compute()) for each in systems)
    stages = comparison.by_stage().items()
    ours |= {f"ne_{name}": scores.normalised_error() for name, scores in stages}
    if not comparison.recognises:
        return ours, trivial
    rates = data.positive_rates()
    for scores, results in zip((ours, trivial), systems, strict=True):
        scores |= label_scores(results, attributes, rates)
    rankings = {
        "in_shop": comparison.retrieval.in_shop(),
        "street": comparison.retrieval.on_street(),
    }
    for name, ranking in rankings.items():
        assert ranking is not None
        ours |= {f"{name}{k}": ranking.hit_rate(k) for k in HITS_AT}
        trivial |= {f"{name}{k}": ranking.chance(k) for k in HITS_AT}
    return ours, trivial


def landmark_scores(scores: LandmarkScores) -> Scores:
    """NE and PDL of all, and of easy, medium and hard images."""
    of = {"": scores}
    for name, variations in VARIATIONS.items():
        chosen = torch.isin(scores.variation, torch.tensor(variations))
        of[f"_{name}"] = LandmarkScores(scores.errors[chosen], scores.variation[chosen])
    found = {f"ne{name}": each.normalised_error() for name, each in of.items()}
    return found | {f"pdl{name}": each.detected() for name, each in of.items()}


def label_scores(results: GarmentResults, attributes: Sequence[str], rates: Tensor) -> Scores:
    """Accuracy of categories, recall and average precision of attributes, also of some of them.

    Args:
        results: of a test.
        attributes: names.
        rates: how frequent each is in training; the rarer half is the tail.
    """
    measured, gathered = results.compute(), results.precision
    assert measured.category and measured.attributes and gathered is not None
    precision = gathered.compute()
    scores, labels = dim_zero_cat(gathered.scores), dim_zero_cat(gathered.labels)
    recall = recall_by_attribute(scores, labels == 1)
    is_local = torch.tensor([name in LOCAL_ATTRIBUTES for name in attributes])
    is_rare = rates <= rates.nanmedian()
    return {
        **{f"category{k}": share for k, share in measured.category.accuracy.items()},
        "recall": float(measured.attributes.recall[RECALLED][-1]),
        "recall_macro": float(recall.nanmean()),
        "recall_tail": float(recall[is_rare].nanmean()),
        "map": float(precision.nanmean()),
        "map_tail": float(precision[is_rare].nanmean()),
        "map_local": float(precision[is_local].nanmean()),
        "map_other": float(precision[~is_local].nanmean()),
    }


def recall_by_attribute(scores: Tensor, present: Tensor) -> Tensor:
    """(N, A), (N, A) bool -> (A,): how often each is among an image's first; NaN of none."""
    first = scores.topk(min(RECALLED, scores.shape[1])).indices
    found = torch.zeros_like(present).scatter_(1, first, True) & present
    return found.sum(0).double() / present.sum(0)
