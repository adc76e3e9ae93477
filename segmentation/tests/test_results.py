"""What a test measures, against counting by hand."""

import math

import pytest
import torch
from torch import Tensor

from segmentation.data.labels import with_voc_colours
from segmentation.evaluation.boundaries import boundary_counts, boundary_f, trimap
from segmentation.evaluation.comparison import OURS, Comparison
from segmentation.evaluation.cost import cascade_macs, count_macs, stage_macs
from segmentation.evaluation.objects import class_boxes
from segmentation.evaluation.results import MEASURES, Results, class_iou
from segmentation.models.cascade import LayerCascade
from segmentation.models.local_convolution import LocalConvolution
from segmentation.models.trunk import SmallTrunk
from vision_shared.boxes import paired_iou

IMAGE = torch.zeros(1, 3, 64, 96)
CLASSES = with_voc_colours(("ground", "one", "two"))


def square(top: int, left: int, side: int, number: int = 1, size: int = 40) -> Tensor:
    ids = torch.zeros(1, size, size, dtype=torch.long)
    ids[:, top : top + side, left : left + side] = number
    return ids


def measure(*batches: tuple[Tensor, Tensor]) -> dict[str, float]:
    results = Results(CLASSES)
    for labels, truth in batches:
        results.update(labels, truth)
    return {name: float(value) for name, value in results.means().items()}


def test_right_everywhere_is_one_everywhere() -> None:
    truth = square(5, 5, 10) + square(20, 20, 12, 2)
    figures = measure((truth, truth))
    assert figures == pytest.approx(dict.fromkeys(MEASURES, 1.0))


def test_iou_is_counted_over_all_images() -> None:
    """Two images: of class 1, 100 and 0 pixels true, 50 and 50 predicted, 50 right."""
    half = square(5, 5, 10)
    half[:, 10:] = 0
    other = torch.zeros_like(half)
    other[:, :5, :10] = 1
    results = Results(CLASSES)
    results.update(half, square(5, 5, 10))
    results.update(other, torch.zeros_like(half))
    iou = results.class_iou()
    assert iou[0] == pytest.approx((3200 - 100 - 50) / (3200 - 100 + 50))
    assert iou[1] == pytest.approx(50 / 150)
    assert iou[2].isnan()
    assert results.mean_iou() == pytest.approx(iou[:2].mean())


def test_unlabelled_pixels_count_nowhere() -> None:
    truth = square(5, 5, 10)
    labels = truth.clone()
    unknown = truth.clone()
    unknown[:, :, 30:] = 255
    labels[:, 12:20, 34:] = 2  # wrong, but nobody knows
    assert measure((labels, unknown)) == pytest.approx(dict.fromkeys(MEASURES, 1.0))


def test_boundaries_are_matched_within_the_tolerance() -> None:
    truth, moved = square(10, 10, 10), square(10, 12, 10)
    exact, near = (boundary_f(boundary_counts(moved, truth, 3, t))[0] for t in (1, 2))
    assert near[1] == 1.0
    assert 0 < exact[1] < 1
    assert near[2].isnan()


def test_an_unlabelled_rim_bounds_an_object() -> None:
    truth, labels = square(10, 10, 10), square(11, 11, 8)
    truth[:, 9:21, 9:21][truth[:, 9:21, 9:21] == 0] = 255
    scores = boundary_f(boundary_counts(labels, truth, 3, 2))[0]
    assert scores[:2].tolist() == [1.0, 1.0]


def test_boundary_counts_are_those_of_a_loop() -> None:
    torch.manual_seed(0)
    labels, truth = (torch.randint(0, 3, (1, 9, 11)).clamp_max(2) for _ in range(2))
    truth[0, :4, :5] = 255
    counts = boundary_counts(labels, truth, 3, 1)[0]

    def window(ids: Tensor, y: int, x: int, r: int) -> Tensor:
        return ids[0, max(y - r, 0) : y + r + 1, max(x - r, 0) : x + r + 1]

    def edges(ids: Tensor, number: int) -> set[tuple[int, int]]:
        found = set()
        for y in range(9):
            for x in range(11):
                beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
                inside = [(j, i) for j, i in beside if 0 <= j < 9 and 0 <= i < 11]
                if ids[0, y, x] != number:
                    continue
                unknown = window(truth, y, x, 1) == 255
                others = (window(ids, y, x, 2) != number) & (window(ids, y, x, 2) != 255)
                if (ids is labels and unknown.all()) or not others.any():
                    continue
                if any(ids[0, j, i] != ids[0, y, x] for j, i in inside):
                    found.add((y, x))
        return found

    def near(one: set, other: set) -> int:
        return sum(any(max(abs(y - j), abs(x - i)) <= 1 for j, i in other) for y, x in one)

    for number in range(3):
        predicted, true = edges(labels, number), edges(truth, number)
        expected = [len(predicted), near(predicted, true), len(true), near(true, predicted)]
        assert counts[number].tolist() == expected


def test_trimap_is_a_band_around_borders() -> None:
    band = trimap(square(10, 10, 20), 3)[0]
    assert band[20, 7:13].all() and not band[20, 6] and not band[20, 13]


def test_objects_are_named_and_found() -> None:
    """Two true objects, one found half, one missed; a third tag is made up."""
    truth = square(0, 0, 10) + square(20, 20, 10, 2)
    labels = square(0, 0, 10)
    labels[:, :, 5:10] = 0
    figures = measure((labels, truth))
    assert figures["tagging"] == pytest.approx(1 / 2)
    assert figures["localisation"] == pytest.approx((0.5 + 0) / 2)
    assert math.isnan(figures["boundary_accuracy"])  # an IoU of 0.5 is not found


