"""Categories, attributes, landmarks and boxes, counted by hand, and what mistakes would inflate."""

import pytest
import torch

from fashion.data.taxonomy import ABSENT, ATTRIBUTE_TYPES, OCCLUDED, SLOTS, TRUNCATED, VISIBLE
from fashion.evaluation.attributes import AttributePrecision, AttributeRecall, attribute_table
from fashion.evaluation.boxes import BoxResults, box_precision, box_table, match_boxes
from fashion.evaluation.categories import CategoryAccuracy, category_table
from fashion.evaluation.landmarks import (
    LandmarkErrors,
    LandmarkScores,
    curve_table,
    landmark_table,
    mean_landmarks,
    slot_table,
)

SCORES = torch.tensor([[0.9, 0.5, 0.1, 0.0], [0.1, 0.2, 0.3, 0.9], [0.4, 0.3, 0.2, 0.1]])


def test_category_is_looked_for_among_the_first_k_of_known_images() -> None:
    metric = CategoryAccuracy(4, ks=(1, 2, 3))
    metric.update(SCORES, torch.tensor([0, 2, -1]))  # right at once, second, not known
    metric.update(SCORES[2:], torch.tensor([3]))  # the last of four
    scores = metric.compute()
    assert scores.num_images == 3
    assert scores.accuracy == pytest.approx({1: 1 / 3, 2: 2 / 3, 3: 2 / 3})


def test_scores_that_are_no_numbers_are_refused() -> None:
    broken = torch.full((1, 4), torch.nan)  # topk would put NaN first, and every label be right
    with pytest.raises(ValueError, match="NaN"):
        CategoryAccuracy(4).update(broken, torch.tensor([2]))
    with pytest.raises(ValueError, match="NaN"):
        AttributeRecall([0] * 4, 1).update(broken, torch.ones(1, 4))
    with pytest.raises(ValueError, match=r"\[-1, 4\), got 4"):
        CategoryAccuracy(4).update(SCORES[:1], torch.tensor([4]))


def test_category_table_has_published_rows_marked() -> None:
    metric = CategoryAccuracy(4)
    metric.update(SCORES, torch.tensor([0, 1, 2]))
    table = category_table({"ours": metric.compute()}, published=True)
    rows = {row[0]: list(row[1:]) for row in table.rows}
    assert table.columns == ["", "top-1", "top-3", "top-5"]
    assert rows["ours"] == ["33.33", "100.00", "100.00"]
    assert rows["FashionNet (published)"] == ["", "82.58", "90.17"]
    assert "not measured here" in table.note


