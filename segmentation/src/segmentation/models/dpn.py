"""Deep Parsing Network: a Markov random field solved by one pass through a network.

Liu, Li, Luo, Loy, Tang, "Semantic Image Segmentation via Deep Parsing Network", ICCV 2015.

The energy of giving the classes u to the pixels i is -ln p(u, i), of the network below, and for
pairs of pixels a penalty that depends on the classes, on where one lies seen from the other (the
label contexts) and on how alike the second and its own surroundings are (the triple penalty). One
step of mean field, from p on, is what the layers b12 to b15 compute.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segmentation.models.label_context import LabelContexts
from segmentation.models.local_convolution import LocalConvolution, Reading
from segmentation.models.parsing import Head, Parsing, enlarge
from segmentation.models.unary import Unary

Activation = Literal["softmax", "sigmoid"]
ACTIVATIONS = {"softmax": lambda scores: scores.log_softmax(1), "sigmoid": F.logsigmoid}

PHASES = {  # of the training (section 3.3), and what learns in each
    "unary": ("unary",),
    "triple_penalty": ("local_convolution",),
    "label_contexts": ("label_contexts",),
    "joint": ("unary", "local_convolution", "label_contexts"),
}


class MeanField(NamedTuple):
    """One step of mean field; every field is (B, L, h, w).

    Attributes:
        logits: ``unary - penalty``; a softmax over L gives the new probabilities.
        unary: log-probabilities before the step.
        smoothed: output of the local convolution of the probabilities.
        penalty: output of the label contexts.
    """

    logits: Tensor
    unary: Tensor
    smoothed: Tensor
    penalty: Tensor


class MeanFieldStep(nn.Module):
    """One step of mean field: layers b12 to b15 of the paper.

    As the paper's table of layers has it. (Its energy weighs what a pixel's neighbours say by the
    pixel's own probability, too.)

    Args:
        num_classes: L.
        window: window of the local convolution, pixels of the grid; the paper's is 50 at full size.
        reading: reading of the local convolution.
        context_size: context size of the label contexts.
        components: K, of the label contexts' mixtures.
        potts: the Potts penalty that training starts from; 0 starts from the unary.
    """

    def __init__(
        self,
        num_classes: int,
        window: int = 50,
        reading: Reading = "affinity",
        context_size: int = 9,
        components: int = 5,
        potts: float = 1.0,
    ) -> None:
        super().__init__()
        self.local_convolution = LocalConvolution(window, reading)
        # A class is favoured where pixels like this one have it, penalised where unlike ones do.
        same = -potts if reading == "affinity" else potts
        self.label_contexts = LabelContexts(num_classes, context_size, components, same)

    def forward(self, log_probabilities: Tensor, image: Tensor) -> MeanField:
        """(B, L, h, w), (B, 3, h, w) in [0, 1] -> MeanField."""
        smoothed = self.local_convolution(log_probabilities.exp(), image)
        penalty = self.label_contexts(smoothed)
        return MeanField(log_probabilities - penalty, log_probabilities, smoothed, penalty)


class DeepParsingNetwork(nn.Module):
    """A unary network and one step of mean field, trained one after the other, then together.

    The phase ``triple_penalty`` learns the local convolution behind label contexts that are still
    the Potts penalty they begin with. What a phase does not train is left as it is, dropout and the
    statistics of batch normalisation included.

    Args:
        trunk: trunk with ``channels``; (B, 3, H, W) in [0, 1] -> (B, C, h, w), at any fraction of
            the size.
        num_classes: L.
        stride: stride of the grid of the energy, pixels of the image: 1 is the paper's, 8 costs a
            64th of it. The image is averaged over the cells, the trunk's scores are enlarged to the
            grid.
        window: side of the window, see `MeanFieldStep`, on that grid; by default the paper's 50
            pixels of the image.
        reading: see `MeanFieldStep`, as for the rest.
        activation: activation of the unary: ``sigmoid``, as the paper's, or ``softmax``.
        unary: the arguments of `segmentation.models.unary.Unary` but for the first two; the paper's
            is a classifier behind the trunk.

    Raises:
        ValueError: a stride below 1, or another activation.
    """

    phases = tuple(PHASES)

    def __init__(
        self,
        trunk: nn.Module,
        num_classes: int,
        stride: int = 8,
        window: int | None = None,
        reading: Reading = "affinity",
        context_size: int = 9,
        components: int = 5,
        potts: float = 1.0,
        activation: Activation = "softmax",
        unary: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if stride < 1 or activation not in ACTIVATIONS:
            raise ValueError(
                f"expected a stride of at least 1 and the activation {' or '.join(ACTIVATIONS)}, "
                f"got {stride}, {activation!r}"
            )
        self.unary = Unary(trunk, num_classes, **(unary or {}))
        if window is None:
            window = max(3, math.ceil(50 / stride))
        self.mean_field = MeanFieldStep(
            num_classes, window, reading, context_size, components, potts
        )
        self.stride = stride
        self.activation = activation
        self.phase = "joint"

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters by the names that `PHASES` gives them; each is in one part."""
        return {
            name: [parameter for module in modules for parameter in module.parameters()]
            for name, modules in self._modules_of_parts().items()
        }

    def begin(self, phase: str) -> None:
        """Begin a phase of the training, one of ``phases``: only its parts learn from now on.

        In the phase ``unary`` the network is its unary alone, in training and after it.

        Raises:
            ValueError: no phase of that name.
        """
        if phase not in PHASES:
            raise ValueError(f"expected a phase among {', '.join(PHASES)}, got {phase!r}")
        self.phase = phase
        for name, parameters in self.parts().items():
            for parameter in parameters:
                parameter.requires_grad_(name in PHASES[phase])
        self.train(self.training)

    def train(self, mode: bool = True) -> "DeepParsingNetwork":
        """As every module's; what the phase does not train stays in evaluation."""
        super().train(mode)
        for name, modules in self._modules_of_parts().items():
            if name not in PHASES[self.phase]:
                for module in modules:
                    module.eval()
        return self

    def forward(self, image: Tensor, target: Tensor | None = None) -> Parsing:
        """Segment images.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].
            target: unused; other networks learn from it which pixels go on.

        Returns:
            Parsing with the ``terms`` of `MeanField`, on the energy's grid.
        """
        cells = self._average(image)
        scores, _, auxiliary = self.unary(image)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        # b1 to b11: log-probabilities (B, L, h, w) on the energy's grid
        unary = ACTIVATIONS[self.activation](enlarge(scores, cells.shape[-2:]))
        if self.phase == "unary":
            logits, terms = unary, {"unary": unary}
        else:
            field = self.mean_field(unary, cells)
            logits, terms = field.logits, field._asdict()
            del terms["logits"]
        heads = self.unary.heads(logits, auxiliary)
        heads = heads or ((Head(logits),) if self.training else ())
        return Parsing(enlarge(logits, image.shape[-2:]), heads, terms=terms)

    def _average(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, h, w), means over cells; outside, the border is repeated."""
        # `-size % stride` in a form that a compiled graph of any size takes
        height, width = image.shape[-2:]
        right = (width + self.stride - 1) // self.stride * self.stride - width
        down = (height + self.stride - 1) // self.stride * self.stride - height
        return F.avg_pool2d(F.pad(image, (0, right, 0, down), mode="replicate"), self.stride)

    def _modules_of_parts(self) -> dict[str, tuple[nn.Module, ...]]:
        return {
            "unary": (self.unary,),
            "local_convolution": (self.mean_field.local_convolution,),
            "label_contexts": (self.mean_field.label_contexts,),
        }

    def get_extra_state(self) -> Tensor:
        """Return the phase, so that a checkpoint is used as it was trained."""
        return torch.tensor(self.phases.index(self.phase))

    def set_extra_state(self, state: Tensor) -> None:
        """Return to a checkpoint's phase."""
        self.begin(self.phases[int(state)])
