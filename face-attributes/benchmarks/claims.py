"""The paper's claims on rendered people: ``python face-attributes/benchmarks/claims.py NAME``.

tags       rich tags localise: 1, 2, 5, 10 and 21 tags, and self-training; with --photos DIR on
           photographs, too
identity   identities first, then attributes: with few labels and all; layers; the best neurons
unseen     attributes that no network was trained on, by machines on frozen features
systems    the talk's table: LNets+ANet beside its forerunners and the majority class
all        these four; a network that several ask for is trained once

Numbers are of the test images: mean +- half of its 95 % interval (least-greatest) over seeds,
reported whichever way they fall. Validation images, of other people, fit the machines of `unseen`
and of layers and neurons, and choose nothing.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from baselines import box_features  # pyrefly: ignore[missing-import]
from real_photos import Photographs, best_found, labelled  # pyrefly: ignore[missing-import]
from systems import compare, detections  # pyrefly: ignore[missing-import]
from torch import Tensor
from trainings import (  # pyrefly: ignore[missing-import]
    BALANCED,
    Look,
    Trained,
    answered,
    features_of,
    fully_connected,
    labels_of,
    svm_scores,
    train,
    train_steps,
)

from face_attributes import finder_losses
from face_attributes.data.people import PEOPLE_ATTRIBUTES
from face_attributes.evaluation.attributes import MEASURES, attribute_scores, majority_answers
from face_attributes.localize import PyramidSearch
from face_attributes.module import LNET, UNTRAINED
from face_attributes.svm import fit_svms
from synthetic_people.attributes import LASTING
from vision_shared.claims import mean_and_interval, run_claim
from vision_shared.tables import Table

TAGS = (
    *("Male", "Young", "Eyeglasses", "Smiling", "Mouth_Slightly_Open", "Wearing_Hat", "Bald"),
    *("Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Wavy_Hair", "No_Beard"),
    *("Goatee", "Mustache", "Wearing_Lipstick", "Pale_Skin", "Bushy_Eyebrows", "Chubby"),
)
NUMBERS = (2, 5, 10, 21)  # of tags, "face" among them
FEW = 200  # images with labels
UNSEEN = ["Male", "Blond_Hair", "Bangs", "Mouth_Slightly_Open", "Wearing_Earrings"]

Scores = dict[str, list[dict[str, float]]]


def main() -> None:
    claims = {claim.__name__: claim for claim in (tags, identity, unseen, systems)}
    run_claim(__doc__ or "", claims, add_options)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=12, help="trainer.max_epochs")
    parser.add_argument("--data", type=Path, default=Path("data"), help="data.root")
    parser.add_argument("--photos", type=Path, help="DIR of the photographs, see real_photos.py")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides of every training")


def tags(options: argparse.Namespace) -> list[Table]:
    """Train LNet_o on few and many tags; where do its responses find faces?"""
    found: Scores = {}
    photos = [labelled(options.photos, split) for split in ("development", "test")]
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(TAGS).tolist()
        with without_attributes():
            run = train(options, seed, "lnet_o", None, only(order[-1:]))
        found.setdefault('1 tag: "face"', []).append(places(run, photos))
        for number in NUMBERS:
            run = train(options, seed, "lnet_o", None, only(order[: number - 1]))
            found.setdefault(f"{number} tags", []).append(places(run, photos))
        taught = train(options, seed, "self_training", run, only(order))
        found.setdefault("21 tags, then its own finds", []).append(places(taught, photos))
    for control, scores in taught.module.finders.scores().items():
        if control != LNET:
            figures = {"found": scores.found, "hit": scores.hit_rate, "iou": scores.mean_iou}
            found[control] = [{**figures, "photos": np.nan, "near": np.nan, "seconds": 0.0}]
    note = (
        " Photographs: of as many of the best boxes of each as it has faces, those with an IoU of "
        f"0.5 (0.3) with one; {sum(len(boxes) for some in photos for boxes in some.boxes)} faces."
    )
    return [table("Rich tags localise", found, PLACES, options, note)]


@contextmanager
def without_attributes() -> Iterator[None]:
    """Let a finder learn whether there is a face, and nothing of what it looks like."""
    weight, finder_losses.OTHER_TAGS = finder_losses.OTHER_TAGS, 0.0
    try:
        yield
    finally:
        finder_losses.OTHER_TAGS = weight


PLACES = {
    "found": "renders: IoU >= 0.5",
    "hit": "renders: peak in a face",
    "iou": "renders: mean IoU",
    "photos": "photographs: IoU >= 0.5",
    "near": "photographs: IoU >= 0.3",
    "seconds": "CPU s",
}


def places(run: Trained, photos: list[Photographs]) -> dict[str, float]:
    """Return what the finder of a run has found on the test, and what it finds on photographs."""
    assert run.module.finders is not None
    scores = run.module.finders.scores()[LNET]
    finder = PyramidSearch(run.module.net.lnet_o, -torch.inf, longest=640)
    number = max(1, sum(len(boxes) for some in photos for boxes in some.boxes))
    near, close = np.sum([best_found(finder, some) for some in photos], 0) / number
    figures = {"found": scores.found, "hit": scores.hit_rate, "iou": scores.mean_iou}
    return {**figures, "photos": close, "near": near, "seconds": run.seconds}


def only(attributes: list[str]) -> str:
    return f"data.attributes=[{','.join(attributes)}]"


def identity(options: argparse.Namespace) -> list[Table]:
    """Fine-tune ANet from identities and from nothing; look at its layers and neurons.

    Machines are fitted to the labels that the layers have seen, and no others.
    """
    labels, layers, neurons = Scores(), Scores(), Scores()
    for seed in range(options.seeds):
        people = train(options, seed, "identities", None, *BY_LANDMARKS)
        for name, start in (("without identities", None), ("identities first", people)):
            row: dict[str, float] = {}
            for given, few in (("few", same_steps(people, FEW)), ("all", [])):
                run = train(options, seed, "attributes", start, *BY_LANDMARKS, *few)
                last = train(options, seed, "machines", run, *BY_LANDMARKS, *few[:1])
                scores = answered(last)[BALANCED]
                row |= {f"{given}, {k}": v for k, v in kinds(last, scores).items()}
            labels.setdefault(name, []).append(row)
        for name, look in LAYERS.items():
            layers.setdefault(name, []).append(by_kind(run, look))
        for name, share in (("all neurons", 1.0), ("the best 10 %", 0.1), ("the best one", 0.0)):
            neurons.setdefault(name, []).append({BALANCED: best_neurons(run, share)})
    columns = {
        f"{given}, {kind}": f"{number}: {title}"
        for given, number in (("few", f"{FEW} labels"), ("all", "all labels"))
        for kind, title in KINDS.items()
    }
    return [
        table("Identities before attributes: balanced accuracy", labels, columns, options),
        table("Machines on layers: balanced accuracy", layers, KINDS, options),
        table("Neurons for each attribute", neurons, {BALANCED: "balanced accuracy"}, options),
    ]


KINDS = {"lasting": "stays with a person", "passing": "passes"}

BY_LANDMARKS = [
    "module.localizer=null",
    "steps.identities.data.region=landmarks",
    "steps.attributes.data.region=landmarks",
    "steps.machines.data.region=landmarks",
]
"""True places of faces: these claims are about ANet, whoever finds what it is shown."""


def layer(name: str) -> Look:
    """Return what takes the mean over patches of a layer's map."""

    def look(anet: Any, images: Tensor) -> Tensor:
        each = anet(images).maps[name].flatten(1)
        return each.unflatten(0, (len(images), -1)).mean(1)

    return look


