"""Deep Layer Cascade: easy pixels leave early, hard ones go on.

Li, Liu, Luo, Loy, Tang, "Not All Pixels Are Equal: Difficulty-aware Semantic Segmentation via Deep
Layer Cascade", CVPR 2017.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segmentation.models.budget import TimeBudget
from segmentation.models.folding import Folded
from segmentation.models.parsing import IGNORE, Head, Parsing, enlarge, shrink_target
from vision_shared.inputs import InputError
from vision_shared.region.region import Region
from vision_shared.region.stage import RegionStage
from vision_shared.region.tracing import lower

Gate = Literal["truth", "confidence"]
Fill = Literal["zero", "coarse"]


class LayerCascade(nn.Module):
    """Stages of a trunk, a classifier behind each, and a threshold that decides who goes on.

    A pixel leaves at the first stage whose largest probability is above ``rho``; what it has got
    there is its prediction. Later stages compute the rest alone. To the paper, and to its region
    convolution, what has left is zero from then on (section 3.2); that costs more accuracy than the
    exits themselves, for a pixel that stays loses its surroundings. Here what has left goes on as
    one token for each block of pixels, the mean of its features, which later stages compute as they
    do a pixel: a coarse image of the easy around the hard. Trained in two phases (section 3.3):
    ``deep_supervision`` trains all stages and classifiers on all pixels; ``cascade`` fine-tunes
    each on the pixels that reach it, with the statistics of the batch normalisation as they are.

    Args:
        trunk: trunk with ``stages`` and ``channels``; (B, 3, H, W) in [0, 1] in, one grid from the
            first stage's output on.
        num_classes: L.
        rho: thresholds in (0, 1], one for each stage but the last, or one for all; 1 lets no pixel
            leave, which is deep supervision alone.
        gate: pixels that leave in training: ``truth`` takes those whose true class is above
            ``rho``, as the released code does, ``confidence`` those that leave in a test.
        head_width: channels of the classifiers' 3x3 convolution.
        last_weight: weight of the last stage's loss; the others have 1.
        fill: values that later stages read where pixels have left: ``coarse`` features of blocks,
            or ``zero``, the paper's.
        block: side of the blocks, cells of the grid; odd ones have a cell in their centre.

    Attributes:
        budget: limit of the pixels that go on, by the time that is left; None is no limit.

    Raises:
        InputError: a later stage that cannot run on a region.
        ValueError: another fill, a block below 1, a threshold out of range, or another number of
            them than stages ask for.
    """

    phases = ("deep_supervision", "cascade")

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        rho: float | Sequence[float] = 0.985,
        gate: Gate = "confidence",
        head_width: int = 64,
        last_weight: float = 2.0,
        fill: Fill = "coarse",
        block: int = 3,
    ) -> None:
        super().__init__()
        if fill not in ("zero", "coarse") or block < 1:
            raise ValueError(
                f"expected fill 'zero' or 'coarse' and a block of at least 1, got {fill!r}, {block}"
            )
        self.stages: nn.ModuleList = trunk.stages  # type: ignore[assignment]
        _check_regions(self.stages)
        self.heads = nn.ModuleList(
            [_head(channels, head_width, num_classes) for channels in trunk.channels]  # type: ignore
        )
        later = len(self.stages) - 1
        self.register_buffer("rho", torch.empty(later))
        self.set_rho([rho] * later if isinstance(rho, float | int) else rho)
        self.cascaded = False
        self.gate = gate
        self.block = block if fill == "coarse" else 0
        self.weights = (1.0,) * later + (last_weight,)
        self.budget: TimeBudget | None = None
        self._folded = Folded()
        self._later: list[tuple[RegionStage, RegionStage]] = []

    def set_rho(self, rho: Sequence[float]) -> None:
        """Choose the thresholds, one for each stage but the last; raises as the constructor."""
        if len(rho) != len(self.rho) or not all(0 < value <= 1 for value in rho):
            raise ValueError(
                f"expected {len(self.rho)} thresholds rho in (0, 1], one for each stage but the "
                f"last, got {list(rho)}"
            )
        self.rho.copy_(torch.tensor(list(rho), dtype=torch.float32))

    def begin(self, phase: str) -> None:
        """Begin a phase of the training, one of ``phases``."""
        self.cascaded = phase == "cascade"
        self.train(self.training)
        if self.cascaded:
            self._region_stages()  # now, not in the middle of a pass

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: the stages and classifiers, where they are called on all pixels.

        The cascade itself is not, whose tokens are as many as pixels go on.
        """
        return [*self.stages, *self.heads]

    def get_extra_state(self) -> Tensor:
        """Return the phase, for a checkpoint."""
        return torch.tensor(self.cascaded)

    def set_extra_state(self, state: Tensor) -> None:
        """Return to a checkpoint's phase."""
        self.cascaded = bool(state)

    def train(self, mode: bool = True) -> "LayerCascade":
        """As every module's; the cascade phase keeps the batch normalisation in evaluation."""
        super().train(mode)
        if mode and self.cascaded:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """Segment images.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].
            target: (B, H, W), class ids with 255 unlabelled; for the ``truth`` gate in training.

        Returns:
            Parsing with ``stages`` where the cascade decides.
        """
        if not self.cascaded:
            return self.on_all_pixels(image)
        if self.budget is None:
            return self._cascade(self._first_stage(image), image, target)
        self.budget.begin()
        parsing = self._cascade(self._first_stage(image), image, target)
        self.budget.end()
        return parsing

    def on_all_pixels(self, image: Tensor, last: int = -1) -> Parsing:
        """Segment images by every stage up to ``last`` on every pixel; that one predicts."""
        if not self.training:
            x = image
            for stage in [*self.stages[:last], self.stages[last]]:
                x = stage(x)
            return Parsing(enlarge(self.heads[last](x), image.shape[-2:]))
        logits = self._dense_logits(image)
        heads = tuple(Head(y, None, w) for y, w in zip(logits, self.weights, strict=True))
        return Parsing(enlarge(logits[-1], image.shape[-2:]), heads)

    def on_dense_features(self, image: Tensor) -> Parsing:
        """Segment images with exits that save nothing: every stage computes every pixel.

        A control: what the exits themselves cost, without what later stages miss.
        """
        first, *rest = self._dense_logits(image)
        logits, mask = first, torch.ones_like(first[:, 0], dtype=torch.bool)
        stages = torch.zeros_like(mask, dtype=torch.uint8)
        for s, later in enumerate(rest):
            mask = self._going_on(logits, s + 1, mask, None)
            stages = stages + mask
            logits = torch.where(mask[:, None], later, logits)
        return Parsing(enlarge(logits, image.shape[-2:]), (), stages)

    @torch.no_grad()
    def on_packed_maps(self, image: Tensor, last: int = -1) -> Parsing:
        """Segment images as `on_all_pixels` does, by the stages' packed dense pass.

        The fastest way to compute every pixel here, which a cascade's time is to be held against.
        """
        x = self._first_stage(image)
        later = self._region_stages()[: last % len(self.stages)]
        for stage, _ in later:
            x = stage(x)
        return Parsing(enlarge(later[-1][1](x), image.shape[-2:]))

    def computed_shares(self, stages: Tensor) -> list[float]:
        """Return what share of the cells each stage computes, blocks of what has left included.

        Args:
            stages: (B, h, w), of a `Parsing`.
        """
        later = (Region(stages >= s, self.block) for s in range(1, len(self.stages)))
        return [1.0, *(region.num_tokens / stages.numel() for region in later)]

    def _dense_logits(self, image: Tensor) -> list[Tensor]:
        """Return every stage's scores of every cell, (B, L, h, w) each."""
        logits, x = [], image
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            logits.append(head(x))
        return logits

    def _cascade(self, x: Tensor, image: Tensor, target: Tensor | None) -> Parsing:
        """Each stage on the pixels that are left; the stage that a pixel leaves at predicts it."""
        if target is not None:
            target = shrink_target(target, x.shape[-2:])
        scores_map = logits = self.heads[0](x)
        heads = [Head(logits, None, self.weights[0])]
        mask = self._going_on(logits, 1, None, target)
        stages = mask.to(torch.uint8)
        region = Region(mask, self.block)
        tokens = region.gather(x)
        for s, (stage, head) in enumerate(self._region_stages(), 1):
            tokens = stage(tokens, region)
            scores = head(tokens, region)
            # what is enlarged next to a region has to be in training what it is in a test
            scores_map = region.scatter(scores, onto=scores_map.detach())
            heads.append(Head(scores_map, mask, self.weights[s]))
            if self.budget is not None:
                self.budget.end_stage(s)
            if s + 1 < len(self.stages):
                mask = self._going_on(scores_map, s + 1, mask, target)
                stages = stages + mask
                child = region.subset(mask)
                tokens, region = region.select(tokens, child), child
        logits = enlarge(scores_map, image.shape[-2:])
        return Parsing(logits, tuple(heads) if self.training else (), stages)

    def _first_stage(self, image: Tensor) -> Tensor:
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.stages[0](image)
        return self._folded(self.stages[0], image)

    def _region_stages(self) -> list[tuple[RegionStage, RegionStage]]:
        """Return the later stages and classifiers on regions; they share the parameters.

        Kept outside of the modules, whose names in a checkpoint they would double.
        """
        if not self._later:
            later = zip(self.stages[1:], self.heads[1:], strict=True)
            self._later = [
                (RegionStage(stage, f"stage {s}"), RegionStage(head, f"head {s}"))
                for s, (stage, head) in enumerate(later, 1)
            ]
        return self._later

    def _going_on(
        self, logits: Tensor, stage: int, reached: Tensor | None, target: Tensor | None
    ) -> Tensor:
        """(B, L, h, w) -> (B, h, w) bool: the pixels that go on to a stage, from 1 on.

        In float32, for half precision cannot tell 0.985 from what is near it. Unlabelled pixels
        leave by their largest probability.

        Args:
            reached: (B, h, w), the pixels that the stage before computed; None is all of them.
        """
        probabilities = logits.detach().float().softmax(1)
        confidence = probabilities.amax(1)
        if self.training and self.gate == "truth" and target is not None:
            labelled = target != IGNORE
            truth = target.masked_fill(~labelled, 0)[:, None]
            confidence = torch.where(labelled, probabilities.gather(1, truth)[:, 0], confidence)
        goes_on = ~(confidence > self.rho[stage - 1])
        goes_on = goes_on if reached is None else goes_on & reached
        return goes_on if self.budget is None else self.budget.select(stage, confidence, goes_on)


def _check_regions(stages: nn.ModuleList) -> None:
    """Raise `InputError` for later stages that cannot run on a region; before a training."""
    for number, stage in enumerate(stages[1:], 1):
        try:
            lower(stage.eval(), f"stage {number}")
        except ValueError as error:
            raise InputError(
                f"module=cascade: {error}: take trunk=pyramid, whose later stages can and whose "
                "first takes any such network (trunk.model), or another module"
            ) from error
        finally:
            stage.train()


def _head(channels: int, width: int, num_classes: int) -> nn.Sequential:
    """Two convolutions before the scores, as the paper has them, behind one that narrows.

    The paper's 3x3 on all channels takes a tenth of the whole network's arithmetic.
    """
    return nn.Sequential(
        nn.Conv2d(channels, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, num_classes, 1),
    )
