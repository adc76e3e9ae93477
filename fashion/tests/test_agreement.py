"""One answer: what a garment of a type can be, and which landmarks it has."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fashion.agreement import of_type, states_of_type
from fashion.data.taxonomy import ABSENT, SLOTS_OF_TYPE, UNKNOWN
from fashion.recogniser import GarmentRecogniser
from vision_shared.checkpoints import read_checkpoint, write_checkpoint

LOGITS = torch.tensor([3.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("types", "kind", "expected"),
    [
        ((0, 1, 2), 1, [-torch.inf, 2, -torch.inf]),
        ((0, UNKNOWN, 2), 2, [-torch.inf, 2, 1]),
        ((0, 1, 2), UNKNOWN, [3, 2, 1]),
        ((0, 0, 0), 1, [3, 2, 1]),
        ((), 1, [3, 2, 1]),
    ],
)
def test_categories_of_other_types_cannot_be(
    types: tuple[int, ...], kind: int, expected: list[float]
) -> None:
    assert of_type(LOGITS, types, kind).tolist() == expected


def test_landmarks_that_a_type_lacks_are_absent() -> None:
    for kind, slots in enumerate(SLOTS_OF_TYPE):
        states = states_of_type(np.ones(8, np.int64), kind)
        assert (np.flatnonzero(states == 1) == slots).all()
        assert (states[states != 1] == ABSENT).all()
    assert (states_of_type(np.ones(8, np.int64), UNKNOWN) == 1).all()


def test_type_category_and_landmarks_of_an_answer_agree(checkpoint: Path) -> None:
    content = read_checkpoint(checkpoint)
    settings = {**content.hyper_parameters, "category_types": [0, 1, 2]}
    write_checkpoint(
        checkpoint, task="fashion", hyper_parameters=settings, state_dict=content.state_dict
    )
    recogniser = GarmentRecogniser.from_checkpoint(checkpoint, min_score=0)
    image = np.random.default_rng(0).integers(0, 256, (70, 200, 3), np.uint8)
    garments = [*recogniser(image), *recogniser(image, (5, 5, 60, 60))]
    assert len({garment.type for garment in garments}) > 1
    for garment in garments:
        assert garment.category == ("Tee", "Skirt", "Dress")[garment.type]
        assert set(np.flatnonzero(garment.states != ABSENT)) <= set(SLOTS_OF_TYPE[garment.type])
