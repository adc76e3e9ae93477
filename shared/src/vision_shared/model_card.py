"""Model cards: what a network is, what it learned from and under which terms, metrics and limits.

Each task's package has a module ``model_card`` with ``model_card(checkpoint) -> str``, which names
its data sets' terms and its limits; `vision_shared.export` writes the text beside a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vision_shared.renamed_keys import current_keys

if TYPE_CHECKING:
    from vision_shared.checkpoints import Checkpoint


@dataclass(frozen=True)
class Terms:
    """What is known of a data set, and what follows for weights that learned from it.

    Attributes:
        data: description of the data set.
        licence: licence of the data. What the data set's page says is to be read there.
        weights: consequences for the weights.
        limits: gaps of the data.
    """

    data: str
    licence: str
    weights: str
    limits: str


NOT_STATED = "Not stated for all of it; the photographs and videos belong to others"
RESEARCH_ONLY = "Take them to be for non-commercial research too: they are made from that data."
ASK_OWNERS = "Not known here: ask a lawyer before you use them in a product."

PEOPLE = Terms(
    "3-D people rendered by this project's synthetic_people; none of them exists, and the "
    "photographs behind them show no one",
    "Apache-2.0, as the project; its assets are CC0 and CC BY, credited in its PROVENANCE.md",
    "No terms from the data.",
    "Rendered people are not photographs: what carries over, and how far, is in the README of "
    "synthetic_people.",
)
UNKNOWN = Terms(
    "files of whoever trained it; this project does not know them",
    "Not known here",
    "Not known here: ask whoever trained it.",
    "Not known here.",
)


def write_card(
    checkpoint: Checkpoint,
    terms: Mapping[str, Terms],
    *,
    about: str,
    limits: str,
    extra: Mapping[str, str] | None = None,
    shown: tuple[str, ...] = (),
) -> str:
    """Return a card in Markdown.

    Args:
        checkpoint: checkpoint whose card it is.
        terms: terms of the task's data sets by the choice of ``data=``; others are `UNKNOWN`.
        about: the task, the method and its source, input and output, as a list.
        limits: limits of any network of the task, a list.
        extra: sections by their titles, after the first.
        shown: the data config's values that belong on a card.
    """
    choice = checkpoint.data.get("choice") or "folder"
    known = terms.get(choice, UNKNOWN)
    sections = {
        "What it is": f"{about}\n{_network(checkpoint)}",
        **(extra or {}),
        "Data": f"`data={choice}`: {known.data}.\n\n{_values(checkpoint, shown)}",
        "Licences": f"Code: Apache-2.0. Data: {known.licence}. Weights: {known.weights}",
        "Limits": known.limits + "\n\n" + limits,
        "Metrics": _metrics(checkpoint),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# Model card: {checkpoint.task}\n\n{body}\n"


def _network(checkpoint: Checkpoint) -> str:
    settings = checkpoint.hyper_parameters
    number = sum(tensor.numel() for tensor in checkpoint.weights().values())
    lines = [f"* Network: `{settings['network']}`."] if "network" in settings else []
    return "\n".join([*lines, f"* {number:,} numbers in its weights and buffers."])


def _values(checkpoint: Checkpoint, names: tuple[str, ...]) -> str:
    values = current_keys(checkpoint.data.get("values", {}))
    shown = [f"`{name}={values[name]}`" for name in names if values.get(name) is not None]
    return f"Settings: {', '.join(shown)}." if shown else "Its settings are not recorded."


def _metrics(checkpoint: Checkpoint) -> str:
    """The tables that a training run has written beside its best checkpoint."""
    results = checkpoint.path.absolute().parent.parent / "results.md"
    if checkpoint.path.name == "best.ckpt" and results.is_file():
        return results.read_text().rstrip()
    return (
        "None were recorded beside the checkpoint. `python -m vision_shared.evaluate CHECKPOINT` "
        "prints them, the trivial answers beside them."
    )
