"""FashionNet: landmarks found on the way say where the details are that recognition looks at.

Liu, Luo, Qiu, Wang, Tang, "DeepFashion: Powering Robust Clothes Recognition and Retrieval with Rich
Annotations", CVPR 2016, section 3.
"""

from collections.abc import Sequence
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion.data.taxonomy import VISIBLE
from fashion.models.landmark_pooling import (
    LandmarkSource,
    Pooling,
    choose_landmarks,
    pool_landmarks,
)
from fashion.models.recognition import (
    NUM_LANDMARKS,
    NUM_STATES,
    Recognition,
    expect_annotation,
)
from fashion.models.trunk import FullyConnected, Trunk, fc, start_fc


class Attributes(nn.Linear):
    """(B, C) -> log-odds (B, A) of attributes, from what is known of them before a look.

    Most are rare: how frequent each is need not be learned first, and the layer says only what an
    image changes.
    """

    prior: Tensor

    def __init__(self, inputs: int, number: int) -> None:
        super().__init__(inputs, number)
        self.register_buffer("prior", torch.zeros(number))

    def expect(self, rates: Tensor, least: float = 1e-3) -> None:
        """Take how frequent each is: (A,), in [0, 1]; NaN where that is not known.

        Rates are kept in [least, 1 - least].
        """
        self.prior.copy_(rates.nan_to_num(0.5).logit(least))

    def forward(self, input: Tensor) -> Tensor:
        """(B, D) -> (B, A) logits, around those of the attributes' frequencies."""
        return super().forward(input) + self.prior