LAYERS: dict[str, Look] = {"FC": fully_connected, "C4": layer("c4"), "C3": layer("c3")}


def same_steps(start: Trained, number: int) -> list[str]:
    """Train on few images for as many steps as on all."""
    whole = len(start.data.faces("train"))
    number = min(number, whole)
    return [f"data.num_train={number}", f"data.epoch_size={whole}"]


def by_kind(run: Trained, look: Look) -> dict[str, float]:
    """Balanced accuracy of machines on a layer, by kind of attribute."""
    features = features_of(run, run.module.learner, look)
    return kinds(run, svm_scores(features, labels_of(run, run.module.attributes))[BALANCED])


def kinds(run: Trained, scores: Tensor) -> dict[str, float]:
    """Return the means (A,) of attributes that stay with a person, and of those that pass."""
    lasting = torch.tensor([name in LASTING for name in run.module.attributes])
    means = {"lasting": scores[lasting].nanmean(), "passing": scores[~lasting].nanmean()}
    return {kind: float(mean) for kind, mean in means.items()}


def best_neurons(run: Trained, share: float) -> float:
    """Balanced accuracy of machines on those neurons of FC that weigh most, for each attribute."""
    val, test = features_of(run, run.module.learner)
    known, truth = labels_of(run, run.module.attributes)
    weights = fit_svms(val, known, balanced=True)[0].abs() * val.std(0)
    number = max(1, round(share * val.shape[1]))
    scores = []
    for index, row in enumerate(weights):
        best = row.topk(number).indices
        column = known[:, index : index + 1], truth[:, index : index + 1]
        scores.append(svm_scores((val[:, best], test[:, best]), column)[BALANCED])
    return float(torch.cat(scores).nanmean())


