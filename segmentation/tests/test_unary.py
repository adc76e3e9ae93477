"""The unary that all systems share, its heads, and the contextual pairs on top of it."""

from typing import Any

import pytest
import torch
from torch import Tensor

from segmentation.models import build_network
from segmentation.models.adelaide import ContextualPairs, PairwiseTerm, shift
from segmentation.models.trunk import SmallTrunk
from segmentation.models.unary import Unary

NUM_CLASSES = 4
AUXILIARY = {"width": 8, "auxiliary": True}


def image(height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("head", "dilations"), [("classifier", []), ("large_fov", [3]), ("aspp", [1, 2, 3])]
)
def test_heads_score_the_trunk_s_grid(head: Any, dilations: list[int]) -> None:
    net = Unary(SmallTrunk(8, (1, 1, 1)), NUM_CLASSES, head, 8, dilations, auxiliary=True)
    scores, _, heads = net(image())
    assert scores.shape == (2, NUM_CLASSES, 5, 6)
    assert [h.logits.shape for h in heads] == [scores.shape] * 2
    supervised = net.heads(scores, heads)
    assert [h.weight for h in supervised] == [1.0, 1.0, 2.0]
    sum(h.logits.square().sum() for h in supervised).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in net.parameters())
    assert net.eval()(image())[2] == () and net.heads(scores, ()) == ()


def test_aspp_is_the_sum_of_its_fields_of_view() -> None:
    torch.manual_seed(0)
    net = Unary(SmallTrunk(8, (1, 1, 1)), NUM_CLASSES, "aspp", 8, [1, 4]).eval()
    features = net.trunk(image())
    wanted = sum(branch(features) for branch in net.branches)
    torch.testing.assert_close(net(image())[0], wanted)


@pytest.mark.parametrize(("head", "dilations"), [("large_fov", [1, 2]), ("pyramid", [1])])
def test_other_heads_are_refused(head: Any, dilations: list[int]) -> None:
    with pytest.raises(ValueError, match="expected the head classifier, large_fov"):
        Unary(SmallTrunk(8, (1, 1, 1)), NUM_CLASSES, head, 8, dilations)


@pytest.mark.parametrize("name", ["dpn", "deeplab", "adelaide"])
def test_systems_start_from_the_same_unary(name: str) -> None:
    torch.manual_seed(0)
    trunk = {"name": "small", "width": 8, "blocks": (1, 1, 1)}
    settings: dict[str, Any] = {"head": "large_fov", **AUXILIARY}
    net: Any = build_network(name, NUM_CLASSES, trunk, unary=settings)
    torch.manual_seed(0)
    alone = Unary(SmallTrunk(8, (1, 1, 1)), NUM_CLASSES, **settings)
    for key, value in alone.state_dict().items():
        assert torch.equal(net.unary.state_dict()[key], value)


@pytest.mark.parametrize("offset", [(0, 1), (-2, 0), (1, -3)])
def test_shift_brings_what_lies_at_the_offset(offset: tuple[int, int]) -> None:
    x = torch.rand(1, 2, 4, 5)
    shifted = shift(x, offset)
    for y in range(4):
        for column in range(5):
            row, other = y + offset[0], column + offset[1]
            inside = 0 <= row < 4 and 0 <= other < 5
            wanted = x[0, :, row, other] if inside else torch.zeros(2)
            torch.testing.assert_close(shifted[0, :, y, column], wanted)


def test_pairwise_term_is_a_probability_of_the_second_class() -> None:
    term = PairwiseTerm(6, 3)(torch.randn(2, 6, 4, 5), (0, 1))
    assert term.shape == (2, 3, 3, 4, 5)
    torch.testing.assert_close(term.exp().sum(2), torch.ones(2, 3, 4, 5))


def test_pairs_are_supervised_by_both_classes() -> None:
    torch.manual_seed(0)
    net = ContextualPairs(SmallTrunk(8, (1, 1, 1)), NUM_CLASSES, unary=AUXILIARY, width=8)
    target = torch.randint(0, NUM_CLASSES, (2, 40, 48))
    target[:, :8] = 255  # the first row of cells
    heads = net(image(), target).heads
    pairs = [head for head in heads if head.target is not None]
    assert len(heads) - len(pairs) == 3 and len(pairs) == 4
    left, right, above, below = (head.target for head in pairs)
    assert left is not None and right is not None and above is not None and below is not None
    assert (left[:, :, :2] == 255).all() and (right[:, :, -2:] == 255).all()
    assert (above[:, :3] == 255).all() and (below[:, -2:] == 255).all()
    assert (above[:, 3:] < NUM_CLASSES).all()
    losses = [
        torch.nn.functional.cross_entropy(h.logits, h.target, ignore_index=255) for h in pairs
    ]  # type: ignore[arg-type]
    (torch.stack(losses).sum() + sum(h.logits.square().sum() for h in heads[:3])).backward()
    assert all(p.grad is not None for name, p in net.named_parameters() if "crf" not in name)


def test_mean_field_follows_what_pairs_say() -> None:
    """Where each term is sure that both cells have one class, a speck of another goes."""
    net = ContextualPairs(SmallTrunk(8, (1, 1, 1)), 2, iterations=1, strength=4.0).eval()
    for term in (net.around, net.above, net.below):
        torch.nn.init.zeros_(term.classifier.weight)
        term.classifier.bias = torch.nn.Parameter(torch.tensor([3.0, 0.0, 0.0, 3.0]))
    scores = torch.zeros(1, 2, 5, 5)
    scores[:, 0] = 1.0
    scores[:, :, 2, 2] = torch.tensor([0.0, 0.5])
    with torch.no_grad():
        refined = net.mean_field(scores, torch.zeros(1, 8, 5, 5))
    assert (refined.argmax(1) == 0).all() and scores.argmax(1).any()
