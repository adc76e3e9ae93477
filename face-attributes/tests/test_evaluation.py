"""Measures by hand and beside scikit-learn's, and tables that hide nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
)
from torch import Tensor

from face_attributes.data.datamodule import CelebaData, PeopleData
from face_attributes.data.face_data import FaceData
from face_attributes.data.names import CELEBA_ATTRIBUTES
from face_attributes.data.text import write_table
from face_attributes.evaluation.answers import Answers, GatheredAnswers
from face_attributes.evaluation.attributes import (
    attribute_scores,
    attributes_table,
    calibration_error,
    majority_answers,
    published_table,
    systems_table,
)
from face_attributes.evaluation.localisation import (
    LocalisationResults,
    LocalisationScores,
    centre_box,
    localisation_table,
)
from face_attributes.evaluation.published import PRINTED_MEANS, SYSTEMS, published_accuracies
from face_attributes.evaluation.subgroups import (
    contradiction_table,
    contradictions,
    group_rates,
    people_table,
    subgroup_table,
)
from face_attributes.report import attribute_tables, published_dataset
from vision_shared.inputs import InputError


def some_answers(num: int = 200, attributes: int = 3) -> Answers:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(-1, 2, (num, attributes), generator=rng)
    probabilities = torch.rand(num, attributes, generator=rng).mul(20).round() / 20  # with ties
    return Answers(probabilities, labels.to(torch.int8))


def gather(batches: list[tuple[Tensor, Tensor]], attributes: int) -> Answers:
    gathered = GatheredAnswers(attributes)
    for probabilities, labels in batches:
        gathered.update(probabilities, labels)
    return gathered.compute()


def test_measures_equal_scikit_learns_on_known_labels() -> None:
    answers = some_answers()
    scores = attribute_scores(answers)
    for a in range(3):
        known = answers.labels[:, a] != 0
        truth = (answers.labels[known, a] == 1).tolist()
        p = answers.probabilities[known, a].tolist()
        said = [probability >= 0.5 for probability in p]
        expected = {
            "accuracy": accuracy_score(truth, said),
            "balanced_accuracy": balanced_accuracy_score(truth, said),
            "average_precision": average_precision_score(truth, p),
            "f1": f1_score(truth, said),
            "positive_rate": sum(truth) / len(truth),
        }
        assert {name: float(scores[name][a]) for name in expected} == pytest.approx(expected)


def test_measures_without_examples_are_not_defined() -> None:
    labels = torch.tensor([[1, -1, 0], [1, -1, 0]], dtype=torch.int8)
    scores = attribute_scores(Answers(torch.full((2, 3), 0.7), labels))
    nan = torch.tensor([False, False, True])
    assert torch.equal(scores["accuracy"].isnan(), nan)
    assert scores["accuracy"][:2].tolist() == [1, 0]
    assert scores["balanced_accuracy"].isnan().all()
    assert scores["average_precision"].isnan().tolist() == [False, True, True]
    assert scores["f1"].isnan().tolist() == [False, True, True]


def test_majority_is_learned_elsewhere_and_gains_nothing_but_accuracy() -> None:
    labels = torch.tensor([[1, -1]] * 1 + [[-1, -1]] * 9, dtype=torch.int8)
    scores = attribute_scores(majority_answers(labels, torch.tensor([0.2, 0.9])))
    assert scores["accuracy"].tolist() == [0.9, 0]
    assert scores["balanced_accuracy"][0] == 0.5
    assert scores["average_precision"][0] == pytest.approx(0.1)
    assert scores["f1"][0] == 0


def test_gathered_answers_are_those_of_all_batches() -> None:
    answers = some_answers(10)
    parts = list(zip(answers.probabilities.split(3), answers.labels.split(3), strict=True))
    gathered = gather(parts, 3)
    assert torch.equal(gathered.probabilities, answers.probabilities)
    assert torch.equal(gathered.labels, answers.labels)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (torch.rand(2, 3), torch.full((2, 3), 2), r"labels 1, -1 or 0, got 2"),
        (torch.rand(2, 4), torch.ones(2, 3), r"\(B, 3\), got \(2, 4\) and \(2, 3\)"),
        (torch.rand(1, 3), torch.ones(2, 3), r"\(B, 3\), got \(1, 3\) and \(2, 3\)"),
    ],
)
def test_answers_that_do_not_fit_are_named(
    probabilities: Tensor, labels: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        GatheredAnswers(3).update(probabilities, labels)


def four_answers() -> Answers:
    """Of Smiling, which is rare, and of an attribute that is not the paper's."""
    return Answers(
        torch.tensor([[0.9, 0.2], [0.2, 0.1], [0.8, 0.3], [0.3, 0.4]]),
        torch.tensor([[1, -1], [-1, -1], [-1, -1], [-1, 1]], dtype=torch.int8),
    )


