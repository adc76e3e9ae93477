"""What the networks learn: the terms of their losses, which a training weighs by its phase."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from fashion.data.datamodule import FashionData
from fashion.data.taxonomy import ABSENT
from fashion.losses import (
    ProxyAnchorLoss,
    alignment_losses,
    attribute_loss,
    balanced_weights,
    category_loss,
    landmark_loss,
    ranking_loss,
    smooth_ranking_loss,
    triplet_loss,
    visibility_loss,
)
from fashion.losses.identities import Mining
from fashion.models import Alignment, DeepFashionAlignment, Recognition

AttributeLoss = Literal["weighted", "plain", "ranking", "smooth_ranking"]
IdentityLoss = Literal["triplet", "proxy"]
MeanOver = Literal["batch", "known"]
RECOGNITION_TERMS = ("landmark", "visibility", "category", "attribute", "identity")
ALIGNMENT_TERMS = ("landmark", "visibility", "pseudo_label")


class RecognitionObjective(nn.Module):
    """The terms of FashionNet (Liu et al., CVPR 2016, section 3.2).

    The paper sums over images, and knows all labels of each. Where some images lack them, a
    mean over those that have them would let three labelled images of a batch weigh as much as all
    of its 64 do in another term; a term is therefore in the mean over the batch.

    Args:
        num_attributes: A.
        attributes: ``weighted`` by how frequent each is, the paper's; ``plain``; or one of the
            rankings of `fashion.losses`.
        shrinkage: shrinkage of these weights towards 1 where few labels are known, see
            `fashion.losses.balanced_weights`; 0 is the paper's.
        mean_over: the ``batch``, in which what an image has no labels for counts 0; or what is
            ``known`` alone.
        identities: ``triplet``, the paper's, or ``proxy``.
        margin: margin of the triplets.
        mining: mining of the triplets, see `fashion.losses.triplet_loss`.
        across_domains: triplets go from street to shop and back.
        num_items: number of items that have a proxy, with ``proxy``.
        width: width of the embedding, with ``proxy``.

    Raises:
        ValueError: another loss.
    """

    attribute_weights: Tensor

    def __init__(
        self,
        num_attributes: int,
        attributes: AttributeLoss = "weighted",
        shrinkage: float = 1000.0,
        mean_over: MeanOver = "batch",
        identities: IdentityLoss = "triplet",
        margin: float = 0.3,
        mining: Mining = "hard",
        across_domains: bool = False,
        num_items: int | None = None,
        width: int = 0,
    ) -> None:
        super().__init__()
        _expect("attributes", attributes, get_args(AttributeLoss))
        _expect("identities", identities, get_args(IdentityLoss))
        _expect("mean_over", mean_over, get_args(MeanOver))
        self.attributes, self.identities = attributes, identities
        self.shrinkage, self.mean_over = shrinkage, mean_over
        self.margin, self.mining, self.across_domains = margin, mining, across_domains
        # not kept: a training knows how frequent its attributes are
        self.register_buffer("attribute_weights", torch.ones(num_attributes, 2), persistent=False)
        self.proxies = None if num_items is None else ProxyAnchorLoss(num_items, width)

    def weigh_attributes(self, num_yes: Tensor, num_no: Tensor) -> None:
        """Take how many images that train have each attribute (A,), and have it not."""
        weights = balanced_weights(num_yes, num_no, shrinkage=self.shrinkage)
        self.attribute_weights.copy_(weights)

    def forward(
        self, answer: Recognition, batch: Mapping[str, Tensor], wanted: Collection[str]
    ) -> dict[str, Tensor]:
        """Return the wanted ones of `RECOGNITION_TERMS`; those of which the data knows nothing not.

        Args:
            answer: output of the network in training.
            batch: batch of garments.
            wanted: names of terms.
        """
        landmarks, states = batch["landmarks"], batch["states"]
        terms: dict[str, Callable[[], Tensor]] = {
            "landmark": lambda: landmark_loss(answer.landmarks, landmarks, states),
            "visibility": lambda: visibility_loss(answer.state_logits, states),
            "identity": lambda: self._identity_loss(answer.embedding, batch),
        }
        if answer.category_logits.shape[1]:
            terms["category"] = lambda: category_loss(answer.category_logits, batch["category"])
        if answer.attribute_logits.shape[1]:
            labels = batch["attributes"]
            terms["attribute"] = lambda: self._attribute_loss(answer.attribute_logits, labels)
        return {
            name: term() * self._share(name, batch)
            for name, term in terms.items()
            if name in wanted
        }

    def _share(self, term: str, batch: Mapping[str, Tensor]) -> Tensor:
        """Return what a term's mean over known images becomes one over the batch with."""
        if self.mean_over == "known":
            return batch["states"].new_ones((), dtype=torch.float32)
        return knows(term, batch).float().mean()

    def _attribute_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        losses: dict[str, Any] = {
            "weighted": partial(attribute_loss, weights=self.attribute_weights),
            "plain": attribute_loss,
            "ranking": ranking_loss,
            "smooth_ranking": smooth_ranking_loss,
        }
        return losses[self.attributes](logits, labels)

    def _identity_loss(self, embedding: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        if self.proxies is not None:
            return self.proxies(embedding, batch["item"])
        domain = batch["domain"] if self.across_domains else None
        return triplet_loss(embedding, batch["item"], self.margin, self.mining, domain)


def knows(term: str, batch: Mapping[str, Tensor]) -> Tensor:
    """Return (B,) bool: which images have labels for one of `RECOGNITION_TERMS`."""
    if term == "category":
        return batch["category"] >= 0
    if term == "attribute":
        return (batch["attributes"] != 0).any(1)
    if term == "identity":
        return batch["item"] >= 0
    return (batch["states"] != ABSENT).any(1)


def alignment_terms(
    network: DeepFashionAlignment, image: Tensor, landmarks: Tensor, states: Tensor
) -> dict[str, Tensor]:
    """Return `ALIGNMENT_TERMS` of a cascade's stage that learns, whose pseudo-labels are fitted."""
    alignment = network(image)
    return alignment_losses(alignment, network.target(alignment, landmarks, states), states)


@torch.no_grad()
def fit_pseudo_labels(
    network: DeepFashionAlignment, data: FashionData, device: torch.device, seed: int
) -> None:
    """Fit the pseudo-labels of the phase that begins on all that trains, without augmentation.

    Args:
        network: network in training, whose phase has begun.
        data: data whose training garments are looked at.
        device: device of the network.
        seed: seed of k-means.
    """
    samples = data.evaluation_samples(data.training_garments())
    truth: list[tuple[Tensor, Tensor]] = []
    before: list[Alignment] = []
    network.eval()
    for batch in data.loader(samples):
        truth.append((batch["landmarks"], batch["states"]))
        answer = network.before(batch["image"].to(device))
        if answer is not None:
            before.append(answer)
    network.train()
    landmarks, states = (torch.cat(v).to(device) for v in zip(*truth, strict=True))
    network.fit(landmarks, states, _joined(before), seed)


def _joined(alignments: Sequence[Alignment]) -> Alignment | None:
    """Return the landmarks and the pseudo-labels of all batches as one answer."""
    if not alignments:
        return None
    logits = [each.label_logits for each in alignments if each.label_logits is not None]
    return alignments[0]._replace(
        landmarks=torch.cat([each.landmarks for each in alignments]),
        label_logits=torch.cat(logits) if logits else None,
    )


def _expect(what: str, choice: str, choices: Collection[str]) -> None:
    if choice not in choices:
        raise ValueError(f"expected {what} to be one of {', '.join(choices)}, got {choice!r}")
