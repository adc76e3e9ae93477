"""Objectives of embeddings: images of one item near each other, those of others apart."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Mining = Literal["all", "semihard", "hard"]


def triplet_loss(
    embedding: Tensor,
    item: Tensor,
    margin: float = 0.3,
    mining: Mining = "hard",
    domain: Tensor | None = None,
) -> Tensor:
    """max(0, margin + d(x, x+) - d(x, x-)) over triplets of the batch.

    Liu et al., "DeepFashion", CVPR 2016, section 3.2. Batches need several images of each of
    several items, or there are hardly any triplets.

    Args:
        embedding: (B, D), of length 1, so that distances are in [0, 2].
        item: (B,) int64, -1 where unknown: such images are in no triplet.
        margin: least difference of the distances.
        mining: ``hard``, each image with its farthest positive and nearest negative (Hermans et
            al. 2017), in the mean over images that have both. ``all`` and ``semihard`` (farther
            than the positive, Schroff et al. 2015): the mean over the triplets that are not met.
        domain: (B,) int64, 0 shop, 1 consumer, -1 unknown; if given, x+ and x- are of the other
            domain than x, as in street-to-shop retrieval.

    Raises:
        ValueError: another mining, or shapes that do not fit.
    """
    if mining not in get_args(Mining):
        raise ValueError(f"expected the mining {', '.join(get_args(Mining))}, got {mining!r}")
    _expect(embedding, item)
    embedding = embedding.float()
    exact = "donot_use_mm_for_euclid_dist"  # the other mode's rounding moves what is equal
    distance = torch.cdist(embedding, embedding, compute_mode=exact)  # (B, B)
    positive, negative = _pairs(item, domain)
    if mining == "hard":
        farthest = distance.masked_fill(~positive, 0).amax(1)
        nearest = distance.masked_fill(~negative, 2).amin(1)
        counts = positive.any(1) & negative.any(1)
        return ((farthest - nearest + margin).relu() * counts).sum() / counts.sum().clamp_min(1)
    gap = distance[:, :, None] - distance[:, None, :]  # (B, B, B): x, x+, x-
    counts = positive[:, :, None] & negative[:, None, :] & (gap + margin > 0)
    if mining == "semihard":
        counts = counts & (gap < 0)
    return ((gap + margin) * counts).sum() / counts.sum().clamp_min(1)


class ProxyAnchorLoss(nn.Module):
    """Images against one learned proxy for each item of the training set.

    Kim, Kim, Cho, Kwak, "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020, equation 4. Every
    image meets every item, so batches need not be made up.

    Args:
        num_items: number of items of the training set.
        width: D, of the embedding.
        margin: margin of the cosine.
        alpha: its scale.
    """

    def __init__(
        self, num_items: int, width: int, margin: float = 0.1, alpha: float = 32.0
    ) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.empty(num_items, width))
        nn.init.kaiming_normal_(self.proxies, mode="fan_out")
        self.margin, self.alpha = margin, alpha

    def forward(self, embedding: Tensor, item: Tensor) -> Tensor:
        """(B, D) of length 1, (B,) int64 in [0, num_items), -1 where unknown -> scalar.

        Raises:
            ValueError: an item that has no proxy, or shapes that do not fit.
        """
        _expect(embedding, item)
        if item.numel() and item.max() >= len(self.proxies):
            raise ValueError(f"expected items below {len(self.proxies)}, got {int(item.max())}")
        cosine = embedding.float() @ F.normalize(self.proxies.float()).T  # (B, num_items)
        own = item[:, None] == torch.arange(len(self.proxies), device=item.device)
        other = ~own & (item >= 0)[:, None]
        pull = _log_one_plus(-self.alpha * (cosine - self.margin), own)
        push = _log_one_plus(self.alpha * (cosine + self.margin), other)
        return pull.sum() / own.any(0).sum().clamp_min(1) + push.sum() / len(self.proxies)


def _log_one_plus(exponents: Tensor, counts: Tensor) -> Tensor:
    """(B, N) -> (N,): log(1 + the sum of exp over those that count)."""
    lowest = torch.finfo(exponents.dtype).min / 4  # -inf would make the gradient NaN
    return F.softplus(exponents.masked_fill(~counts, lowest).logsumexp(0))


def _pairs(item: Tensor, domain: Tensor | None) -> tuple[Tensor, Tensor]:
    """(B,) -> (B, B) bool: of one item, and of two."""
    known = item >= 0
    if domain is not None:
        known = known & (domain >= 0)
    allowed = known[:, None] & known
    allowed = allowed & ~torch.eye(len(item), dtype=torch.bool, device=item.device)
    if domain is not None:
        allowed = allowed & (domain[:, None] != domain)
    same = item[:, None] == item
    return allowed & same, allowed & ~same


def _expect(embedding: Tensor, item: Tensor) -> None:
    if embedding.ndim != 2 or item.shape != embedding.shape[:1]:
        raise ValueError(
            f"expected embedding (B, D) and item (B,), got {tuple(embedding.shape)} and "
            f"{tuple(item.shape)}"
        )