class FashionNet(nn.Module):
    """A pose branch finds landmarks, a local one pools features there, a global one sees it all.

    Trained in two phases that alternate until nothing improves (section 3.2): in ``pose`` landmarks
    and visibility weigh most, and the local branch pools at the annotated landmarks; in
    ``recognition`` categories, attributes and pairs do, and it pools at the estimated ones, as it
    always does at test. The weights of the losses are the training's.

    Args:
        trunk: trunk with two branches, for the pose and for the whole.
        num_categories: C.
        num_attributes: A.
        landmarks_from: landmarks where the local branch pools, as a control: ``predicted``
            is the method; ``oracle`` the annotation, at test too; ``shuffled`` another image's;
            ``corner`` the top-left corner; ``none`` has no local branch.
        pooled_at_truth_in: phases that pool at the annotated landmarks while training.
        pooling: ``max``, the paper's, or ``bilinear``, through which the recognition losses move
            the predicted landmarks.
        region: cells a side that are pooled around a landmark.
        bins: a side that they are pooled to.
        pose_width: pose width of the two full connections of the pose; all defaults of widths are
            the paper's, as it is read by those who rebuilt it.
        local_width: width of the local branch's.
        global_width: width of the global branch's.
        fusion_width: fusion width of the layer above the local and the global branch; None has
            none.
        embedding_width: D. The paper's embedding is the fusion itself, not a projection of it.
        dropout: dropout of the full connections.

    Raises:
        ValueError: another source, a phase that there is not, or a trunk of other branches.
    """

    phases = ("pose", "recognition")

    def __init__(
        self,
        trunk: Trunk,
        num_categories: int,
        num_attributes: int,
        landmarks_from: LandmarkSource = "predicted",
        pooled_at_truth_in: Sequence[str] = ("pose",),
        pooling: Pooling = "max",
        region: int = 8,
        bins: int = 4,
        pose_width: int = 1024,
        local_width: int = 1024,
        global_width: int = 4096,
        fusion_width: int | None = 4096,
        embedding_width: int = 512,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if landmarks_from not in get_args(LandmarkSource):
            raise ValueError(
                f"expected landmarks_from among {', '.join(get_args(LandmarkSource))}, got "
                f"{landmarks_from!r}"
            )
        for phase in pooled_at_truth_in:
            self._expect_phase(phase)
        self.landmarks_from: LandmarkSource = landmarks_from
        self.pooled_at_truth_in = tuple(pooled_at_truth_in)
        self.pooling: Pooling = pooling
        self.region, self.bins = region, bins
        self.phase = self.phases[-1]
        self.shared = trunk.shared
        pose, whole = trunk.branches
        self.pose = nn.Sequential(
            pose,
            FullyConnected(trunk.branch_channels, trunk.grid, pose_width, dropout),
            fc(pose_width, pose_width, dropout),
        )
        self.landmarks = landmark_head(pose_width)
        self.states = nn.Linear(pose_width, NUM_LANDMARKS * NUM_STATES)
        self.whole = nn.Sequential(
            whole, FullyConnected(trunk.branch_channels, trunk.grid, global_width, dropout)
        )
        width = global_width
        if landmarks_from != "none":
            self.local = fc(NUM_LANDMARKS * trunk.channels * bins**2, local_width, dropout)
            width += local_width
        self.fusion = nn.Identity() if fusion_width is None else fc(width, fusion_width, dropout)
        start_fc((self.whole, self.fusion) if fusion_width else (self.whole,), trunk.fc)
        width = fusion_width or width
        self.category = nn.Linear(width, num_categories) if num_categories else Nothing()
        self.attributes = Attributes(width, num_attributes) if num_attributes else Nothing()
        self.embedding = nn.Linear(width, embedding_width)

    def begin(self, phase: str) -> None:
        """Begin a phase of the training, one of ``phases``; it may come again.

        Raises:
            ValueError: no phase of that name.
        """
        self._expect_phase(phase)
        self.phase = phase

    def forward(
        self, image: Tensor, landmarks: Tensor | None = None, states: Tensor | None = None
    ) -> Recognition:
        """Recognise garments.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].
            landmarks: (B, 8, 2), fractions: the annotated ones, for a training that pools at them
                and for the ``oracle``.
            states: (B, 8), theirs.

        Raises:
            ValueError: no annotation where one is needed, or of another shape.
        """
        shared = self.shared(image)
        pose = self.pose(shared)
        found = self.landmarks(pose).view(-1, NUM_LANDMARKS, 2)
        state_logits = self.states(pose).view(-1, NUM_LANDMARKS, NUM_STATES)
        parts = [self.whole(shared)]
        if self.landmarks_from != "none":
            parts.append(self._describe_details(shared, found, state_logits, landmarks, states))
        fused = self.fusion(torch.cat(parts, 1))
        return Recognition(
            found,
            state_logits,
            self.category(fused),
            self.attributes(fused),
            F.normalize(self.embedding(fused)),
        )

    def _describe_details(
        self,
        shared: Tensor,
        found: Tensor,
        state_logits: Tensor,
        landmarks: Tensor | None,
        states: Tensor | None,
    ) -> Tensor:
        visible = state_logits.argmax(2) == VISIBLE
        if self._pools_at_truth():
            if landmarks is None or states is None:
                raise ValueError(
                    "expected landmarks (B, 8, 2) and states (B, 8) to pool at, got None "
                    f"(landmarks_from {self.landmarks_from!r}, phase {self.phase!r})"
                )
            expect_annotation(landmarks, states, len(shared))
            found, visible = landmarks, states == VISIBLE
        at, visible = choose_landmarks(self.landmarks_from, found, visible)
        pooled = pool_landmarks(shared, at, visible, self.pooling, self.region, self.bins)
        return self.local(pooled.flatten(1))

    def _pools_at_truth(self) -> bool:
        taught = self.training and self.phase in self.pooled_at_truth_in
        return self.landmarks_from == "oracle" or taught

    def _expect_phase(self, phase: str) -> None:
        if phase not in self.phases:
            raise ValueError(f"expected a phase among {', '.join(self.phases)}, got {phase!r}")


class Nothing(nn.Module):
    """The head of what the data has no names for: (B, D) -> (B, 0)."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, 0)."""
        return features[:, :0]


def landmark_head(inputs: int, start: float = 0.5) -> nn.Linear:
    """Return a linear layer to eight landmarks (B, 16), which starts near ``start`` for all."""
    head = nn.Linear(inputs, 2 * NUM_LANDMARKS)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.constant_(head.bias, start)
    return head
