"""The terms of a training: what an image without labels weighs."""

import torch

from fashion.data.taxonomy import ABSENT, VISIBLE
from fashion.models import Recognition
from fashion.objectives import RECOGNITION_TERMS, RecognitionObjective

NUM_LABELLED, BATCH = 2, 8


def answer() -> Recognition:
    torch.manual_seed(0)
    embedding = torch.nn.functional.normalize(torch.randn(BATCH, 4))
    return Recognition(
        torch.rand(BATCH, 8, 2),
        torch.randn(BATCH, 8, 3),
        torch.randn(BATCH, 5),
        torch.randn(BATCH, 6),
        embedding,
    )


def batch() -> dict[str, torch.Tensor]:
    """The first images are labelled in all, the others in nothing."""
    is_told = torch.arange(BATCH) < NUM_LABELLED
    return {
        "landmarks": torch.rand(BATCH, 8, 2),
        "states": torch.where(is_told[:, None], VISIBLE, ABSENT).expand(BATCH, 8),
        "category": torch.where(is_told, 3, -1),
        "attributes": torch.where(is_told[:, None], 1, 0).expand(BATCH, 6),
        "item": torch.where(is_told, torch.arange(BATCH), -1),
        "domain": torch.zeros(BATCH, dtype=torch.int64),
    }


def test_a_few_labelled_pictures_do_not_weigh_as_a_batch_of_them() -> None:
    torch.manual_seed(1)
    data, said = batch(), answer()
    whole = RecognitionObjective(6)(said, data, RECOGNITION_TERMS)
    known = RecognitionObjective(6, mean_over="known")(said, data, RECOGNITION_TERMS)
    for name in RECOGNITION_TERMS:
        torch.testing.assert_close(whole[name], known[name] * NUM_LABELLED / BATCH)
    assert all(known[name] > 0 for name in ("landmark", "visibility", "category", "attribute"))


def test_weights_of_attributes_are_shrunk_or_the_papers() -> None:
    yes, no = torch.tensor([3] * 6), torch.tensor([297] * 6)
    ours, paper = RecognitionObjective(6), RecognitionObjective(6, shrinkage=0.0)
    ours.weigh_attributes(yes, no)
    paper.weigh_attributes(yes, no)
    assert (paper.attribute_weights[:, 0] > 49).all() and (ours.attribute_weights[:, 0] < 3).all()
