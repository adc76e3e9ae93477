"""The model card that `vision_shared.export` writes beside a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vision_shared.model_card import PEOPLE, RESEARCH_ONLY, UNKNOWN, Terms, write_card

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint

TERMS = {
    "people": PEOPLE,
    "people_smoke": PEOPLE,
    "celeba": Terms(
        "CelebA (Liu, Luo, Wang, Tang, ICCV 2015): photographs of celebrities from the web, with "
        "40 attributes; the train partition, and of some networks the validation partition too",
        "Non-commercial research only, by the agreement on the data set's page; the photographs "
        "belong to others",
        RESEARCH_ONLY,
        "Celebrities, most of them posing, light-skinned, and young by their labels: of others, "
        "and of images of another kind, it knows little.",
    ),
    "lfwa": Terms(
        "LFWA (Liu, Luo, Wang, Tang, ICCV 2015): Labeled Faces in the Wild, photographs from news "
        "of about 2002 to 2004, with 40 or 73 attributes",
        "Non-commercial research only, by the agreement on the data set's page; the photographs "
        "belong to others",
        RESEARCH_ONLY,
        "Public figures of the news, most of them men and light-skinned, hardly any children; and "
        "only faces that the Viola-Jones detector had found.",
    ),
}
"""By the choice of `data=`. What the pages of the data sets say is to be read there, not here."""

PERCEPTIONS = """\
Attributes are what annotators saw, not facts about a person. Male, Young and Attractive are
judgements of somebody's looks; so are Big_Nose, Big_Lips, Chubby, Narrow_Eyes, Oval_Face, Pale_Skin
and others: annotators disagree on them, and labels contradict each other. No answer of this
model says what somebody is, and none may decide anything about them."""


def terms(choices: Iterable[str]) -> list[dict[str, str]]:
    """Return the terms of data sets, by their choice of `data=`, as plain values."""
    found = [(choice, TERMS.get(choice, UNKNOWN)) for choice in choices]
    return [
        {"data": choice, "licence of the data": known.licence, "weights": known.weights}
        for choice, known in found
    ]


LIMITS = """\
* A face that it does not find has no attributes, and what it takes for a face need not be one.
* A threshold of 0.5 is not tuned. Probabilities of machines are calibrated on the validation data
  and nowhere else.
* Rates differ between groups of people; look at the subgroup tables below, and at their supports,
  before you use it on anybody.
* It was made to study a method. It is not for identification, surveillance, or decisions about
  people."""

SHOWN = ("region", "context", "size", "eval_size", "images", "num_attributes", "num_train")


ABOUT = """\
* Task: face attributes by LNet and ANet, after Liu, Luo, Wang, Tang, ICCV 2015.
* In: images, float32 RGB in [0, 1], (B, 3, H, W). Out: a logit for each attribute, (B, A), in the
  order below; a sigmoid gives the probability."""


def model_card(checkpoint: Checkpoint) -> str:
    """Describe a checkpoint of face-attributes in Markdown: data, licences, metrics, limits.

    Its metrics are those that its training run has written beside it, if it is the run's best.
    """
    attributes = ", ".join(checkpoint.hyper_parameters.get("attributes", []))
    extra = {"Attributes": attributes + "\n\n" + PERCEPTIONS}
    return write_card(checkpoint, TERMS, about=ABOUT, limits=LIMITS, extra=extra, shown=SHOWN)
