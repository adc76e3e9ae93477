"""The detector: learns where rectangles are, boxes in the pixels of any image, bad boxes."""

import pytest
import torch
from torch import Tensor

from fashion.models import ClothesDetector, build_detector, known_boxes

TRUNK = {"name": "small", "channels": (8, 8, 16, 16), "branch": 16}


def make(size: int = 64) -> ClothesDetector:
    torch.manual_seed(0)
    return build_detector(TRUNK, size=size, width=32, num_convs=1)


def scenes(number: int, size: int = 64) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Grey images with one rectangle, whose colour is its type."""
    generator = torch.Generator().manual_seed(0)
    images = torch.full((number, 3, size, size), 0.5)
    boxes, types = [], []
    for i in range(number):
        x, y = (torch.rand(2, generator=generator) * size * 0.4).int().tolist()
        w, h = (torch.rand(2, generator=generator) * size * 0.2 + size * 0.35).int().tolist()
        images[i, :, y : y + h, x : x + w] = torch.eye(3)[i % 3][:, None, None]
        boxes.append(torch.tensor([[x, y, x + w, y + h]], dtype=torch.float32))
        types.append(torch.tensor([i % 3]))
    return images, boxes, types


def overlap(one: Tensor, other: Tensor) -> float:
    inner = (torch.minimum(one, other)[2:] - torch.maximum(one, other)[:2]).clamp_min(0).prod()
    return float(inner / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - inner))


def test_every_parameter_gets_a_gradient() -> None:
    detector = make()
    detector.loss(*scenes(3)).backward()
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_one_batch_overfits_and_boxes_are_in_the_pixels_of_the_picture() -> None:
    detector, (images, boxes, types) = make(), scenes(6)
    optimizer = torch.optim.Adam(detector.parameters(), 3e-3)
    for _ in range(120):
        loss = detector.loss(images, boxes, types)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    detector.eval()
    with torch.no_grad():
        found = detector(images)
        larger = detector([images[0].repeat_interleave(2, 1).repeat_interleave(2, 2)])[0]
    for detection, box, kind in zip(found, boxes, types, strict=True):
        assert overlap(detection.boxes[0], box[0]) > 0.7
        assert detection.types[0] == kind[0]
        assert detection.scores.diff().le(0).all()
    assert overlap(larger.boxes[0], 2 * boxes[0][0]) > 0.7


def test_pictures_may_be_of_any_size_and_without_garments() -> None:
    detector = make(96)
    images = [torch.rand(3, 50, 80), torch.rand(3, 120, 64)]
    boxes = [torch.zeros(0, 4), torch.tensor([[10.0, 20, 50, 100]])]
    types = [torch.zeros(0, dtype=torch.int64), torch.tensor([2])]
    assert detector.loss(images, boxes, types).isfinite()
    assert len(detector.eval()(images)) == 2


def test_known_boxes_are_pixels_of_their_pictures() -> None:
    image = torch.rand(3, 3, 40, 80)
    nan = float("nan")
    nothing, whole = [nan] * 4, [0.0, 0, 1, 1]
    box = torch.tensor([[[0.25, 0.5, 0.75, 1.5], whole], [nothing] * 2, [[0.5, 0, 0.5, 1], whole]])
    boxes, types = known_boxes(image, box, torch.tensor([[1, 2], [-1, -1], [2, 0]]))
    assert [b.tolist() for b in boxes] == [[[20, 20, 60, 40], [0, 0, 80, 40]], [], [[0, 0, 80, 40]]]
    assert [t.tolist() for t in types] == [[1, 2], [], [0]]
    assert all(b.shape == (len(t), 4) for b, t in zip(boxes, types, strict=True))


def test_state_dict_restores_the_detector() -> None:
    detector, other = make(), make()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    other.load_state_dict(detector.state_dict())
    image = torch.rand(1, 3, 64, 64)
    mine, theirs = detector.eval()(image)[0], other.eval()(image)[0]
    assert torch.equal(mine.scores, theirs.scores)


@pytest.mark.parametrize(
    ("boxes", "types", "message"),
    [
        ([[[5.0, 5, 5, 9]]], [[0]], r"x1 < x2 and y1 < y2"),
        ([[[1.0, 2, 3, 4]]], [[3]], r"types in \[0, 3\), got \[3\]"),
        ([[[1.0, 2, 3, 4]]], [[0, 1]], r"types \(M,\), got \(1, 4\) and \(2,\)"),
        ([], [], "boxes and types of 1 images, got 0 and 0"),
    ],
)
def test_boxes_that_cannot_be_are_named(boxes: list, types: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().loss(
            torch.rand(1, 3, 64, 64),
            [torch.tensor(x) for x in boxes],
            [torch.tensor(x) for x in types],
        )


def test_training_and_evaluation_are_not_mixed_up() -> None:
    detector = make()
    with pytest.raises(ValueError, match="in evaluation, got one in training"):
        detector(torch.rand(1, 3, 64, 64))
    with pytest.raises(ValueError, match="in training, got one in evaluation"):
        detector.eval().loss(*scenes(1))