def test_boxes_hold_all_of_a_class() -> None:
    ids = square(3, 5, 4) + square(20, 30, 2)
    boxes = class_boxes(ids, 3)[0]
    assert boxes[1].tolist() == [5, 3, 32, 22]
    assert paired_iou(boxes[1], torch.tensor([5, 3, 32, 22])) == 1
    assert paired_iou(boxes[2], boxes[1]) == 0
    assert boxes[2].tolist() == [40, 40, 0, 0]  # of a class that is not there
    assert paired_iou(boxes[2], boxes[2]) == 0
    pixel = torch.tensor([4, 4, 5, 5])
    assert paired_iou(pixel, pixel) == 1


def test_iou_counts_what_is_missed_and_what_is_made_up() -> None:
    iou = class_iou(torch.tensor([[3, 1, 0], [0, 0, 0], [0, 0, 1]]))
    assert iou.tolist() == [0.75, 0.0, 1.0]
    assert class_iou(torch.zeros(1, 1)).isnan().all()
    assert measure((torch.zeros(1, 1, 1).long(),) * 2)["pixel_accuracy"] == 1


def test_only_what_lies_near_a_border_counts_in_the_trimap() -> None:
    truth = square(10, 10, 20)
    inside, at_border = truth.clone(), truth.clone()
    inside[:, 18:22, 18:22] = 0
    at_border[:, 10:12] = 0
    far, near = measure((inside, truth)), measure((at_border, truth))
    assert far["trimap_iou"] == 1 > far["miou"]
    assert near["trimap_iou"] < near["miou"] < 1


@pytest.mark.parametrize(("shape", "tolerance"), [((600, 24), 5), ((24, 600), 5), ((40, 40), 2)])
def test_boundaries_may_lie_off_by_a_share_of_the_diagonal(
    shape: tuple[int, int], tolerance: int
) -> None:
    truth = torch.zeros(1, *shape, dtype=torch.long)
    truth[:, 4:10, 4:10] = 1
    scores = [
        measure((truth.roll(shift, 2), truth))["boundary_f"] for shift in (tolerance, tolerance + 1)
    ]
    assert scores[0] == 1 > scores[1]


def test_a_wide_unlabelled_area_bounds_nothing() -> None:
    for rim, is_bounded in ((3, True), (4, False)):
        truth = square(10 - rim, 10 - rim, 10 + 2 * rim, number=255)
        truth[:, 10:20, 10:20] = 1
        assert bool(boundary_counts(truth, truth, 2, 2)[0, 1, 2] > 0) == is_bounded


def test_boundary_f_is_the_harmonic_mean_of_precision_and_recall() -> None:
    counts = torch.tensor([[1, 1, 1, 1], [10, 1, 10, 1], [4, 1, 2, 2], [5, 0, 0, 0]])
    scores = boundary_f(counts.float())
    assert scores[:3].tolist() == pytest.approx([1, 0.1, 2 * 0.25 / 1.25])
    assert scores[3].isnan()


def test_results_begin_anew_after_a_reset() -> None:
    results = Results(CLASSES)
    results.update(square(0, 0, 10), square(20, 20, 10, 2))
    results.reset()
    results.update(square(5, 5, 10), square(5, 5, 10))
    assert float(results.mean_iou()) == 1 and float(results.means()["tagging"]) == 1


def test_macs_of_the_stages_are_those_of_the_network() -> None:
    network, image = LayerCascade(SmallTrunk(16, (1, 1, 1)), 3, head_width=8).eval(), IMAGE
    stages = stage_macs(network, image)
    heads = [count_macs(head, torch.zeros(1, 16, 8, 12)) for head in network.heads[:2]]
    assert sum(stages) == pytest.approx(count_macs(network, image) + sum(heads))
    assert cascade_macs(stages, torch.ones(3)) == pytest.approx(sum(stages))
    assert cascade_macs(stages, torch.tensor([1.0, 0.0, 0.0])) == pytest.approx(stages[0])


def test_macs_of_a_convolution_are_counted() -> None:
    conv = torch.nn.Conv2d(3, 5, 3, stride=2, padding=1)
    assert count_macs(conv, IMAGE) == 3 * 5 * 9 * 32 * 48


def test_mean_is_over_two_classes_or_more_and_absent_ones_are_named() -> None:
    """Of a truth that is all ground, and an answer that is, too, nothing was told apart."""
    nothing = torch.zeros(1, 8, 8, dtype=torch.long)
    comparison = Comparison(CLASSES)
    comparison.update({OURS: nothing}, nothing)
    assert comparison.means()["miou"].isnan()
    systems, classes = comparison.tables()
    assert systems.rows[0] == ["mIoU, %", "-", "-"]
    assert systems.note.endswith("; mIoU without one, two: no pixel in the truth")
    assert [row[1] for row in classes.rows] == ["100.0", "-", "-", "-"]


def test_macs_of_a_local_convolution_are_of_its_window() -> None:
    layer = LocalConvolution(5)
    values, image = torch.rand(1, 4, 8, 9), torch.rand(1, 3, 8, 9)
    assert count_macs(lambda x: layer(values, x), image) == 8 * 9 * 25 * (3 + 4)
