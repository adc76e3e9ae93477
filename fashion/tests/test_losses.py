"""Objectives: values by hand and by loops, what is unknown, and what does not fit."""

import math
from collections.abc import Callable
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion import losses
from fashion.data.taxonomy import ABSENT, OCCLUDED, TRUNCATED, VISIBLE
from fashion.losses.identities import Mining

Loss = Callable[..., Tensor]

STATES = torch.tensor([[VISIBLE, OCCLUDED, TRUNCATED, ABSENT] * 2])


def random_attributes(batch: int, number: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(batch, number, dtype=torch.float64, generator=generator)
    attributes = torch.randint(-1, 2, (batch, number), generator=generator).to(torch.int8)
    return logits, attributes


def test_category_loss_is_of_known_categories() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = losses.category_loss(logits, torch.tensor([2, -1, 0]))
    expected = F.cross_entropy(logits[[0, 2]], torch.tensor([2, 0]))
    torch.testing.assert_close(loss, expected)


def test_attribute_loss_weighs_yes_and_no_and_leaves_out_the_unknown() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]], requires_grad=True)
    attributes = torch.tensor([[1, 0], [-1, -1]], dtype=torch.int8)
    terms = [math.log1p(math.exp(-2)), math.log(2), math.log1p(math.exp(3))]
    plain = losses.attribute_loss(logits, attributes)
    assert plain.item() == pytest.approx(sum(terms) / 3)
    weights = torch.tensor([[5.0, 0.5], [7.0, 2.0]])
    weighted = losses.attribute_loss(logits, attributes, weights)
    yes = math.log1p(math.exp(-2) / 10)  # of a logit of 2, with the log of 5 / 0.5 added to it
    no = math.log1p(10), math.log1p(math.exp(3) * 3.5)
    assert weighted.item() == pytest.approx((5 * yes + 0.5 * no[0] + 2 * no[1]) / 3)
    weighted.backward()
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False], [True, True]]


def test_attribute_loss_is_least_where_the_logit_is_the_true_rate_whatever_the_weights() -> None:
    attributes = torch.tensor([[1], [-1], [-1], [-1]], dtype=torch.int8)
    truth = math.log(1 / 3)
    for weights in (None, torch.tensor([[2.0, 2 / 3]]), torch.tensor([[1.0, 9.0]])):
        logit = torch.full((1, 1), truth, requires_grad=True)
        losses.attribute_loss(logit.expand(4, 1), attributes, weights).backward()
        assert logit.grad is not None
        assert logit.grad.item() == pytest.approx(0, abs=1e-6)


def test_weights_of_few_labels_are_shrunk_towards_one() -> None:
    yes, no = torch.tensor([3, 300, 0]), torch.tensor([97, 9700, 0])
    trusted = losses.balanced_weights(yes, no)
    shrunk = losses.balanced_weights(yes, no, shrinkage=100)
    torch.testing.assert_close(trusted[0], trusted[1])  # the paper's ratio, of however few
    torch.testing.assert_close(shrunk[0], trusted[0].sqrt())
    torch.testing.assert_close(shrunk[1], trusted[1] ** (10_000 / 10_100))
    assert torch.equal(shrunk[2], torch.ones(2))


def test_balanced_weights_make_yes_and_no_weigh_the_same() -> None:
    yes, no = torch.tensor([10, 90, 0, 0]), torch.tensor([90, 10, 50, 0])
    weights = losses.balanced_weights(yes, no)
    sums = weights * torch.stack([yes, no], 1)
    torch.testing.assert_close(sums[:2], torch.full((2, 2), 50.0))
    assert weights[2].tolist() == pytest.approx([500, 0.5 / 0.999])
    assert weights[3].tolist() == [1, 1]


def ranking_loop(logits: Tensor, attributes: Tensor) -> Tensor:
    means = []
    for f, a in zip(logits, attributes.tolist(), strict=True):
        yes, no = ([i for i, x in enumerate(a) if x == sign] for sign in (1, -1))
        hinges = [(1 - f[j] + f[k]).clamp_min(0) for j in yes for k in no]
        if hinges:
            means.append(torch.stack(hinges).mean())
    return torch.stack(means).mean()


def smooth_loop(logits: Tensor, attributes: Tensor) -> Tensor:
    terms = []
    for f, a in zip(logits, attributes.tolist(), strict=True):
        yes, no = ([i for i, x in enumerate(a) if x == sign] for sign in (1, -1))
        pairs = [(f[k] - f[j]).exp() for j in yes for k in no]
        if pairs:
            terms.append(torch.stack(pairs).sum().log1p())
    return torch.stack(terms).mean()