def test_table_of_attributes_has_majority_and_means() -> None:
    names = ["Smiling", "Winking"]
    table = attributes_table(four_answers(), names, torch.tensor([0.3, 0.1]))
    assert table.columns[:4] == ["%", "positives", "majority class", "accuracy"]
    assert table.rows[0][:4] == ["Smiling", "25.0", "75.0", "75.0"]
    assert table.rows[2][:4] == ["mean", "25.0", "75.0", "75.0"]
    with pytest.raises(ValueError, match="names and rates of 2 attributes, got 1 and 2"):
        attributes_table(four_answers(), names[:1], torch.zeros(2))


def test_published_figures_stand_beside_ours_and_are_marked() -> None:
    rates = torch.tensor([0.3, 0.1])
    table = published_table(four_answers(), ["Smiling", "Winking"], rates, "celeba")
    assert table.columns == ["%", "ours", "majority class", *SYSTEMS]
    assert [list(row) for row in table.rows] == [
        ["Smiling", "75.0", "75.0", "89", "89", "92", "92", "88", "92"],
        ["mean", "75.0", "75.0", "89.0", "89.0", "92.0", "92.0", "88.0", "92.0"],
    ]
    assert "published" in table.title and "not measured here" in table.note
    with pytest.raises(ValueError, match="the paper's attributes, got Winking, Nodding"):
        published_table(four_answers(), ["Winking", "Nodding"], rates, "celeba")


def test_all_forty_attributes_have_the_printed_means_too() -> None:
    answers = some_answers(attributes=40)
    table = published_table(answers, CELEBA_ATTRIBUTES, torch.full((40,), 0.1), "lfwa")
    assert list(table.rows[-1]) == ["mean, as printed", "", "", "74", "71", "81", "76", "79", "84"]
    assert table.rows[-2][3:] == ["73.9", "71.8", "81.0", "76.2", "80.0", "83.8"]
    assert max(len(" ".join(row)) for row in table.rows) < 100  # all columns show in a log


def test_table_of_systems_ends_with_the_majority() -> None:
    answers = some_answers()
    table = systems_table({"ours": answers}, torch.tensor([0.1, 0.1, 0.1]))
    assert [row[0] for row in table.rows] == ["ours", "majority class"]
    assert table.rows[1][2] == "50.0"


@pytest.mark.parametrize("dataset", ["celeba", "lfwa"])
def test_published_columns_have_the_printed_means(dataset: str) -> None:
    columns = published_accuracies(dataset)  # type: ignore[arg-type]
    assert tuple(columns) == CELEBA_ATTRIBUTES
    means = np.mean(list(columns.values()), axis=0)
    printed = PRINTED_MEANS[dataset]  # type: ignore[index]
    assert len(printed) == len(SYSTEMS)
    assert np.abs(means - printed).max() < 1.1


def as_boxes(*boxes: list[float]) -> Tensor:
    return torch.tensor(boxes).view(-1, 4)


def results() -> LocalisationScores:
    """Two faces, one of them found (0.9) and found again (0.8), a background with a box (0.85)."""
    gathered = LocalisationResults()
    truth = as_boxes([0, 0, 10, 10], [20, 20, 30, 30])
    boxes = as_boxes([0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60])
    peak = torch.tensor([5.0, 5.0])
    gathered.update(boxes, torch.tensor([0.9, 0.8, 0.1]), truth, peak)
    gathered.update(as_boxes([0, 0, 5, 5]), torch.tensor([0.85]), as_boxes(), peak)
    gathered.update(as_boxes(), torch.zeros(0), truth[:1], torch.tensor([50.0, 5.0]))
    gathered.update(as_boxes([21, 20, 31, 30]), torch.tensor([0.2]), truth[1:], None)
    return gathered.compute()


def test_recall_is_read_against_false_alarms() -> None:
    scores = results()
    assert (scores.num_images, scores.num_faces) == (4, 4)
    assert scores.recall.tolist() == [0.25, 0.25, 0.25, 0.5, 0.5]
    assert scores.false_alarms.tolist() == [0, 0.25, 0.5, 0.5, 0.75]
    assert scores.recall_at(0.1) == 0.25
    assert scores.recall_at(0.5) == 0.5
    assert scores.hit_rate == 0.5
    assert scores.found == pytest.approx(2 / 3)
    assert scores.mean_iou == pytest.approx((0.9 + 0 + 90 / 110) / 3)


