"""Localisation: windows, scores, peaks, threshold, crops, and the cascade on maps made by hand."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor, nn

from face_attributes.boxes import box_iou, contains, enlarge_boxes
from face_attributes.data.framing import PADDING, cut_out
from face_attributes.localize import Localizer, WindowRule, crop_regions, fit_threshold
from face_attributes.localize.crops import to_image
from face_attributes.localize.peaks import density_peaks
from face_attributes.localize.scores import score_windows
from face_attributes.localize.windows import component_windows, dense_windows
from face_attributes.models import LNet, ResponseGrid


class ColourTrunk(nn.Module):
    """Answers to a colour, by cells of 4 pixels: what a trained trunk does, without the training.

    Args:
        weights: of red, green and blue.
    """

    channels = 1
    smallest = 4
    input_size = 64

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.grid = ResponseGrid(4, 2)
        self.register_buffer("weights", torch.tensor(weights).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return F.avg_pool2d((image * self.weights).sum(1, keepdim=True), 4)


def lnet(*weights: float) -> LNet:
    return LNet(ColourTrunk(*weights), 1).eval()


def scene(*boxes: list[int], size: tuple[int, int] = (64, 64), colour: int = 0) -> Tensor:
    """Dark noise with bright boxes of a colour."""
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0)) * 0.1
    for left, top, right, bottom in boxes:
        image[colour, top:bottom, left:right] = 1
    return image


def as_boxes(*boxes: list[int]) -> Tensor:
    return torch.tensor(boxes, dtype=torch.float)


@pytest.mark.parametrize("box", [[3, 5, 27, 35], [36, 30, 60, 62], [20, 2, 45, 33]])
@pytest.mark.parametrize("size", [(64, 64), (64, 100)])
def test_one_face_is_found_where_it_is(box: list[int], size: tuple[int, int]) -> None:
    found = Localizer(lnet(1, 0, 0))(scene(box, size=size))
    assert found.boxes.shape == (1, 4)
    assert found.scores.shape == (1,)
    assert found.response.shape == size
    assert box_iou(found.boxes, as_boxes(box)) > 0.75
    assert contains(as_boxes(box), found.peak[None]).all()
    assert torch.equal(found.regions, found.boxes)


def test_several_faces_are_told_apart() -> None:
    boxes = [[2, 4, 26, 34], [34, 6, 58, 36], [70, 30, 94, 62]]
    found = Localizer(lnet(1, 0, 0))(scene(*boxes, size=(64, 96)))
    assert len(found.boxes) == 3
    assert (box_iou(found.boxes, as_boxes(*boxes)).amax(0) > 0.7).all()
    assert (found.scores.diff() <= 0).all()


def test_faces_side_by_side_are_not_taken_for_one() -> None:
    boxes = [[6, 10, 28, 40], [30, 10, 52, 40]]  # what holds them both stands out most
    image = scene(*boxes)
    image[0, 20:28, 12:20] += 0.1
    image[0, 20:28, 36:44] += 0.1
    found = Localizer(lnet(1, 0, 0))(image)
    assert len(found.boxes) == 2
    assert (box_iou(found.boxes, as_boxes(*boxes)).amax(0) > 0.6).all()


def test_face_with_two_bright_spots_is_one() -> None:
    image = scene([8, 4, 46, 58]) * 0.4
    image[0, 8:20, 20:32] = 0.95
    image[0, 16:20, 20:32] = 1  # its best window is small, and inside of
    image[0, 36:48, 20:32] = 0.6  # this one's, the whole face
    assert len(density_peaks(lnet(1, 0, 0).response(image[None])[0]).cells) == 2
    assert len(Localizer(lnet(1, 0, 0))(image).boxes) == 1


def test_region_is_shown_with_its_surroundings() -> None:
    localizer = Localizer(lnet(1, 0, 0), enlarge=1.5)
    pictures, cut = localizer.region_pictures(torch.rand(3, 90, 90), as_boxes([40, 30, 60, 60]), 32)
    assert pictures.shape == (1, 3, 32, 32)
    assert cut.tolist() == [[28, 22, 73, 67]]


def test_no_face_is_an_answer() -> None:
    faces = torch.stack([scene([i, 5, i + 24, 35]) for i in range(0, 40, 5)])
    backgrounds = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 0.3
    plain = Localizer(lnet(1, 0, 0))
    threshold = fit_threshold(plain.best_regions(faces)[1], plain.best_regions(backgrounds)[1])
    assert (threshold.error, threshold.auc) == (0, 1)
    localizer = Localizer(lnet(1, 0, 0), lnet(1, 0, 0), threshold.threshold)
    assert all(len(localizer(image).boxes) == 1 for image in faces)
    for image in [*backgrounds, torch.zeros(3, 64, 64)]:
        found = localizer(image)
        assert found.boxes.shape == found.regions.shape == (0, 4)
        assert found.scores.shape == (0,)
        assert found.response.shape == (64, 64)


def test_best_regions_are_the_best_of_what_is_found() -> None:
    images = torch.stack([scene([5, 5, 29, 35]), scene([30, 20, 56, 60])])
    localizer = Localizer(lnet(1, 0, 0))
    boxes, scores = localizer.best_regions(images)
    for image, box, score in zip(images, boxes, scores, strict=True):
        found = localizer(image)
        assert torch.equal(found.boxes[0], box)
        assert found.scores[0] == score


def test_second_network_stays_at_the_face_that_the_first_has_found() -> None:
    image = scene([0, 0, 20, 24])
    found = Localizer(lnet(1, 0, 0), lnet(0, 0, 1))(image)  # only the padding outside is blue
    middle = (found.regions[:, :2] + found.regions[:, 2:]) / 2
    assert contains(found.boxes, middle).all()


def test_cascade_goes_from_head_and_shoulders_to_the_face() -> None:
    head, face = [20, 10, 60, 60], [30, 14, 50, 40]
    image = scene(head, size=(80, 80), colour=2)  # LNet_o answers to blue, LNet_s to red
    image[0, face[1] : face[3], face[0] : face[2]] = 1
    found = Localizer(lnet(0, 0, 1), lnet(1, 0, 0))(image)
    assert len(found.boxes) == 1
    assert box_iou(found.regions, as_boxes(head)) > 0.75
    assert box_iou(found.boxes, as_boxes(face)) > 0.75
    assert box_iou(found.boxes, as_boxes(head)) < 0.5


@pytest.mark.parametrize("stages", [1, 2])
def test_boxes_are_in_pixels_of_the_image_whatever_is_looked_at(stages: int) -> None:
    box = [60, 40, 132, 130]
    image = scene(box, size=(192, 256))
    localizer = Localizer(lnet(1, 0, 0), lnet(1, 0, 0) if stages == 2 else None, image_side=64)
    found = localizer(image)
    assert box_iou(found.boxes, as_boxes(box)) > 0.75
    assert found.response.shape == (192, 256)
    assert contains(as_boxes(box), found.peak[None]).all()
    assert box_iou(localizer.best_regions(image[None])[0], as_boxes(box)) > 0.75


def test_papers_score_prefers_the_smallest_window_and_contrast_does_not() -> None:
    box = [10, 14, 42, 54]
    ramp = scene(box)
    ramp[0] *= 0.9 + 0.1 * torch.linspace(0, 1, 64)  # as any map, not quite flat
    found = Localizer(lnet(1, 0, 0), score="mean")(ramp)
    assert box_iou(found.boxes[:1], as_boxes(box)) < 0.3
    assert box_iou(Localizer(lnet(1, 0, 0))(ramp).boxes[:1], as_boxes(box)) > 0.75


@settings(max_examples=40, deadline=None)
@given(data=st.data(), size=st.tuples(st.integers(2, 14), st.integers(2, 14)))
def test_window_scores_equal_sums_by_hand(data: st.DataObject, size: tuple[int, int]) -> None:
    margin = data.draw(st.sampled_from([0.25, 0.5]))
    height, width = size
    left = data.draw(st.integers(0, width - 1))
    top = data.draw(st.integers(0, height - 1))
    right = data.draw(st.integers(left + 1, width))
    bottom = data.draw(st.integers(top + 1, height))
    response = torch.rand(size, dtype=torch.double)
    inside = torch.zeros(size).bool()
    inside[top:bottom, left:right] = True
    dx, dy = (max(1, round((b - a) * margin)) for a, b in ((left, right), (top, bottom)))
    ring = torch.zeros(size).bool()
    ring[max(0, top - dy) : bottom + dy, max(0, left - dx) : right + dx] = True
    ring &= ~inside
    mean = response[inside].mean()
    contrast = mean - response[ring].mean() if ring.any() else torch.zeros(())
    windows = torch.tensor([[left, top, right, bottom]])
    scores = [score_windows(n, response, windows, margin)[0] for n in ("mean", "contrast")]
    torch.testing.assert_close(scores, [mean, contrast.double()])


def test_dense_windows_lie_inside_and_reach_the_borders() -> None:
    rule = WindowRule(smallest=0.3, largest=0.9, aspects=(0.8,))
    windows = dense_windows((40, 60), rule)
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2:] <= torch.tensor([60, 40])).all()
    heights = (windows[:, 3] - windows[:, 1]).unique().tolist()
    assert heights == [round(tall) for tall in rule.heights(40)] == [12, 14, 17, 20, 24, 29, 34]
    for tall in heights:
        placed = windows[windows[:, 3] - windows[:, 1] == tall]
        assert (placed.amin(0)[:2].tolist(), placed.amax(0)[2:].tolist()) == ([0, 0], [60, 40])
        assert len(placed) == len(placed.unique(dim=0))
    assert len(dense_windows((40, 3), WindowRule(smallest=2, largest=2))) == 0


def test_components_are_boxes_around_what_is_above_a_level() -> None:
    response = torch.zeros(20, 30)
    response[2:6, 3:9] = 1
    response[10:18, 12:25] = 0.5
    found = component_windows(response, (0.4, 0.7)).tolist()
    assert sorted(found) == [[3, 2, 9, 6], [3, 2, 9, 6], [12, 10, 25, 18]]
    assert component_windows(torch.ones(4, 4), (0.5,)).shape == (0, 4)


def peaks_by_loop(response: Tensor, density: float, distance: float) -> set[tuple[int, int]]:
    height, width = response.shape
    cells = [(x, y) for y in range(height) for x in range(width)]
    low, high = float(response.min()), float(response.max())
    rho = {(x, y): (float(response[y, x]) - low) / (high - low) for x, y in cells}
    found = set()
    for x, y in cells:
        denser = [((x - a) ** 2 + (y - b) ** 2) ** 0.5 for a, b in cells if rho[a, b] > rho[x, y]]
        sigma = min(denser, default=max(height, width))
        if rho[x, y] >= density and sigma >= distance * min(height, width):
            found.add((x, y))
    return found


@settings(max_examples=25, deadline=None)
@given(size=st.tuples(st.integers(2, 9), st.integers(2, 9)), seed=st.integers(0, 100))
def test_peaks_equal_those_of_a_loop(size: tuple[int, int], seed: int) -> None:
    response = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    peaks = density_peaks(response, min_density=0.3, min_distance=0.2)
    assert {(x, y) for x, y in peaks.cells.tolist()} == peaks_by_loop(response, 0.3, 0.2)
    assert (peaks.extremity.diff() <= 0).all()
    # no cell is denser, so that it has the widest gap; a wide gap may rank another one first
    assert response[peaks.cells[:, 1], peaks.cells[:, 0]].max() == response.max()


def test_plateau_and_flat_map_have_one_peak() -> None:
    assert density_peaks(torch.zeros(5, 6)).cells.tolist() == [[0, 0]]
    plateau = torch.zeros(9, 9)
    plateau[3:6, 2:5] = 1
    assert density_peaks(plateau).cells.tolist() == [[2, 3]]
    with pytest.raises(ValueError, match=r"response \(h, w\), both > 0, got \(0, 4\)"):
        density_peaks(torch.zeros(0, 4))


@settings(max_examples=50, deadline=None)
@given(
    faces=st.lists(st.integers(0, 9), min_size=1, max_size=8),
    backgrounds=st.lists(st.integers(0, 9), min_size=1, max_size=8),
)
def test_threshold_has_the_least_error_of_all(faces: list[int], backgrounds: list[int]) -> None:
    one, other = torch.tensor(faces).double(), torch.tensor(backgrounds).double()
    decision = fit_threshold(one, other)

    def error(threshold: float) -> float:
        missed = sum(f < threshold for f in faces) / len(faces)
        raised = sum(b >= threshold for b in backgrounds) / len(backgrounds)
        return (missed + raised) / 2

    assert decision.error == pytest.approx(error(decision.threshold))
    others = [-0.5, *sorted({*faces, *backgrounds})]  # all below, and between any two
    assert decision.error <= min(error(t) for t in others) + 1e-9
    pairs = [(f > b) + 0.5 * (f == b) for f in faces for b in backgrounds]
    assert decision.auc == pytest.approx(sum(pairs) / len(pairs))


def test_threshold_is_in_the_middle_of_the_gap() -> None:
    decision = fit_threshold(torch.tensor([5.0, 6]), torch.tensor([1.0, 2]))
    assert decision == (3.5, 0, 1)
    # between 1 and 3, and between 9 and 10, a quarter is wrong; the first gap is wider
    assert fit_threshold(torch.tensor([3.0, 10]), torch.tensor([1.0, 9])).threshold == 2
    with pytest.raises(ValueError, match="finite scores of backgrounds, at least one"):
        fit_threshold(torch.ones(2), torch.ones(0))
    with pytest.raises(ValueError, match="finite scores of faces"):
        fit_threshold(torch.tensor([1, torch.nan]), torch.ones(2))


@pytest.mark.parametrize(
    "region", [[10, 6, 30, 40], [-6.4, -3.2, 20, 25], [40.3, 30, 55.1, 61.8], [20, 20, 26, 24]]
)
@pytest.mark.parametrize("size", [(32, 32), (40, 24)])
def test_crops_are_those_of_the_data(region: list[float], size: tuple[int, int]) -> None:
    picture = (F.interpolate(torch.rand(1, 3, 7, 8), (60, 50), mode="bicubic") * 255).clamp(0, 255)
    pixels = picture[0].permute(1, 2, 0).byte().numpy()
    expected, cut = cut_out(pixels, np.array(region, np.float32), size)
    image = torch.from_numpy(pixels).permute(2, 0, 1) / 255
    pictures, boxes = crop_regions(image, torch.tensor([region]), size)
    assert boxes.tolist() == [list(map(float, cut.box))]
    difference = pictures[0] - torch.from_numpy(expected).permute(2, 0, 1) / 255
    assert difference.abs().mean() < 0.01
    whole = torch.tensor([[0.0, 0, size[1], size[0]]])
    torch.testing.assert_close(to_image(whole, boxes, size), boxes)


def test_crops_are_padded_to_the_pixel_and_averaged_where_they_shrink() -> None:
    image = torch.rand(3, 60, 50, generator=torch.Generator().manual_seed(0))
    (picture,), _ = crop_regions(image, torch.tensor([[0.0, -2, 8, 6]]), (8, 8))
    padding = torch.tensor(PADDING)[:, None, None] / 255
    assert torch.equal(picture[:, 2:], image[:, :6, :8])
    assert torch.equal(picture[:, :2], padding.expand(3, 2, 8))
    _, cut = crop_regions(image, torch.tensor([[5.1, 5.2, 5.6, 5.9]]), (4, 4))
    assert cut.tolist() == [[5, 5, 6, 6]]  # a pixel at least
    lines = (torch.arange(50) % 4 == 0).float().expand(3, 60, 50)
    (picture,), _ = crop_regions(lines, torch.tensor([[0.0, 0, 48, 48]]), (12, 12))
    assert (picture[..., 1:-1] - 0.25).abs().max() < 0.1


def test_no_region_gives_no_crop() -> None:
    pictures, cut = crop_regions(torch.rand(3, 9, 9), torch.zeros(0, 4), (8, 6))
    assert (pictures.shape, cut.shape) == ((0, 3, 8, 6), (0, 4))


def test_enlarged_box_keeps_its_centre() -> None:
    assert enlarge_boxes(torch.tensor([[10.0, 20, 30, 60]]), 1.5).tolist() == [[5, 10, 35, 70]]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"image \(3, H, W\), got \(1, 3, 8, 8\)"):
        Localizer(lnet(1, 0, 0))(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"score among contrast, mean, got 'sum'"):
        Localizer(lnet(1, 0, 0), score="sum")(torch.rand(3, 8, 8))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"0 < smallest <= largest"):
        WindowRule(smallest=0.9, largest=0.5)
    with pytest.raises(ValueError, match=r"a margin above 0"):
        WindowRule(margin=0)
    with pytest.raises(ValueError, match=r"levels in \(0, 1\)"):
        WindowRule(levels=(1.0,))
    with pytest.raises(ValueError, match=r"finite regions with an area"):
        crop_regions(torch.rand(3, 9, 9), torch.tensor([[4.0, 4, 4, 8]]), (8, 8))
    with pytest.raises(ValueError, match=r"regions \(N, 4\), got \(3, 9, 9\) and \(4,\)"):
        crop_regions(torch.rand(3, 9, 9), torch.zeros(4), (8, 8))