def unseen(options: argparse.Namespace) -> list[Table]:
    """Describe faces by attributes that were not trained, from features that stay as they are."""
    found: Scores = {}
    seen = [name for name in PEOPLE_ATTRIBUTES if name not in UNSEEN]
    for seed in range(options.seeds):
        steps = ["identities", "attributes"]
        run = train_steps(options, seed, steps, only(seen), *BY_LANDMARKS)
        labels = labels_of(run, UNSEEN)
        torch.manual_seed(seed)
        fresh = run.module.untrained()
        hog = [
            box_features(s.faces, s.regions.boxes) for s in (run.data.val_set, run.data.test_set)
        ]
        rows = {"HOG, same faces": (hog[0], hog[1])}
        for name, look in LAYERS.items():
            rows[f"ANet, {name}"] = features_of(run, run.module.learner, look)
            rows[f"{UNTRAINED}, {name}"] = features_of(run, fresh.anet, look)
        for name, features in rows.items():
            found.setdefault(name, []).append(means(svm_scores(features, labels)))
        found.setdefault("majority class", []).append(majority(*labels))
    title = f"Attributes that were not trained: {', '.join(UNSEEN)}"
    return [table(title, found, MEASURES, options)]


def systems(options: argparse.Namespace) -> list[Table]:
    """Train the systems of the paper's table on the same images."""
    found: Scores = {}
    detected = detections(options, train(options, 0, "lnet_o", None))
    for seed in range(options.seeds):
        for name, system in compare(options, seed, detected).items():
            row = {**means(system.scores), "milliseconds": system.milliseconds}
            found.setdefault(name, []).append(row)
    note = (
        " The ready-made detector, scikit-image's cascade of local binary patterns, answers "
        f"{detected.share:.0%} of the images, {detected.precise:.0%} with an IoU of 0.5; the "
        "others it leaves whole. True landmarks and boxes are help that the others do not have. "
        "Milliseconds of one image on one thread, with its search."
    )
    columns = {**MEASURES, "milliseconds": "ms"}
    return [table("Systems", found, columns, options, note)]


def majority(known: Tensor, truth: Tensor) -> dict[str, float]:
    rates = (known > 0).sum(0) / (known != 0).sum(0)
    return means(attribute_scores(majority_answers(truth, rates)))


def means(scores: dict[str, Tensor]) -> dict[str, float]:
    return {measure: mean_of(scores, measure) for measure in MEASURES}


def mean_of(scores: dict[str, Tensor], measure: str) -> float:
    return float(scores[measure].nanmean())


def table(
    title: str, found: Scores, columns: dict[str, str], options: argparse.Namespace, more: str = ""
) -> Table:
    rows = [
        [name, *(cell([run[key] for run in runs], key) for key in columns)]
        for name, runs in found.items()
    ]
    how = f"--epochs {options.epochs}, {options.seeds} seeds"
    note = f"Rendered people, test split, in %; {how}.{more}"
    return Table(title, ["", *columns.values()], rows, note)


def cell(values: list[float], key: str) -> str:
    if key in ("seconds", "milliseconds"):
        return f"{np.mean(values):.0f}" if any(values) else "-"
    if np.isnan(values).any():
        return "-"
    return mean_and_interval([100 * value for value in values], 1)


if __name__ == "__main__":
    main()