def test_nothing_at_all_gives_no_figures() -> None:
    gathered = LocalisationResults()
    gathered.update(as_boxes(), torch.zeros(0), as_boxes())
    scores = gathered.compute()
    assert np.isnan([scores.hit_rate, scores.found, scores.mean_iou, scores.recall_at(0.1)]).all()
    gathered.update(as_boxes(), torch.zeros(0), as_boxes([0, 0, 1, 1]))
    assert gathered.compute().recall_at(1.0) == 0
    with pytest.raises(ValueError, match=r"boxes \(N, 4\) of \(2, 4\), got \(1, 4\)"):
        gathered.update(as_boxes([0, 0, 1, 1]), torch.zeros(2), as_boxes())


def test_table_of_localisation_puts_systems_side_by_side() -> None:
    gathered = LocalisationResults()
    gathered.update(as_boxes(), torch.zeros(0), as_boxes())
    table = localisation_table({"ours": results(), "of nothing": gathered.compute()})
    assert table.rows[0] == ["ours", "0.500", "0.667", "0.573", "0.250", "0.250", "0.500"]
    assert table.rows[1] == ["of nothing", *["-"] * 6]
    assert table.note.startswith("4 images, 4 faces. ")


def test_centre_box_has_the_mean_sides_of_other_faces() -> None:
    truth = as_boxes([0.0, 0, 10, 20], [5, 5, 25, 35])
    assert centre_box(truth, (64, 100)).tolist() == [[42.5, 19.5, 57.5, 44.5]]


def grouped() -> tuple[Answers, list[str]]:
    """40 men, 30 of whom are bald and 20 of those recognised; 31 women, one of them bald."""
    male = torch.tensor([1] * 40 + [-1] * 31 + [0] * 5)
    bald = torch.tensor([1] * 30 + [-1] * 10 + [1] + [-1] * 30 + [1] * 5)
    said = torch.tensor([0.9] * 20 + [0.1] * 10 + [0.1] * 10 + [0.2] + [0.8] * 3 + [0.1] * 32)
    answers = Answers(torch.stack([said * 0, said], 1), torch.stack([male, bald], 1).to(torch.int8))
    return answers, ["Male", "Bald"]


def test_rates_of_groups_are_refused_below_thirty_examples() -> None:
    answers, names = grouped()
    men = group_rates(answers, answers.labels[:, 0] == 1)
    assert float(men.recall[1]) == pytest.approx(20 / 30)
    assert men.false_alarms[1].isnan()
    assert (men.num_positives.tolist(), men.num_negatives.tolist()) == ([40, 30], [0, 10])
    table = subgroup_table(answers, names, by="Male")
    assert [list(row) for row in table.rows] == [
        ["Bald", "66.7 (30)", "- (1)", "-", "- (10)", "10.0 (30)", "-"]
    ]
    assert "With Male: 40 images, without: 31" in table.note
    with pytest.raises(ValueError, match="attribute among Male, Bald, got 'Young'"):
        subgroup_table(answers, names, by="Young")


def test_groups_with_enough_examples_get_a_difference() -> None:
    labels = torch.tensor([[1, 1]] * 30 + [[1, -1]] * 30 + [[-1, 1]] * 30 + [[-1, -1]] * 30)
    said = torch.tensor([0.9] * 30 + [0.1] * 30 + [0.9] * 15 + [0.1] * 15 + [0.9] * 6 + [0.1] * 24)
    answers = Answers(torch.stack([said, said], 1), labels.to(torch.int8))
    table = subgroup_table(answers, ["Male", "Smiling"], by="Male")
    assert list(table.rows[0]) == [
        *["Smiling", "100.0 (30)", "50.0 (30)", "+50.0"],
        *["0.0 (30)", "20.0 (30)", "-20.0"],
    ]


def test_contradictions_are_found() -> None:
    names = ["No_Beard", "Goatee", "Black_Hair", "Blond_Hair", "Straight_Hair", "Wavy_Hair"]
    present = torch.tensor(
        [[1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]]
    ).bool()
    found = {rule: flags.tolist() for rule, flags in contradictions(present, names).items()}
    assert found == {
        "No_Beard with a beard, moustache or sideburns": [True, False, False, False],
        "two or more hair colours": [False, True, False, False],
        "Straight_Hair and Wavy_Hair": [False, False, True, False],
    }
    everything = contradictions(torch.zeros(2, 40).bool(), CELEBA_ATTRIBUTES)
    assert everything["no hair colour, neither Bald nor Wearing_Hat"].tolist() == [True, True]


