"""WTBI, which FashionNet is compared with: a metric for each category, on features that are fixed.

Hadi Kiapour, Han, Lazebnik, Berg, Berg, "Where to Buy It: Matching Street Clothing Photos in Online
Shops", ICCV 2015: features of a network that was not trained to match, and above them three full
connections that tell whether two images show one item, trained on pairs of all categories and
then further for each. Ours where it differs: the features are of a network that has learnt labels
on the same images, the metric sees the difference and the product of two, and it knows the
category of a query and of the gallery.
"""

from copy import deepcopy
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion.data.datamodule import FashionData
from fashion.evaluation.results import RetrievalResults
from fashion.evaluation.retrieval import Embedded, Ranking, rank_matches
from vision_shared.run import Run

WIDTH = 512
PAIRS = 128
"""Of each kind in a step."""

STEPS, STEPS_OF_CATEGORY = 300, 60
LEARNING_RATE = 1e-3
MIN_ITEMS = 5
"""Of a category that has a metric of its own."""


class _Pictures(NamedTuple):
    features: Tensor
    item: Tensor
    category: Tensor


class PairMetric(nn.Module):
    """(N, D), (N, D) features -> (N,) log-odds that they are of one item."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(2 * inputs, WIDTH), nn.ReLU()),
            *(nn.Linear(WIDTH, WIDTH), nn.ReLU()),
            nn.Linear(WIDTH, 1),
        )

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.layers(torch.cat([(one - other).abs(), one * other], 1))[:, 0]


def match_pictures(run: Run, seed: int) -> dict[str, Ranking]:
    """Train the metrics on a network's features and return the rankings of the test split.

    Args:
        run: of a FashionNet that has learnt labels alone.
        seed: of pairs.
    """
    data: Any = run.data
    network: Any = run.module.net.network.eval()  # type: ignore[union-attr]
    pictures = _pictures(network, data)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    general = _trained(PairMetric(pictures.features.shape[1]), pictures, STEPS, generator)
    own = {}
    for category in pictures.category.unique().tolist():
        chosen = pictures.category == category
        some = _Pictures(*(values[chosen] for values in pictures))
        if len(some.item.unique()) >= MIN_ITEMS:
            own[category] = _trained(deepcopy(general), some, STEPS_OF_CATEGORY, generator)
    results = RetrievalResults()
    for batch in data.loader(data.evaluation_samples(data.of_split(data.tested))):
        results.update(_features(network, batch["image"]), batch)
    found = {}
    for name, group in (("in_shop", 1), ("street", 0)):
        queries, gallery = (
            each[group].compute()  # type: ignore[operator]
            for each in (results.queries, results.galleries)
        )
        found[name] = _ranked(queries, gallery, general, own)
    return found


@torch.no_grad()
def _features(network: Any, image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, D), what the heads see, of length 1."""
    return F.normalize(network.whole(network.shared(image)))


def _pictures(network: Any, data: FashionData) -> _Pictures:
    parts = []
    for batch in data.loader(data.evaluation_samples(data.training_garments())):
        known = (batch["item"] >= 0) & (batch["category"] >= 0)
        image, item, category = (batch[key][known] for key in ("image", "item", "category"))
        parts.append(_Pictures(_features(network, image), item, category))
    return _Pictures(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _trained(
    metric: PairMetric, pictures: _Pictures, steps: int, generator: torch.Generator
) -> PairMetric:
    """Train on pairs of one item, and of two items of one category."""
    same = pictures.item[:, None] == pictures.item
    alike = pictures.category[:, None] == pictures.category
    positive = (same & ~torch.eye(len(same), dtype=torch.bool)).nonzero()
    negative = (alike & ~same).nonzero()
    if not len(positive) or not len(negative):
        return metric
    optimizer = torch.optim.AdamW(metric.parameters(), LEARNING_RATE, weight_decay=1e-4)
    target = torch.cat([torch.ones(PAIRS), torch.zeros(PAIRS)])
    for _ in range(steps):
        chosen = [
            pairs[torch.randint(len(pairs), (PAIRS,), generator=generator)]
            for pairs in (positive, negative)
        ]
        one, other = pictures.features[torch.cat(chosen).T]
        loss = F.binary_cross_entropy_with_logits(metric(one, other), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return metric


@torch.no_grad()
def _ranked(
    queries: Embedded, gallery: Embedded, general: PairMetric, own: dict[int, PairMetric]
) -> Ranking:
    """Rank by the metric of the query's category, other categories behind all of its own."""
    scores = torch.stack(
        [
            own.get(category, general)(feature.expand_as(gallery.embedding), gallery.embedding)
            for feature, category in zip(queries.embedding, queries.category.tolist(), strict=True)
        ]
    ).sigmoid()
    scores = scores + (queries.category[:, None] == gallery.category)
    said = queries._replace(embedding=scores)  # of which a unit matrix takes each candidate's
    return rank_matches(said, gallery._replace(embedding=torch.eye(len(gallery.item))))
