"""Attributes one by one: the paper's accuracy, and what does not flatter it.

Most attributes are rare: on CelebA's test partition, always answering the majority class is right
in 79.9 % of all cases and beats published systems on a third of the attributes. So nothing here is
printed without the majority beside it, nor accuracy without measures that chance cannot lift.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from face_attributes.evaluation.answers import Answers
from face_attributes.evaluation.published import (
    PRINTED_MEANS,
    SYSTEMS,
    DatasetName,
    published_accuracies,
)
from vision_shared.ranking import average_precision
from vision_shared.tables import Table

MEASURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "average_precision": "average precision",
    "f1": "F1",
}
"""Of `attribute_scores`, and what tables call them."""

MAJORITY = "majority class"

SOURCE = (
    "Accuracy in %. The columns after the majority class are published, by Liu et al., ICCV 2015, "
    "and not measured here."
)


def attribute_scores(answers: Answers) -> dict[str, Tensor]:
    """Measure each attribute over the images where it is known.

    Returns:
        (A,) float64 each, in [0, 1]: those of `MEASURES` and ``positive_rate``. Balanced accuracy
        is the mean of the true positive and the true negative rate. NaN where a measure has
        nothing to count: without labels, and without positives all but the accuracy (without
        negatives the balanced one too).
    """
    labels, said = answers.labels, answers.probabilities >= 0.5
    present, absent = labels == 1, labels == -1
    hits, rejects = (present & said).sum(0), (absent & ~said).sum(0)
    positives, negatives = present.sum(0), absent.sum(0)
    raised = (absent & said).sum(0)
    recall = _ratio(hits, positives)
    f1 = _ratio(2 * hits, hits + raised + positives)
    return {
        "accuracy": _ratio(hits + rejects, positives + negatives),
        "balanced_accuracy": (recall + _ratio(rejects, negatives)) / 2,
        "average_precision": average_precision(answers.probabilities, labels),
        "f1": torch.where(positives > 0, f1, torch.nan),
        "positive_rate": _ratio(positives, positives + negatives),
    }


def calibration_error(answers: Answers, bins: int = 20) -> float:
    """Return the expected calibration error over all known labels, in [0, 1]; NaN without any.

    The mean, over bins of the probability weighted by their size, of the distance between what is
    said and how often it is so (Guo et al. 2017).
    """
    known = answers.labels != 0
    said, truth = answers.probabilities[known].double(), (answers.labels[known] > 0).double()
    place = (said * bins).long().clamp_max(bins - 1)
    sums = [said.new_zeros(bins).index_add(0, place, values) for values in (said, truth)]
    return float((sums[0] - sums[1]).abs().sum() / len(said)) if len(said) else float("nan")


def majority_answers(labels: Tensor, rates: Tensor) -> Answers:
    """Answer every image with each attribute's majority class elsewhere.

    Args:
        labels: (N, A) of the test.
        rates: (A,), positive rates of the training or validation data, in [0, 1].
    """
    return Answers((rates >= 0.5).float().expand_as(labels), labels)


def systems_table(systems: Mapping[str, Answers], rates: Tensor) -> Table:
    """Return the means over attributes of each system, the majority class last.

    Args:
        systems: predictions of each system for the same images, by name.
        rates: (A,), where the majority is learned, see `majority_answers`.
    """
    labels = next(iter(systems.values())).labels
    rows = []
    for name, answers in {**systems, MAJORITY: majority_answers(labels, rates)}.items():
        scores = attribute_scores(answers)
        means = [scores[measure].nanmean() for measure in MEASURES]
        error = torch.tensor(calibration_error(answers))
        rows.append([name, *map(_percent, [*means, error])])
    return Table(
        "Attributes, means in %",
        ["", *MEASURES.values(), "calibration error"],
        rows,
        f"{len(labels)} images, {labels.shape[1]} attributes; the majority class is that of "
        "other images. A mean leaves out attributes for which a measure is not defined. The "
        "calibration error is how far probabilities are from frequencies, over all labels.",
    )


def attributes_table(answers: Answers, names: Sequence[str], rates: Tensor) -> Table:
    """Return every attribute's measures, the majority's accuracy, and the means.

    Args:
        answers: answers to N images.
        names: names of the A attributes.
        rates: (A,), where the majority is learned, see `majority_answers`.

    Raises:
        ValueError: another number of names or rates.
    """
    _expect_names(answers, names, rates)
    scores = attribute_scores(answers)
    majority = attribute_scores(majority_answers(answers.labels, rates))["accuracy"]
    columns = [scores["positive_rate"], majority, *(scores[measure] for measure in MEASURES)]
    rows = [[name, *map(_percent, cells)] for name, *cells in zip(names, *columns, strict=True)]
    rows.append(["mean", *(_percent(column.nanmean()) for column in columns)])
    titles = ["%", "positives", MAJORITY, *MEASURES.values()]
    return Table("Each attribute", titles, rows, f"{len(answers.labels)} images")


def published_table(
    answers: Answers, names: Sequence[str], rates: Tensor, dataset: DatasetName
) -> Table:
    """Return each attribute's accuracy beside the majority's and the paper's six columns.

    Args:
        answers: answers to the data set's official test.
        names: names of the A attributes; those that are not among the paper's 40 are left out.
        rates: (A,), where the majority is learned, see `majority_answers`.
        dataset: data set whose columns.

    Raises:
        ValueError: as `attributes_table`, or none of the attributes is the paper's.
    """
    _expect_names(answers, names, rates)
    published = published_accuracies(dataset)
    shown = [index for index, name in enumerate(names) if name in published]
    if not shown:
        raise ValueError(f"expected some of the paper's attributes, got {', '.join(names)}")
    ours = attribute_scores(answers)["accuracy"][shown]
    majority = attribute_scores(majority_answers(answers.labels, rates))["accuracy"][shown]
    theirs = torch.tensor([published[names[index]] for index in shown]).double()
    rows = [
        [name, _percent(own), _percent(trivial), *map(str, published[name])]
        for name, own, trivial in zip([names[i] for i in shown], ours, majority, strict=True)
    ]
    means = [_percent(column.nanmean()) for column in (ours, majority)]
    rows.append(["mean", *means, *(f"{mean:.1f}" for mean in theirs.mean(0).tolist())])
    if len(shown) == len(published):
        rows.append(["mean, as printed", "", "", *map(str, PRINTED_MEANS[dataset])])
    titles = ["%", "ours", MAJORITY, *SYSTEMS]
    note = f"{len(answers.labels)} images. {SOURCE}"
    return Table("Beside the published accuracies", titles, rows, note)


def _expect_names(answers: Answers, names: Sequence[str], rates: Tensor) -> None:
    if not len(names) == len(rates) == answers.labels.shape[1]:
        raise ValueError(
            f"expected names and rates of {answers.labels.shape[1]} attributes, got {len(names)} "
            f"and {len(rates)}"
        )


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """NaN where there is nothing."""
    return torch.where(whole > 0, part.double() / whole.clamp_min(1), torch.nan)


def _percent(value: Tensor) -> str:
    return "-" if value.isnan() else f"{100 * float(value):.1f}"
