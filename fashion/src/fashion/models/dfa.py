"""Deep Fashion Alignment: landmarks found in stages, each of which corrects the one before.

Liu, Yan, Luo, Wang, Tang, "Fashion Landmark Detection in the Wild", ECCV 2016, and the nets that
its authors released: one cascade for each type of garment. Here one speaks of all types, in eight
landmarks of which a type lacks some.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from fashion.models.alignment_stage import AlignmentStage, Answer
from fashion.models.pseudo_labels import PseudoLabels
from fashion.models.recognition import expect_annotation, locatable
from fashion.models.trunk import Trunk

Inference = Literal["average", "route"]
Start = Literal["previous", "noise"]


class Alignment(NamedTuple):
    """A cascade's answer to images of one garment each.

    Attributes:
        landmarks: (B, 8, 2), fractions, as `fashion.models.Recognition`'s.
        state_logits: (B, 8, 3), likewise.
        label_logits: (B, k), of the last stage's pseudo-labels; None where there are none.
        earlier: (B, 8, 2) each, the landmarks that the stages before the last one answered.
        answers: outputs of the last stage's branches.
        learns: (B, number of them) bool, which of the branches learns from which garment.
    """

    landmarks: Tensor
    state_logits: Tensor
    label_logits: Tensor | None
    earlier: tuple[Tensor, ...]
    answers: tuple[Answer, ...]
    learns: Tensor

    @property
    def previous(self) -> Tensor | None:
        """(B, 8, 2), the landmarks that the last stage began with; None in the first."""
        return self.earlier[-1] if self.earlier else None


class StageTarget(NamedTuple):
    """What the branches of a stage learn.

    Attributes:
        change: (B, 8, 2), as `Answer`'s; 0 where a landmark has no place.
        labels: (B, k), probabilities of the pseudo-labels; None where there are none.
    """

    change: Tensor
    labels: Tensor | None


class DeepFashionAlignment(nn.Module):
    """A cascade of stages, trained one after the other, of which the last has two branches.

    Later stages update l_t = l_{t-1} - change / ``scale``, as the released code does. Two branches
    of a later stage are for easy and hard garments, by the error that those of the same
    pseudo-label had after the stage before; without pseudo-labels, and in the first stage, several
    branches are an ensemble, which learns alike and is averaged.

    Pseudo-labels are clusters of what a stage has to say on the training set, so they are fitted
    between the phases: where ``needs_fit`` is true after `begin`, give `fit` what `before` answers
    on the training images. They are part of the state.

    Attributes:
        has_started: (stages,) bool, those whose first weights are not to be touched any more.

    Args:
        make_trunk: function that makes a new trunk of one branch for every network of the
            cascade.
        branches: branches of each stage. (1, 1, 2) is the paper's, (1,) direct regression.
        num_labels: pseudo-labels of each stage, or of all; 0 has none.
        temperature: temperature of the first stage's soft labels, exp(-distance / temperature),
            fractions; those of later stages are hard.
        overlap: share of the garments that both the easy and the hard branch learn from.
        inference: ``average`` of the branches, as released, or ``route`` to one, as published.
        scale: scale of the changes that later stages predict.
        start: later stages begin with the weights of the ``previous`` one, so that they go on from
            what it has learned to see; or with ``noise``, which is a longer training and an
            ensemble, too, and looks like a gain of the cascade where stages are trained short.
        stage: the settings of each `AlignmentStage`.

    Raises:
        ValueError: branches, labels or an inference that there cannot be.
    """

    has_started: Tensor

    def __init__(
        self,
        make_trunk: Callable[[], Trunk],
        branches: Sequence[int] = (1, 1, 2),
        num_labels: int | Sequence[int] = 20,
        temperature: float = 0.04,
        overlap: float = 0.5,
        inference: Inference = "average",
        scale: float = 5.0,
        start: Start = "previous",
        **stage: Any,
    ) -> None:
        super().__init__()
        labels = [num_labels] * len(branches) if isinstance(num_labels, int) else list(num_labels)
        _expect_plan(branches, labels, inference)
        if start not in get_args(Start):
            raise ValueError(f"expected a start from previous or noise, got {start!r}")
        self.phases = tuple(f"stage{i}" for i in range(1, len(branches) + 1))
        self.num_labels = tuple(labels)
        self.temperature, self.overlap, self.scale = temperature, overlap, scale
        self.inference: Inference = inference
        self.stages = nn.ModuleList(
            nn.ModuleList(
                AlignmentStage(make_trunk(), number, is_first=i == 0, **stage) for _ in range(count)
            )
            for i, (count, number) in enumerate(zip(branches, labels, strict=True))
        )
        self.pseudo_labels = nn.ModuleList(PseudoLabels(number) for number in labels)
        self.last = len(branches) - 1
        keeps_start = torch.tensor([start == "noise" or i == 0 for i in range(len(branches))])
        self.register_buffer("has_started", keeps_start)

    def begin(self, phase: str) -> None:
        """Begin a phase of the training, one of ``phases``: its stage learns and is the last one.

        The first time it takes over what ``start`` says, so begin them in their order.

        Raises:
            ValueError: no phase of that name.
        """
        if phase not in self.phases:
            raise ValueError(f"expected a phase among {', '.join(self.phases)}, got {phase!r}")
        self.last = self.phases.index(phase)
        if not self.has_started[self.last]:
            first, *_ = self.stages[self.last - 1]  # type: ignore[not-iterable]
            for branch in self.stages[self.last]:  # type: ignore[not-iterable]
                branch.start_from(first)
            self.has_started[self.last] = True
        for i, stage in enumerate(self.stages):
            stage.requires_grad_(i == self.last)
        self.train(self.training)

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: the branches of the stages, which are trained one by one."""
        return [branch for stage in self.stages for branch in stage]  # type: ignore[not-iterable]

    def train(self, mode: bool = True) -> "DeepFashionAlignment":
        """As every module's; the stages before the phase's stay in evaluation."""
        super().train(mode)
        for stage in self.stages[: self.last]:
            stage.eval()
        return self

    @property
    def needs_fit(self) -> bool:
        """The pseudo-labels of the phase's stage, or who is easy for it, are not fitted yet."""
        is_fitted = bool(self._labels(self.last).is_fitted)
        return not is_fitted or (
            self._is_divided(self.last) and not self._labels(self.last - 1).knows_errors
        )

    @torch.no_grad()
    def before(self, image: Tensor) -> Alignment | None:
        """Return what the stages before the phase's answer; None in the first."""
        alignment = None
        for i in range(self.last):
            alignment = self._run(i, image, alignment)
        return alignment

    def fit(
        self, landmarks: Tensor, states: Tensor, previous: Alignment | None = None, seed: int = 0
    ) -> None:
        """Fit the pseudo-labels of the phase's stage, and who is easy, on the training set.

        Garments none of whose landmarks has a place take no part.

        Args:
            landmarks: (N, 8, 2), annotated, fractions.
            states: (N, 8).
            previous: outputs of `before` for their images, of which ``landmarks`` and
                ``label_logits`` are read; None in the first stage.
            seed: seed of k-means.

        Raises:
            ValueError: shapes that do not fit, fewer garments than labels, no previous answers.
        """
        expect_annotation(landmarks, states, len(landmarks))
        self._expect_previous(previous)
        some = locatable(states).any(1)
        known = locatable(states)[some]
        left = landmarks if previous is None else landmarks - previous.landmarks
        left = left[some]
        self._labels(self.last).fit(left, known, seed)
        if previous is None or previous.label_logits is None or not self._is_divided(self.last):
            return
        errors = (left.norm(dim=2) * known).sum(1) / known.sum(1)
        probabilities = previous.label_logits[some].softmax(1)
        self._labels(self.last - 1).fit_errors(probabilities, errors, self.overlap)

    def target(self, alignment: Alignment, landmarks: Tensor, states: Tensor) -> StageTarget:
        """Return what the phase's stage should have answered.

        Args:
            alignment: alignment of the images.
            landmarks: (B, 8, 2), annotated, fractions.
            states: (B, 8).

        Raises:
            ValueError: shapes that do not fit, or pseudo-labels that are not fitted.
        """
        if self.needs_fit:
            raise ValueError(f"expected fitted pseudo-labels in {self.phases[self.last]}, got none")
        expect_annotation(landmarks, states, len(alignment.landmarks))
        known = locatable(states)
        vectors, change, temperature = landmarks, landmarks, self.temperature
        if alignment.previous is not None:
            vectors, temperature = landmarks - alignment.previous, None
            change = -self.scale * vectors
        change = change.masked_fill(~known[..., None], 0)
        if alignment.label_logits is None:
            return StageTarget(change, None)
        return StageTarget(change, self._labels(self.last).assign(vectors, known, temperature))

    def forward(self, image: Tensor) -> Alignment:
        """(B, 3, H, W), RGB in [0, 1] -> Alignment, by the stages up to the phase's."""
        return self._run(self.last, image, self.before(image))

    def _run(self, i: int, image: Tensor, before: Alignment | None) -> Alignment:
        previous = None if before is None else before.landmarks
        answers = tuple(branch(image, previous) for branch in self.stages[i])  # type: ignore
        number = image.shape[0]  # len() would make a constant of it in an exported program
        shares = torch.full((number, len(answers)), 1 / len(answers), device=image.device)
        learns = torch.ones_like(shares, dtype=torch.bool)
        if before is not None and before.label_logits is not None and self._is_divided(i):
            labels = self._labels(i - 1)
            probabilities = before.label_logits.softmax(1)
            learns = labels.is_easy_and_hard(probabilities)
            if self.inference == "route":
                is_easy = labels.is_easy(probabilities)
                shares = torch.stack([is_easy, ~is_easy], 1).to(shares)
        change = _blend(shares, [answer.change for answer in answers])
        logits = [answer.label_logits for answer in answers if answer.label_logits is not None]
        return Alignment(
            change if previous is None else previous - change / self.scale,
            _blend(shares, [answer.state_logits for answer in answers]),
            _blend(shares, logits) if logits else None,
            () if before is None else (*before.earlier, before.landmarks),
            answers,
            learns,
        )

    def _is_divided(self, i: int) -> bool:
        """Stage i has an easy and a hard branch."""
        return i > 0 and len(self.stages[i]) == 2 and self.num_labels[i - 1] > 0  # type: ignore

    def _labels(self, i: int) -> PseudoLabels:
        labels = self.pseudo_labels[i]
        assert isinstance(labels, PseudoLabels)
        return labels

    def _expect_previous(self, previous: Alignment | None) -> None:
        if (previous is None) != (self.last == 0):
            raise ValueError(
                f"expected previous answers in every stage but the first, got {type(previous)} in "
                f"{self.phases[self.last]}"
            )

    def get_extra_state(self) -> Tensor:
        """Return the phase, so that a checkpoint is used as it was trained."""
        return torch.tensor(self.last)

    def set_extra_state(self, state: Tensor) -> None:
        """Return to a checkpoint's phase."""
        self.begin(self.phases[int(state)])


def _blend(shares: Tensor, values: Sequence[Tensor]) -> Tensor:
    """(B, n), n times (B, ...) -> (B, ...)."""
    stacked = torch.stack(list(values), 1)
    return (stacked * shares.view(*shares.shape, *[1] * (stacked.ndim - 2))).sum(1)


def _expect_plan(branches: Sequence[int], labels: Sequence[int], inference: Inference) -> None:
    if not branches or len(labels) != len(branches) or min(branches) < 1 or min(labels) < 0:
        raise ValueError(
            "expected a number of branches and of labels for each stage, got "
            f"{list(branches)} and {list(labels)}"
        )
    if max(branches[1:], default=1) > 2:
        raise ValueError(f"expected an easy and a hard branch at most, got {list(branches)}")
    if inference not in get_args(Inference):
        raise ValueError(f"expected the inference average or route, got {inference!r}")
    divided = [labels[i - 1] for i in range(1, len(branches)) if branches[i] == 2]
    if inference == "route" and not (divided and all(divided)):
        raise ValueError(
            "expected two branches behind a stage with pseudo-labels to route between, got "
            f"branches {list(branches)} and labels {list(labels)}"
        )
