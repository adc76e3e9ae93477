"""Who pays for the mistakes, and answers that contradict themselves."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from face_attributes.evaluation.answers import Answers
from vision_shared.tables import Table

MIN_SUPPORT = 30
"""Examples below which no rate is given: on CelebA's test partition some cells have none."""

HAIR_COLOURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
BEARDS = ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns")


class GroupRates(NamedTuple):
    """An attribute's rates in a group, (A,) each; NaN below `MIN_SUPPORT` examples.

    Attributes:
        recall: share of the positives that were found.
        false_alarms: share of the negatives that were taken for positives.
        num_positives: int64.
        num_negatives: int64.
    """

    recall: Tensor
    false_alarms: Tensor
    num_positives: Tensor
    num_negatives: Tensor


def group_rates(answers: Answers, members: Tensor) -> GroupRates:
    """Measure the images (N,) bool that are members of a group."""
    labels = answers.labels[members]
    said = answers.probabilities[members] >= 0.5
    present, absent = labels == 1, labels == -1
    positives, negatives = present.sum(0), absent.sum(0)
    return GroupRates(
        _rate((present & said).sum(0), positives),
        _rate((absent & said).sum(0), negatives),
        positives,
        negatives,
    )


def subgroup_table(answers: Answers, names: Sequence[str], by: str) -> Table:
    """Return each attribute's recall and false alarms where ``by`` is present and where it is not.

    The groups are those of the labels; images where ``by`` is unknown are in neither. With how many
    examples stands behind each rate; below `MIN_SUPPORT` there is none, nor a difference.

    Raises:
        ValueError: no attribute of that name, or another number of names.
    """
    _expect_names(answers, names)
    if by not in names:
        raise ValueError(f"expected an attribute among {', '.join(names)}, got {by!r}")
    grouping = answers.labels[:, list(names).index(by)]
    groups = [group_rates(answers, grouping == value) for value in (1, -1)]
    rows = []
    for index, name in enumerate(names):
        if name == by:
            continue
        cells = []
        for rates, counts in (("recall", "num_positives"), ("false_alarms", "num_negatives")):
            values = [getattr(group, rates)[index] for group in groups]
            supports = [int(getattr(group, counts)[index]) for group in groups]
            cells += [_cell(v, n) for v, n in zip(values, supports, strict=True)]
            gap = values[0] - values[1]
            cells.append("-" if gap.isnan() else f"{100 * float(gap):+.1f}")
        rows.append([name, *cells])
    sides = ["without", "difference"]  # by what, the title says: names of attributes are long
    columns = ["%", "recall: with", *sides, "false alarms: with", *sides]
    sizes = [int((grouping == value).sum()) for value in (1, -1)]
    note = (
        f"With {by}: {sizes[0]} images, without: {sizes[1]}, by the labels, which are annotators' "
        f"perceptions. In brackets the examples behind a rate; none is given below {MIN_SUPPORT}."
    )
    return Table(f"By {by}", columns, rows, note)


def people_table(answers: Answers, names: Sequence[str], groups: Mapping[str, Tensor]) -> Table:
    """Return recall and balanced accuracy by groups of people, and the largest gap between two.

    Means over the attributes that have `MIN_SUPPORT` positives and negatives in every group:
    all groups are measured by the same.

    Args:
        answers: answers to N images.
        names: names of the A attributes.
        groups: members (N,) bool by the group's name.
    """
    _expect_names(answers, names)
    rates = [group_rates(answers, members) for members in groups.values()]
    recall = torch.stack([each.recall for each in rates])
    balanced = (recall + 1 - torch.stack([each.false_alarms for each in rates])) / 2
    usable = balanced.isfinite().all(0)
    rows = []
    for index, (group, members) in enumerate(groups.items()):
        means = [values[index, usable].mean() for values in (recall, balanced)]
        rows.append([group, str(int(members.sum())), *(f"{100 * float(m):.1f}" for m in means)])
    note = (
        f"{int(usable.sum())} attributes with {MIN_SUPPORT} examples of both kinds in every group"
    )
    if usable.any():
        gaps = (balanced.max(0).values - balanced.min(0).values).where(usable, -1.0)
        worst = int(gaps.argmax())
        order = balanced[:, worst].argsort()
        low, high = list(groups)[int(order[0])], list(groups)[int(order[-1])]
        note += (
            f". Largest gap of balanced accuracy: {names[worst]}, {100 * float(gaps[worst]):.1f} "
            f"points between {high} and {low}"
        )
    return Table("By people", ["%", "images", "recall", "balanced accuracy"], rows, note + ".")


def contradictions(present: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Find what cannot be true together: rule -> (N,) bool, for rules whose attributes are there.

    Args:
        present: (N, A) bool.
        names: names of the A attributes, CelebA's where a rule is about them.
    """
    column = {name: present[:, index] for index, name in enumerate(names)}
    beards = [column[name] for name in BEARDS if name in column]
    colours = [column[name] for name in HAIR_COLOURS if name in column]
    rules = {}
    if "No_Beard" in column and beards:
        rules["No_Beard with a beard, moustache or sideburns"] = column["No_Beard"] & torch.stack(
            beards
        ).any(0)
    if len(colours) > 1:
        rules["two or more hair colours"] = torch.stack(colours).sum(0) > 1
    if {"Straight_Hair", "Wavy_Hair"} <= column.keys():
        rules["Straight_Hair and Wavy_Hair"] = column["Straight_Hair"] & column["Wavy_Hair"]
    if {*HAIR_COLOURS, "Bald", "Wearing_Hat"} <= column.keys():
        bare = torch.stack([*colours, column["Bald"], column["Wearing_Hat"]]).any(0)
        rules["no hair colour, neither Bald nor Wearing_Hat"] = ~bare
    return rules


def contradiction_table(answers: Answers, names: Sequence[str]) -> Table | None:
    """Return how often answers contradict themselves, beside the labels; None without a rule.

    Images with an unknown label are left out of the labels' column.
    """
    _expect_names(answers, names)
    ours = contradictions(answers.probabilities >= 0.5, names)
    known = (answers.labels != 0).all(1)
    theirs = contradictions(answers.labels[known] == 1, names)
    if not ours:
        return None
    rows = [[rule, _share(ours[rule]), _share(theirs[rule])] for rule in ours]
    note = f"{len(answers.labels)} images, {int(known.sum())} of them with all labels"
    return Table("Contradictions", ["% of images", "answers", "labels"], rows, note)


def _expect_names(answers: Answers, names: Sequence[str]) -> None:
    if len(names) != answers.labels.shape[1]:
        raise ValueError(
            f"expected names of {answers.labels.shape[1]} attributes, got {len(names)}"
        )


def _rate(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole >= MIN_SUPPORT, part.double() / whole.clamp_min(1), torch.nan)


def _cell(rate: Tensor, support: int) -> str:
    return f"- ({support})" if rate.isnan() else f"{100 * float(rate):.1f} ({support})"


def _share(flags: Tensor) -> str:
    return f"{100 * float(flags.double().mean()):.2f}" if len(flags) else "-"