def recall_fixture() -> AttributeRecall:
    """Five attributes, of types 0 0 1 1 1, two images in two batches."""
    metric = AttributeRecall([0, 0, 1, 1, 1], 2, ks=(1, 2))
    scores = torch.tensor([[5.0, 1.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
    labels = torch.tensor([[1, -1, -1, 1, 1], [1, -1, -1, 1, 0]], dtype=torch.int8)
    metric.update(scores[:1], labels[:1])
    metric.update(scores[1:], labels[1:])
    return metric


def test_attribute_recall_is_micro_averaged_within_types_and_over_all() -> None:
    scores = recall_fixture().compute()
    assert scores.num_labels.tolist() == [2, 3, 5]
    # type 0: image 1 finds its one at once, image 2 second.
    # type 1: image 1 ranks 2 3 4, 3 and 4 are right; image 2 ranks 4 3 2, 3 is right, 4 not known.
    # all: image 1 ranks 0 2 and more, image 2 4 3 and more.
    assert scores.recall[1].tolist() == pytest.approx([1 / 2, 0, 1 / 5])
    assert scores.recall[2].tolist() == pytest.approx([1, 2 / 3, 2 / 5])


def test_averaging_the_best_attributes_would_inflate_recall() -> None:
    generator = torch.Generator().manual_seed(0)
    num, attributes = 400, 60
    rates = torch.logspace(-0.5, -2.5, attributes)  # a long tail
    labels = torch.where(torch.rand(num, attributes, generator=generator) < rates, 1, -1)
    scores = rates.log() + 0.4 * labels + 0.5 * torch.randn(num, attributes, generator=generator)
    metric = AttributeRecall([0] * attributes, 1, ks=(3,))
    metric.update(scores, labels)
    ours = float(metric.compute().recall[3][-1])

    first = torch.zeros(num, attributes).scatter_(1, scores.topk(3).indices, 1)
    present = labels == 1
    by_attribute = (first * present).sum(0) / present.sum(0).clamp_min(1)
    flattering = float(by_attribute.topk(10).values.mean())  # what is often printed in its place
    assert ours == pytest.approx(float((first * present).sum() / present.sum()))
    assert flattering > 1.4 * ours


def test_ranking_all_attributes_differs_from_ranking_within_a_type() -> None:
    metric = AttributeRecall([0, 0, 0, 1], 2, ks=(1,))
    metric.update(torch.tensor([[3.0, 2.0, 1.0, 0.0]]), torch.tensor([[1, -1, -1, 1]]))
    assert metric.compute().recall[1].tolist() == [1, 1, 0.5]  # last of all, first of its type


def test_attribute_precision_leaves_out_what_is_not_known() -> None:
    metric = AttributePrecision(3)
    metric.update(
        torch.tensor([[0.9, 0.1, 0.1], [0.8, 0.2, 0.2], [0.1, 0.3, 0.3]]),
        torch.tensor([[0, 1, -1], [1, -1, -1], [-1, -1, 0]], dtype=torch.int8),
    )
    precision = metric.compute()
    assert precision[:2].tolist() == pytest.approx([1, 1 / 3])
    assert precision[2].isnan()  # no positive: nothing to be precise about
    assert float(precision.nanmean()) == pytest.approx(2 / 3)


def test_attribute_table_has_a_column_for_each_type_and_published_rows() -> None:
    metric = AttributeRecall(range(5), 5)
    metric.update(torch.arange(5.0)[None], torch.tensor([[1, -1, -1, 1, -1]]))
    scores = {"ours": metric.compute()}
    table = attribute_table(
        scores, ATTRIBUTE_TYPES, {"ours": torch.tensor([0.5, torch.nan])}, published=True
    )
    assert table.columns == ["top-3/top-5", *ATTRIBUTE_TYPES, "all", "mAP"]
    assert table.rows[0] == [
        *("ours", "100.00/100.00", "-/-", "-/-", "100.00/100.00", "-/-", "50.00/100.00", "50.00")
    ]
    fashionnet = next(row for row in table.rows if row[0] == "FashionNet (published)")
    assert fashionnet[1:] == [
        *("37.46/49.52", "39.30/49.84", "39.47/48.59", "44.13/54.02", "66.43/73.16"),
        *("45.52/54.61", ""),
    ]
    with pytest.raises(ValueError, match="texture"):
        attribute_table(scores, list("abcde"), published=True)


def landmark_fixture() -> LandmarkScores:
    """Two images: errors .05 and .1 where visible; far off where nothing can be seen."""
    truth = torch.zeros(2, 8, 2)
    answers = torch.full((2, 8, 2), 0.9)
    answers[0, 0] = torch.tensor([0.03, 0.04])
    answers[1, 7] = torch.tensor([0.06, 0.08])
    states = torch.full((2, 8), ABSENT)
    states[0, :3] = torch.tensor([VISIBLE, OCCLUDED, TRUNCATED])
    states[1, 7] = VISIBLE
    metric = LandmarkErrors()
    for b in range(2):
        metric.update(answers[[b]], truth[[b]], states[[b]], torch.tensor([[1, 3][b]]))
    return metric.compute()


def test_landmark_error_is_a_mean_over_visible_ones_by_slot_and_variation() -> None:
    scores = landmark_fixture()
    assert scores.num_visible == 2
    assert scores.normalised_error() == pytest.approx(0.075)
    by_slot = scores.by_slot()
    assert float(by_slot[0]) == pytest.approx(0.05) and float(by_slot[7]) == pytest.approx(0.1)
    assert by_slot[1:7].isnan().all()
    assert scores.of_variation(1).normalised_error() == pytest.approx(0.05)
    assert scores.of_variation(2).normalised_error() != scores.of_variation(2).normalised_error()
    curve = scores.curve(torch.tensor([0.04, 0.06, 0.2]))
    assert curve.tolist() == [0, 0.5, 1]
    assert scores.detected(0.06) == 0.5


def test_counting_unseen_landmarks_as_found_would_flatter() -> None:
    generator = torch.Generator().manual_seed(0)
    states = torch.where(torch.rand(500, 8, generator=generator) < 0.7, VISIBLE, OCCLUDED)
    answers = 0.07 * torch.randn(500, 8, 2, generator=generator)
    metric = LandmarkErrors()
    metric.update(answers, torch.zeros(500, 8, 2), states)
    scores = metric.compute()
    masked = answers.norm(dim=-1) * (states == VISIBLE)  # zero error where nothing is visible
    ne, pdl = scores.normalised_error(), scores.detected(0.05)
    assert float(masked.mean()) == pytest.approx(0.7 * ne, rel=0.05)
    assert float((masked < 0.05).float().mean()) == pytest.approx(0.3 + 0.7 * pdl, rel=0.05)


def test_landmarks_that_are_no_numbers_are_refused() -> None:
    states = torch.full((1, 8), VISIBLE)
    with pytest.raises(ValueError, match="NaN"):
        LandmarkErrors().update(torch.full((1, 8, 2), torch.nan), torch.zeros(1, 8, 2), states)
    with pytest.raises(ValueError, match=r"\(B, 8, 2\)"):
        LandmarkErrors().update(torch.zeros(1, 6, 2), torch.zeros(1, 6, 2), states[:, :6])


def test_landmark_tables_show_what_occurs_and_published_errors() -> None:
    scores = landmark_fixture()
    table = landmark_table({"ours": scores}, published="FLD")
    assert table.columns == ["", "NE", "PDL at 0.1", "normal pose", "large pose"]
    assert table.rows[0][:2] == ["ours", "0.0750"]
    assert ["DFA (published)", "0.0680", "", "", ""] in table.rows
    slots = slot_table({"ours": scores}, published=True)
    assert slots.columns == ["", "ours", "FashionNet (published)"]
    assert slots.rows[0] == [SLOTS[0], "0.0500", "0.0854"] and slots.rows[1][1] == "-"
    assert curve_table({"ours": scores}, (0.06, 0.2)).rows == [["ours", "0.5000", "1.0000"]]


def test_mean_landmarks_leave_out_what_cannot_be_seen() -> None:
    landmarks = torch.zeros(3, 8, 2)
    landmarks[:2, 0] = torch.tensor([[0.2, 0.4], [0.4, 0.6]])
    states = torch.full((3, 8), TRUNCATED)
    states[:2, 0] = VISIBLE
    mean = mean_landmarks(landmarks, states)
    assert mean[0].tolist() == pytest.approx([0.3, 0.5])
    assert (mean[1:] == 0.5).all()


def test_second_box_of_a_garment_is_a_false_alarm() -> None:
    overlap = torch.tensor([[0.9, 0.0], [0.8, 0.55], [0.1, 0.6], [0.2, 0.49]])
    assert match_boxes(overlap).tolist() == [True, False, True, False]
    assert match_boxes(torch.zeros(2, 0)).tolist() == [False, False]


def test_box_precision_by_hand() -> None:
    # precision at the hits: 1, 2/3; the third garment is never found
    hits = torch.tensor([True, False, True])
    expected = (1 + 2 / 3) / 3
    assert box_precision(torch.tensor([0.9, 0.8, 0.7]), hits, 3) == pytest.approx(expected)
    # monotone: a false alarm before a hit costs no more than the best precision after it
    assert box_precision(torch.tensor([0.9, 0.8, 0.7]), hits.roll(-1), 2) == pytest.approx(2 / 3)
    # equal scores are one step, in whatever order they come
    for order in ([0, 1], [1, 0]):
        flags = torch.tensor([True, False])[order]
        assert box_precision(torch.ones(2), flags, 1) == 0.5


def test_boxes_count_by_type_beside_the_whole_image() -> None:
    ours, whole = BoxResults(3), BoxResults(3)
    truth = torch.tensor([[10.0, 10.0, 50.0, 90.0]])
    frame, anything, certain = torch.tensor([[0.0, 0.0, 100.0, 100.0]]), [-1], torch.ones(1)
    for true_type, said in ((0, 0), (1, 0)):  # the second garment is taken for another type
        true_types = torch.tensor([true_type])
        ours.update(truth, certain, torch.tensor([said]), truth, true_types)
        whole.update(frame, certain, torch.tensor(anything), truth, true_types)
    ours.update(truth[:0], certain[:0], torch.zeros(0), truth, torch.tensor([0]))  # finds nothing
    scores = ours.compute()
    assert scores.num_garments.tolist() == [2, 1, 0]
    assert scores.precision[:2].tolist() == [0.25, 0] and scores.precision[2].isnan()
    assert scores.mean_iou == pytest.approx(2 / 3)
    assert whole.compute().mean_iou == pytest.approx(0.32)
    table = box_table({"ours": scores, "whole image": whole.compute()}, ("upper", "lower", "full"))
    assert table.rows[0] == ["ours", "0.250", "0.000", "-", "0.125", "0.252", "0.667"]
    assert table.rows[1][0] == "whole image" and "2 upper, 1 lower, 0 full" in table.note
