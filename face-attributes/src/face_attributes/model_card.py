"""The model card that `vision_shared.export` writes beside a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint


@dataclass(frozen=True)
class Terms:
    """What is known of a data set, and what follows for weights that learnt from it.

    Attributes:
        data: what it is.
        licence: of the data.
        weights: what that means for the weights.
        limits: what it does not show.
    """

    data: str
    licence: str
    weights: str
    limits: str


RESEARCH_ONLY = "Take them to be for non-commercial research too: they are made from that data."

TERMS = {
    "people": Terms(
        "3-D people rendered by this project's synthetic_people; none of them exists, and the "
        "photographs behind them show no one",
        "Apache-2.0, as the project; its assets are CC0 and CC BY, credited in its PROVENANCE.md",
        "No terms from the data.",
        "Rendered people are not photographs: what carries over, and how far, is in the README of "
        "synthetic_people.",
    ),
    "celeba": Terms(
        "CelebA (Liu, Luo, Wang, Tang, ICCV 2015): photographs of celebrities from the web, with "
        "40 attributes; the train partition, and of some networks the validation partition too",
        "Non-commercial research only, by the agreement on the data set's page; the photographs "
        "belong to others",
        RESEARCH_ONLY,
        "Celebrities, most of them posing, light-skinned, and young by their labels: of others, "
        "and of pictures of another kind, it knows little.",
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
    "folder": Terms(
        "pictures and attributes of whoever trained it; this project does not know them",
        "Not known here",
        "Not known here: ask whoever trained it.",
        "Not known here.",
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
    found = [(choice, TERMS.get(choice, TERMS["folder"])) for choice in choices]
    return [
        {"data": choice, "licence of the data": known.licence, "weights": known.weights}
        for choice, known in found
    ]


def model_card(checkpoint: Checkpoint) -> str:
    """Describe a checkpoint of face-attributes in Markdown: data, licences, metrics, limits.

    Its metrics are those that its training run has written beside it, if it is the run's best.
    """
    choice = checkpoint.data.get("choice") or "folder"
    known = TERMS.get(choice, TERMS["folder"])
    attributes = checkpoint.hyper_parameters.get("attributes", [])
    sections = {
        "What it is": _network(checkpoint),
        "Attributes": ", ".join(attributes) + "\n\n" + PERCEPTIONS,
        "Data": f"`data={choice}`: {known.data}.\n\n{_values(checkpoint)}",
        "Licences": f"Code: Apache-2.0. Data: {known.licence}. Weights: {known.weights}",
        "Limits": known.limits + "\n\n" + LIMITS,
        "Metrics": _metrics(checkpoint),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# Model card: {checkpoint.task}\n\n{body}\n"


LIMITS = """\
* A face that it does not find has no attributes, and what it takes for a face need not be one.
* A threshold of 0.5 is not tuned. Probabilities of machines are calibrated on the validation data
  and nowhere else.
* Rates differ between groups of people; look at the subgroup tables below, and at their supports,
  before you use it on anybody.
* It was made to study a method. It is not for identification, surveillance, or decisions about
  people."""

SHOWN = ("region", "context", "size", "eval_size", "pictures", "num_attributes", "num_train")


def _network(checkpoint: Checkpoint) -> str:
    settings = checkpoint.hyper_parameters
    lines = ["* Task: face attributes by LNet and ANet, after Liu, Luo, Wang, Tang, ICCV 2015."]
    lines += [f"* Network: `{settings['network']}`."] if "network" in settings else []
    number = sum(tensor.numel() for tensor in checkpoint.weights().values())
    lines += [
        f"* {number:,} numbers in its weights and buffers.",
        "* In: pictures, float32 RGB in [0, 1], (B, 3, H, W). Out: a logit for each attribute, "
        "(B, A), in the order below; a sigmoid gives the probability.",
    ]
    return "\n".join(lines)


def _values(checkpoint: Checkpoint) -> str:
    values = checkpoint.data.get("values", {})
    shown = [f"`{name}={values[name]}`" for name in SHOWN if values.get(name) is not None]
    return f"Settings: {', '.join(shown)}." if shown else "Its settings are not recorded."


def _metrics(checkpoint: Checkpoint) -> str:
    results = checkpoint.path.absolute().parent.parent / "results.md"
    if checkpoint.path.name == "best.ckpt" and results.is_file():
        return results.read_text().rstrip()
    return (
        "None were recorded beside the checkpoint. `python -m vision_shared.evaluate CHECKPOINT` "
        "prints them, the trivial answers beside them."
    )
