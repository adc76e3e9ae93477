"""The talk's table: LNets+ANet beside what came before, each with its time per image.

SC+ANet has a detector that knows the data, as the paper's was made for faces: our finder, shown
true boxes. Face++, a service, has no place here; a ready-made detector from a package has its.
What is a support vector machine on features is fitted to the training labels.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from baselines import (  # pyrefly: ignore[missing-import]
    box_features,
    detect,
    landmark_features,
)
from numpy.typing import NDArray
from panda import (  # pyrefly: ignore[missing-import]
    Parts,
    part_features,
    parts_by_boxes,
    parts_by_landmarks,
    train_parts,
)
from torch import Tensor
from trainings import (  # pyrefly: ignore[missing-import]
    Trained,
    answered,
    svm_scores,
    train,
    train_steps,
)

from face_attributes.data.faces import Faces
from face_attributes.data.framing import box_of_landmarks
from face_attributes.data.names import PARTS
from face_attributes.data.text import write_table
from face_attributes.evaluation.attributes import attribute_scores, majority_answers

FINDER_STEPS = ["lnet_o", "self_training"]
SHOWN_BOXES = "steps.lnet_o.module.objective=boxes"
PANDA_EPOCHS = 8
TIMED = 40  # images

Scores = dict[str, Tensor]


class System(NamedTuple):
    """Each measure (A,) by name, and the milliseconds of one image on one thread."""

    scores: Scores
    milliseconds: float


class Detected(NamedTuple):
    """What a ready-made detector answers for all images.

    Attributes:
        path: of its boxes, as a file for data.region.
        boxes: (N, 4), whole images where it finds nothing.
        share: of the images where it finds something.
        precise: share of boxes with an IoU of 0.5.
        milliseconds: of an image.
    """

    path: Path
    boxes: NDArray[np.float32]
    share: float
    precise: float
    milliseconds: float


def compare(options: argparse.Namespace, seed: int, detected: Detected) -> dict[str, System]:
    """Train all systems on the same images with a seed; return what they answer on the test."""
    lnets = train_steps(options, seed, FINDER_STEPS)
    boxed = train(options, seed, "lnet_o", None, SHOWN_BOXES)
    run = _with_identities(options, seed, lnets)
    faces = run.data.read_faces().with_attributes(run.module.attributes)
    train_part, test_part = faces.part("train"), faces.part("test")
    labels = tuple(torch.from_numpy(part.labels) for part in (train_part, test_part))
    at, true = (_shown(region) for region in (detected.path, "box"))
    look, search = anet_ms(run), search_ms(run)
    rates = (labels[0] > 0).sum(0) / (labels[0] != 0).sum(0)
    own = {part: detected.boxes[faces.parts == PARTS.index(part)] for part in ("train", "test")}

    def panda(parts: Callable[[Faces, Any], Parts], finding: float) -> System:
        known, shown = parts(train_part, own["train"]), parts(test_part, own["test"])
        net = train_parts(known, labels[0], PANDA_EPOCHS, seed)
        scores = svm_scores((part_features(net, known), part_features(net, shown)), labels)
        few = test_part.take(np.arange(TIMED))
        cost = timed(lambda: part_features(net, parts(few, own["test"][:TIMED])))
        return System(scores, finding + cost)

    hog = landmark_features(train_part), landmark_features(test_part)
    return {
        "majority class": System(attribute_scores(majority_answers(labels[1], rates)), 0.0),
        "FaceTracer: HOG at true landmarks": System(svm_scores(hog, labels), hog_ms(test_part)),
        "PANDA-w: parts of a detector's boxes": panda(parts_by_boxes, detected.milliseconds),
        "PANDA-l: parts at true landmarks": panda(lambda faces, _: parts_by_landmarks(faces), 0.0),
        "ready-made detector+ANet": System(
            answered(_with_identities(options, seed, lnets, *at)), detected.milliseconds + look
        ),
        "SC+ANet: the finder, shown boxes": System(
            answered(_with_identities(options, seed, boxed)), search + look
        ),
        "LNets+ANet(w/o)": System(answered(_with_machines(options, seed, lnets)), search + look),
        "LNets+ANet": System(answered(run), search + look),
        "ANet on true boxes": System(answered(_with_identities(options, seed, lnets, *true)), look),
    }


def _shown(region: object) -> list[str]:
    """Let ANet see regions that no network finds."""
    steps = ("identities", "attributes", "machines")
    return ["module.localizer=null", *(f"steps.{step}.data.region={region}" for step in steps)]


def _with_identities(
    options: argparse.Namespace, seed: int, start: Trained, *overrides: str
) -> Trained:
    """Train ANet on identities, then as `_with_machines`."""
    people = train(options, seed, "identities", start, *overrides)
    return _with_machines(options, seed, people, *overrides)


def _with_machines(
    options: argparse.Namespace, seed: int, start: Trained, *overrides: str
) -> Trained:
    """Train ANet on attributes of what the start finds or overrides say, and fit machines."""
    run = train(options, seed, "attributes", start, *overrides)
    return train(options, seed, "machines", run, *overrides)


def detections(options: argparse.Namespace, run: Trained) -> Detected:
    """Let the ready-made detector look at all images, and write its boxes."""
    path = options.runs / options.claim / "detected.txt"
    faces = run.data.read_faces()
    start = time.process_time()
    boxes, share, precise = detect(faces)
    milliseconds = 1000 * (time.process_time() - start) / len(faces)
    whole = np.rint(boxes).astype(int)
    whole[:, 2:] -= whole[:, :2]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(path, faces.names, whole, ("image_id", "x_1", "y_1", "width", "height"))
    return Detected(path.resolve(), boxes, share, precise, milliseconds)


def hog_ms(faces: Faces) -> float:
    few = faces.take(np.arange(TIMED))
    boxes = np.stack([box_of_landmarks(points) for points in few.landmarks])
    return timed(lambda: box_features(few, boxes))


@torch.no_grad()
def anet_ms(run: Trained) -> float:
    """Return the milliseconds in which ANet describes one face by its five patches."""
    anet = run.module.net.anet.eval()
    view = torch.rand(1, 3, *anet.view)
    return timed(lambda: [anet(view) for _ in range(TIMED)])


def search_ms(run: Trained) -> float:
    """Return the milliseconds in which the LNets look for the faces of one image."""
    assert run.module.search is not None
    finder = run.module.search.localizer(run.module.net, closer=True)
    samples = run.data.whole_samples("test", run.data.read_faces().read_image(0).shape[:2])
    images = [samples[index]["image"] for index in range(TIMED)]
    return timed(lambda: [finder(image) for image in images])


def timed(run: Callable[[], object]) -> float:
    """Return the milliseconds of one of `TIMED` images, by the clock of the process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run()
    start = time.process_time()
    run()
    seconds = time.process_time() - start
    torch.set_num_threads(threads)
    return 1000 * seconds / TIMED