def test_table_of_contradictions_stands_beside_the_labels() -> None:
    names = ["Straight_Hair", "Wavy_Hair"]
    labels = torch.tensor([[1, 1], [1, -1], [0, 1], [-1, -1]], dtype=torch.int8)
    answers = Answers(torch.tensor([[0.9, 0.9], [0.6, 0.5], [0.9, 0.1], [0.1, 0.1]]), labels)
    table = contradiction_table(answers, names)
    assert table is not None
    assert list(table.rows[0]) == ["Straight_Hair and Wavy_Hair", "50.00", "33.33"]
    assert contradiction_table(answers, ["Smiling", "Young"]) is None


def data_of(kind: str, tmp_path: Path, groups: Sequence[str] = ()) -> FaceData:
    """A data set of 200 listed images, none of which is there: labels are all it is asked."""
    folder = tmp_path / kind
    names = np.array([f"{number:06d}.jpg" for number in range(200)]).astype("S")
    labels = some_answers(attributes=len(GROUPED)).labels.numpy()
    parts = np.ones((200, 1), int)
    for below in ("Anno", "Eval", "Img/img_align_celeba"):
        (folder / below).mkdir(parents=True)
    write_table(folder / "Anno/list_attr_celeba.txt", names, np.where(labels, labels, 1), GROUPED)
    write_table(folder / "Eval/list_eval_partition.txt", names, parts)
    common: dict[str, Any] = {
        **{"root": str(tmp_path / "data"), "folder": str(folder), "attributes": list(GROUPED)},
        **{"region": "whole", "context": 1.0, "size": (64, 64), "eval_size": None},
        **{"scale": (1, 1), "jitter": 0, "num_train": None, "batch_size": 4, "eval_batch_size": 4},
        **{"epoch_size": None, "images_per_identity": None, "backgrounds": None},
        **{"num_workers": 0, "seed": 0, "groups": groups},
    }
    if kind == "celeba":
        return CelebaData(images="aligned", **common)
    recipe = {"side": 32, "people": [1, 1, 1], "images": 1, "close_ups": 0}
    recipe |= {"backgrounds": 2, "seed": 0}
    return PeopleData(render=recipe, sets=str(tmp_path / "sets"), **common)


GROUPED = ("Male", "Young", "Smiling", "Straight_Hair", "Wavy_Hair")


def test_data_decides_which_tables_a_test_prints(tmp_path: Path) -> None:
    answers = some_answers(attributes=len(GROUPED))
    systems = {"ANet": answers, "another": answers}
    tables = attribute_tables(systems, GROUPED, data_of("celeba", tmp_path, ["Male", "Young"]))
    assert [table.title for table in tables] == [
        *("Each attribute", "Attributes, means in %", "Beside the published accuracies"),
        *("By Male", "By Young", "Contradictions"),
    ]
    assert [row[0] for row in tables[1].rows] == ["ANet", "another", "majority class"]
    by_hair = data_of("celeba", tmp_path / "2", ["Wavy_Hair"])
    titles = [table.title for table in attribute_tables(systems, GROUPED, by_hair)]
    assert "By Wavy_Hair" in titles
    assert "By Male" not in titles
    with pytest.raises(InputError, match="got Hairy"):
        data_of("celeba", tmp_path / "3", ["Hairy"]).faces("test")
    assert published_dataset(data_of("people", tmp_path)) is None


def test_largest_gap_between_groups_of_people_is_named() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.where(torch.rand(400, 2, generator=generator) < 0.5, 1, -1).to(torch.int8)
    said = (labels.float() + 1) / 2
    is_dark = torch.arange(400) % 2 == 0
    said[is_dark, 1] = 1 - said[is_dark, 1]  # always wrong
    groups = {"dark skin": is_dark, "light skin": ~is_dark}
    table = people_table(Answers(said, labels), ["Smiling", "Male"], groups)
    assert table.rows == [
        ["dark skin", "200", "50.0", "50.0"],
        ["light skin", "200", "100.0", "100.0"],
    ]
    assert "Male, 100.0 points between light skin and dark skin" in table.note
    few = people_table(Answers(said[:40], labels[:40]), ["Smiling", "Male"],
                       {name: members[:40] for name, members in groups.items()})  # fmt: skip
    assert "0 attributes" in few.note and "gap" not in few.note


def test_calibration_error_is_the_distance_of_probabilities_from_frequencies() -> None:
    labels = torch.tensor([[1], [1], [1], [-1], [0]], dtype=torch.int8)
    assert calibration_error(Answers(torch.full((5, 1), 0.75), labels)) == pytest.approx(0)
    assert calibration_error(Answers(torch.full((5, 1), 0.95), labels)) == pytest.approx(0.2)