@pytest.mark.parametrize(
    ("loss", "loop"),
    [(losses.ranking_loss, ranking_loop), (losses.smooth_ranking_loss, smooth_loop)],
)
def test_ranking_equals_a_loop_over_pairs(loss: Loss, loop: Loss) -> None:
    logits, attributes = random_attributes(6, 12)
    attributes[0] = -1  # no yes
    attributes[1] = 1  # no no
    logits[2, :4] = logits[2, 4]  # equal scores
    logits.requires_grad_()
    value, expected = loss(logits, attributes), loop(logits, attributes)
    torch.testing.assert_close(value, expected)
    (mine,) = torch.autograd.grad(value, logits)
    (theirs,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(mine, theirs)
    assert torch.autograd.gradcheck(lambda x: loss(x, attributes), logits)


def test_ranking_of_a_thousand_attributes_is_exact() -> None:
    logits, attributes = random_attributes(2, 1000)
    pairs = (1 - logits[:, :, None] + logits[:, None]).clamp_min(0)
    counts = (attributes > 0)[:, :, None] & (attributes < 0)[:, None]
    expected = ((pairs * counts).sum((1, 2)) / counts.sum((1, 2))).mean()
    torch.testing.assert_close(losses.ranking_loss(logits, attributes), expected)
    single = losses.ranking_loss(logits.float(), attributes)
    torch.testing.assert_close(single, expected.float(), rtol=1e-5, atol=0)


def test_landmark_loss_is_of_landmarks_that_have_a_place() -> None:
    landmarks = torch.zeros(1, 8, 2, requires_grad=True)
    truth = torch.arange(8.0)[None, :, None].expand(1, 8, 2)
    loss = losses.landmark_loss(landmarks, truth, STATES)
    assert loss.item() == 2 * (0 + 1 + 16 + 25) / 4
    loss.backward()
    assert landmarks.grad is not None
    assert landmarks.grad.any(2)[0].tolist() == [
        False,
        True,
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_weights_of_garments_leave_some_out() -> None:
    torch.manual_seed(0)
    states = STATES.expand(3, 8)
    landmarks, truth, logits = torch.rand(3, 8, 2), torch.rand(3, 8, 2), torch.randn(3, 8, 3)
    labels = torch.rand(3, 4).softmax(1)
    weights, kept = torch.tensor([1.0, 0.0, 1.0]), [0, 2]
    cases: list[tuple[Loss, tuple[Tensor, ...]]] = [
        (losses.landmark_loss, (landmarks, truth, states)),
        (losses.visibility_loss, (logits, states)),
        (losses.pseudo_label_loss, (torch.randn(3, 4), labels)),
    ]
    for loss, arguments in cases:
        expected = loss(*(x[kept] for x in arguments))
        torch.testing.assert_close(loss(*arguments, weights), expected)
        assert loss(*arguments, torch.zeros(3)) == 0


def test_what_a_type_lacks_is_not_in_the_picture() -> None:
    logits = torch.full((1, 8, 3), -50.0)
    logits[0, torch.arange(8), torch.tensor([0, 1, 2, 2] * 2)] = 50
    assert losses.visibility_loss(logits, STATES).item() == pytest.approx(0, abs=1e-6)
    assert losses.visibility_loss(logits.flip(2), STATES) > 40


def test_garments_whose_landmarks_nobody_looked_for_have_no_visibility() -> None:
    logits = torch.randn(2, 8, 3, requires_grad=True)
    states = torch.cat([STATES, torch.full((1, 8), ABSENT)])
    loss = losses.visibility_loss(logits, states)
    torch.testing.assert_close(loss, losses.visibility_loss(logits[:1], STATES))


def test_pseudo_label_loss_is_the_cross_entropy_of_probabilities() -> None:
    logits, labels = torch.randn(4, 3), torch.rand(4, 3).softmax(1)
    expected = -(labels * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(losses.pseudo_label_loss(logits, labels), expected)


def triplet_loop(embedding: Tensor, item: Tensor, margin: float, mining: Mining) -> Tensor:
    d = (embedding[:, None] - embedding).norm(dim=2)
    terms: list[Tensor] = []
    known = [i for i in range(len(item)) if item[i] >= 0]
    for a in known:
        positives = [d[a, p] for p in known if p != a and item[p] == item[a]]
        negatives = [d[a, n] for n in known if item[n] != item[a]]
        if mining == "hard" and positives and negatives:
            gap = torch.stack(positives).max() - torch.stack(negatives).min()
            terms.append((gap + margin).clamp_min(0))
        if mining != "hard":
            gaps = [p - n for p in positives for n in negatives if p - n + margin > 0]
            terms += [g + margin for g in gaps if mining == "all" or g < 0]
    return torch.stack(terms).mean()


@pytest.mark.parametrize("mining", ["all", "semihard", "hard"])
def test_triplets_equal_a_loop(mining: Mining) -> None:
    torch.manual_seed(0)
    embedding = F.normalize(torch.randn(10, 4)).requires_grad_()
    item = torch.tensor([0, 0, 0, 1, 1, 2, 2, 3, -1, -1])
    loss = losses.triplet_loss(embedding, item, 0.3, mining)
    torch.testing.assert_close(loss, triplet_loop(embedding, item, 0.3, mining))
    loss.backward()
    assert embedding.grad is not None
    assert embedding.grad.isfinite().all()
    assert not embedding.grad[8:].any()


def test_triplets_of_equal_pictures_have_a_finite_gradient() -> None:
    embedding = F.normalize(torch.ones(4, 3)).requires_grad_()
    losses.triplet_loss(embedding, torch.tensor([0, 0, 1, 1]), 0.3, "all").backward()
    assert embedding.grad is not None
    assert embedding.grad.isfinite().all()


@pytest.mark.parametrize("mining", ["all", "hard"])
def test_street_to_shop_triplets_cross_the_domains(mining: Mining) -> None:
    torch.manual_seed(0)
    embedding = F.normalize(torch.randn(8, 4))
    item, domain = torch.tensor([0, 0, 0, 0, 1, 1, 1, -1]), torch.tensor([0, 1] * 4)
    domain[6] = -1
    d = (embedding[:, None] - embedding).norm(dim=2)
    per_anchor: dict[int, list[Tensor]] = {}
    for a, p, n in permutations(range(6), 3):
        crosses = domain[a] != domain[p] and domain[a] != domain[n]
        if crosses and item[a] == item[p] and item[a] != item[n]:
            per_anchor.setdefault(a, []).append((d[a, p] - d[a, n] + 0.5).clamp_min(0))
    if mining == "hard":
        expected = torch.stack([torch.stack(x).max() for x in per_anchor.values()]).mean()
    else:
        everything = torch.cat([torch.stack(x) for x in per_anchor.values()])
        expected = everything[everything > 0].mean()
    loss = losses.triplet_loss(embedding, item, 0.5, mining, domain)
    torch.testing.assert_close(loss, expected)


def test_proxies_equal_the_papers_equation() -> None:
    torch.manual_seed(0)
    criterion = losses.ProxyAnchorLoss(5, 4)
    embedding, item = F.normalize(torch.randn(6, 4)), torch.tensor([0, 0, 3, 1, 3, -1])
    cosine = embedding @ F.normalize(criterion.proxies).T
    pull, push = [], []
    for p in range(5):
        own = [-32 * (cosine[i, p] - 0.1) for i in range(5) if item[i] == p]
        other = [32 * (cosine[i, p] + 0.1) for i in range(5) if item[i] != p]
        if own:
            pull.append(torch.stack(own).exp().sum().log1p())
        push.append(torch.stack(other).exp().sum().log1p())
    expected = torch.stack(pull).sum() / 3 + torch.stack(push).sum() / 5
    torch.testing.assert_close(criterion(embedding, item), expected)


def test_proxies_learn_to_tell_items_apart() -> None:
    torch.manual_seed(0)
    features, item = torch.randn(12, 6), torch.arange(12) % 4
    layer, criterion = nn.Linear(6, 8), losses.ProxyAnchorLoss(4, 8)
    parameters = [*layer.parameters(), *criterion.parameters()]
    optimizer = torch.optim.Adam(parameters, 3e-2)
    for _ in range(60):
        loss = criterion(F.normalize(layer(features)), item)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.any() for p in parameters)
    cosine = F.normalize(layer(features)) @ F.normalize(criterion.proxies).T
    assert cosine.argmax(1).tolist() == item.tolist()


def test_where_nothing_is_known_there_is_no_loss_and_no_gradient() -> None:
    unknown = torch.full((3,), -1)
    x = torch.randn(3, 8, requires_grad=True)
    attributes = torch.zeros(3, 8, dtype=torch.int8)
    points = x[:, :, None].expand(3, 8, 2)
    truncated = torch.full((3, 8), TRUNCATED)
    for loss in (
        losses.category_loss(x, unknown),
        losses.attribute_loss(x, attributes),
        losses.ranking_loss(x, attributes),
        losses.smooth_ranking_loss(x, attributes),
        losses.triplet_loss(F.normalize(x), unknown),
        losses.triplet_loss(F.normalize(x), unknown, mining="all"),
        losses.ProxyAnchorLoss(2, 8)(F.normalize(x), unknown),
        losses.landmark_loss(points, torch.zeros(3, 8, 2), truncated),
    ):
        assert loss.item() == 0
        (gradient,) = torch.autograd.grad(loss, x)
        assert not gradient.any()


def test_what_does_not_fit_is_named() -> None:
    one, other = torch.zeros(2, 3), torch.zeros(2, 4)
    for loss in (losses.attribute_loss, losses.ranking_loss, losses.smooth_ranking_loss):
        with pytest.raises(ValueError, match=r"attributes \(B, A\), got \(2, 3\) and \(2, 4\)"):
            loss(one, other)
    with pytest.raises(ValueError, match=r"weights \(3, 2\), got \(3,\)"):
        losses.attribute_loss(one, one, torch.ones(3))
    with pytest.raises(ValueError, match=r"item \(B,\), got \(2, 3\) and \(3,\)"):
        losses.triplet_loss(one, torch.zeros(3))
    with pytest.raises(ValueError, match="mining all, semihard, hard, got 'easy'"):
        losses.triplet_loss(one, torch.zeros(2), mining="easy")  # type: ignore
    with pytest.raises(ValueError, match="expected items below 2, got 2"):
        losses.ProxyAnchorLoss(2, 3)(one, torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"expected landmarks \(2, 8, 2\) and states \(2, 8\)"):
        losses.landmark_loss(torch.zeros(2, 8, 2), torch.zeros(2, 6, 2), torch.zeros(2, 6))
