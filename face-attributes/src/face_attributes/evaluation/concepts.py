"""What single neurons tell: how well each ranks images by an attribute.

The paper's section 4.2 sorts images by one neuron of FC; here the area under the ROC curve says how
much of an attribute there is in that order. Which neuron is best is chosen on one half of the
images and measured on the other, or the best of many would look better than it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vision_shared.tables import Table


class Told(NamedTuple):
    """What each of N neurons, or of N attributes, tells or is told by best; (N,) each.

    Attributes:
        best: index of the attribute of each neuron, or of the neuron of each attribute.
        rises: whether the neuron is higher where the attribute is present.
        auc: area under the ROC curve of the neuron for the attribute, or of its negative where it
            does not rise, on images that did not choose it; 0.5 is chance. NaN where the attribute
            is not told apart there.
    """

    best: Tensor
    rises: Tensor
    auc: Tensor


def neuron_aucs(features: Tensor, labels: Tensor) -> Tensor:
    """Measure how well each feature ranks images by each attribute.

    Args:
        features: (N, D).
        labels: (N, A), 1 present, -1 absent, 0 not known, which is left out.

    Returns:
        (D, A) float64 in [0, 1]: the chance that an image with the attribute has the higher
        feature, ties counting half. NaN where the attribute is on no image, or on all.

    Raises:
        ValueError: the shapes do not fit.
    """
    if features.ndim != 2 or labels.ndim != 2 or len(features) != len(labels):
        raise ValueError(
            f"expected features (N, D) and labels (N, A), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
    is_known = labels != 0
    ranks = _ranks(features) if is_known.all() else None
    columns = []
    for known, column in zip(is_known.T, labels.T, strict=True):
        present = column[known] == 1
        own = ranks if ranks is not None else _ranks(features[known])
        num, rest = int(present.sum()), int((~present).sum())
        if num == 0 or rest == 0:
            columns.append(torch.full((features.shape[1],), torch.nan, dtype=torch.double))
            continue
        above = own[present].sum(0) - num * (num + 1) / 2
        columns.append(above / (num * rest))
    return torch.stack(columns, 1)


def told_by_neurons(features: Tensor, labels: Tensor) -> Told:
    """Find the attribute that each neuron tells best; arguments as `neuron_aucs`."""
    chosen, measured = _halves(features, labels)
    return _best(chosen, measured)


def told_of_attributes(features: Tensor, labels: Tensor) -> Told:
    """Find the neuron that tells each attribute best; arguments as `neuron_aucs`."""
    chosen, measured = _halves(features, labels)
    return _best(chosen.T, measured.T)


def choose_neurons(attributes: Told, number: int) -> list[tuple[int, int]]:
    """Return up to ``number`` (neuron, attribute) to show, best told first, no neuron twice.

    Args:
        attributes: attributes from `told_of_attributes`.
        number: number of neurons.
    """
    shown: list[tuple[int, int]] = []
    for attribute in attributes.auc.nan_to_num(-1).argsort(descending=True, stable=True).tolist():
        neuron = int(attributes.best[attribute])
        if neuron not in [other for other, _ in shown] and not attributes.auc[attribute].isnan():
            shown.append((neuron, attribute))
    return shown[:number]


def outer_thirds(features: Tensor) -> tuple[Tensor, Tensor]:
    """(N, D) -> (N, D) bool each: the thirds of the images with the lowest and highest features.

    Of equal images the earlier ones count as lower.
    """
    order = features.argsort(dim=0, stable=True)
    place = torch.empty_like(order)
    place.scatter_(0, order, torch.arange(len(order))[:, None].expand_as(order))
    third = max(1, len(features) // 3)
    return place < third, place >= len(features) - third


def concepts_table(told: Mapping[str, Told], attributes: Sequence[str], num_images: int) -> Table:
    """Return each attribute's best neuron in each network.

    Args:
        told: predictions by network, from `told_of_attributes`; the first one's neurons are named.
        attributes: their names.
        num_images: number of images that were looked at.
    """
    first = next(iter(told.values()))
    rows = []
    for index, attribute in enumerate(attributes):
        cells = [_cell(each.auc[index]) for each in told.values()]
        rows.append([attribute, str(int(first.best[index])), *cells])
    rows.append(["mean", "", *(_cell(each.auc.nanmean()) for each in told.values())])
    note = (
        f"{num_images} images: one half chooses the neuron, the other measures it; 0.500 is "
        "chance. Each column has its own best neurons; the numbers are those of the first."
    )
    columns = ["area under the ROC curve", "neuron", *told]
    return Table("The neuron that tells each attribute best", columns, rows, note)


def attribute_facts(told: Mapping[str, Told], attributes: Sequence[str]) -> dict[str, Any]:
    """Return what `concepts_table` prints as plain values, by attribute and network."""
    return {
        attribute: {
            name: {"neuron": int(each.best[i]), "auc": _plain(each.auc[i])}
            for name, each in told.items()
        }
        for i, attribute in enumerate(attributes)
    }


def neuron_facts(
    features: Tensor, labels: Tensor, attributes: Sequence[str], names: Sequence[str], number: int
) -> list[dict[str, Any]]:
    """Return of every neuron what it tells best, and its lowest and highest images.

    Args:
        features: (N, D).
        labels: (N, A).
        attributes: names of the A.
        names: names of the N images.
        number: number of images at either end.

    Returns:
        Plain values; ``is_dead``: the neuron answers the same to all images.
    """
    told = told_by_neurons(features, labels)
    facts = []
    for neuron, column in enumerate(features.T):
        order = column.argsort(stable=True).tolist()
        facts.append(
            {
                "neuron": neuron,
                "attribute": attributes[int(told.best[neuron])],
                "rises": bool(told.rises[neuron]),
                "auc": _plain(told.auc[neuron]),
                "is_dead": bool((column == column[0]).all()),
                "lowest": [names[i] for i in order[:number]],
                "highest": [names[i] for i in order[-number:]],
            }
        )
    return facts


def _halves(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return neuron_aucs(features[::2], labels[::2]), neuron_aucs(features[1::2], labels[1::2])


def _best(chosen: Tensor, measured: Tensor) -> Told:
    """(N, M) AUCs each: for each row, the column that the first choose and the second measure."""
    best = (chosen - 0.5).abs().nan_to_num(-1).argmax(1)
    rises = chosen.gather(1, best[:, None])[:, 0] >= 0.5
    auc = measured.gather(1, best[:, None])[:, 0]
    return Told(best, rises, torch.where(rises, auc, 1 - auc))


def _ranks(features: Tensor) -> Tensor:
    """(N, D) -> (N, D): places from 1 in ascending order, equal ones share their mean."""
    columns = features.T.contiguous()
    ordered = columns.sort(1).values
    first = torch.searchsorted(ordered, columns)
    last = torch.searchsorted(ordered, columns, right=True)
    return ((first + last + 1).double() / 2).T


def _cell(auc: Tensor) -> str:
    return "-" if auc.isnan() else f"{float(auc):.3f}"


def _plain(auc: Tensor) -> float | None:
    """A number that JSON has: NaN is none."""
    return None if auc.isnan() else round(float(auc), 4)
