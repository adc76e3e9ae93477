"""Windows, scales and mirrors: exact weights, and nothing lost at the borders."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from segmentation.inference import Inference, starts
from segmentation.models import Parsing


class Pointwise(nn.Module):
    """Scores that depend on the pixel alone: every way of looking has to agree."""

    def forward(self, image: Tensor) -> Parsing:
        return Parsing(torch.cat([image * 4, 1 - image[:, :1]], 1))


class Position(nn.Module):
    """The probability of class 0 is the column within what is seen, over 100."""

    def forward(self, image: Tensor) -> Parsing:
        p = (torch.arange(image.shape[-1]) / 100 + 0.01).expand(image[:, :1].shape)
        return Parsing(torch.cat([p, 1 - p], 1).log())


@pytest.mark.parametrize("size", [(32, 48), (31, 47), (8, 100), (50, 5)])
@pytest.mark.parametrize("window", [None, 16, 33])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_way_of_looking_agrees(
    size: tuple[int, int], window: int | None, mirrored: bool
) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, *size)
    parsing = Inference(window, 0.4, mirrored=mirrored)(Pointwise(), image)
    expected = Pointwise()(image).logits.softmax(1)
    torch.testing.assert_close(parsing.logits.softmax(1), expected)


def test_overlap_is_the_mean_of_the_windows() -> None:
    seen = Inference(8, 0.5)(Position(), torch.zeros(1, 3, 8, 12)).logits.softmax(1)[0, 0, 0]
    first = torch.arange(8) / 100 + 0.01
    expected = torch.cat([first[:4], (first[4:] + first[:4]) / 2, first[4:]])
    torch.testing.assert_close(seen, expected)


def test_mirrored_look_is_turned_back() -> None:
    seen = Inference(mirrored=True)(Position(), torch.zeros(1, 3, 2, 10)).logits.softmax(1)
    torch.testing.assert_close(seen[0, 0, 0], torch.full((10,), 0.055))


def test_scales_are_averaged_at_the_images_size() -> None:
    image = torch.full((1, 3, 20, 30), 0.25)
    parsing = Inference(scales=(0.5, 1.0, 1.75))(Pointwise(), image)
    torch.testing.assert_close(parsing.logits.softmax(1), Pointwise()(image).logits.softmax(1))


@pytest.mark.parametrize("length", [5, 16, 17, 40, 101])
@pytest.mark.parametrize("overlap", [0.0, 1 / 3, 0.9])
def test_windows_cover_everything_and_overlap_enough(length: int, overlap: float) -> None:
    window = min(16, length)
    begins = starts(length, window, overlap)
    assert begins[0] == 0 and begins[-1] + window == length
    shared = [a + window - b for a, b in pairwise(begins)]
    assert all(count >= int(overlap * window) for count in shared)


@pytest.mark.parametrize(
    "wrong", [{"window": 0}, {"overlap": 1.0}, {"scales": []}, {"scales": [0.0]}]
)
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        Inference(**wrong)


@pytest.mark.parametrize("mirrored", [False, True])
def test_larger_images_are_reduced_and_answered_at_their_own_size(mirrored: bool) -> None:
    seen: list[tuple[int, ...]] = []

    class Watching(Pointwise):
        def forward(self, image: Tensor) -> Parsing:
            seen.append(tuple(image.shape[-2:]))
            return super().forward(image)

    inference = Inference(mirrored=mirrored, long_side=40)
    assert inference(Watching(), torch.rand(1, 3, 60, 80)).logits.shape[-2:] == (60, 80)
    assert inference(Watching(), torch.rand(1, 3, 30, 20)).logits.shape[-2:] == (30, 20)
    assert set(seen) == {(32, 32), (30, 20)}
    with pytest.raises(ValueError, match="long side"):
        Inference(long_side=8)


def test_parts_are_predicted_where_they_have_enough_together() -> None:
    class Fixed(nn.Module):
        def forward(self, image: Tensor) -> Parsing:
            rows = torch.tensor([[0.45, 0.3, 0.25], [0.35, 0.3, 0.35], [0.3, 0.6, 0.1]])
            return Parsing(rows.T.log()[None, :, None].expand(1, 3, image.shape[2], 3))

    image = torch.rand(1, 3, 2, 3)
    found = {
        least: Inference(min_part_score=least)(Fixed(), image).logits.argmax(1)[0, 0].tolist()
        for least in (None, 0.5, 0.6)
    }
    assert found[0.5] == [1, 2, 1]
    assert found[0.6] == [0, 2, 1]
    assert found[None][0] == 0
