"""Label contexts: what it costs a class to have each class at each place around it.

Liu et al. 2015, "Semantic Image Segmentation via Deep Parsing Network", layers b13 (a convolution
with K filters for each class, the components of its mixture) and b14 (the cheapest of the K).
"""

import torch
from torch import Tensor, nn


class LabelContexts(nn.Module):
    """Sum each class's penalties over its surroundings, and take the cheapest of K such sums.

    The filter of class u has a weight for each class v and offset (dy, dx): what is added to the
    energy of u at a pixel where v is, dy pixels further down and dx to the right. Positive weights
    are penalties, negative ones favours. Outside the image there is no class, and no penalty.

    To begin with, all components are the Potts penalty, with a little noise that tells them apart:
    equal ones would have equal gradients, and stay equal.

    Args:
        num_classes: L.
        size: rows and columns of the surroundings, odd; 1 is a global context, which knows which
            classes go together, but not where. The paper's is 9.
        components: K; the paper's is 5.
        same: the Potts penalty to begin with, of a class for itself at the pixel itself; negative
            where the input is large in support of a class, as from an affinity. 0 has no effect.
        noise: deviation of the noise.

    Raises:
        ValueError: a size that is even, or no component.
    """

    def __init__(
        self,
        num_classes: int,
        size: int = 9,
        components: int = 5,
        same: float = -1.0,
        noise: float = 1e-3,
    ) -> None:
        super().__init__()
        if size < 1 or size % 2 == 0 or components < 1:
            raise ValueError(
                f"expected an odd size and at least one component, got {size}, {components}"
            )
        self.components = components
        filters = num_classes * components
        self.mixtures = nn.Conv2d(num_classes, filters, size, padding=size // 2, bias=False)
        nn.init.normal_(self.mixtures.weight, std=noise)
        with torch.no_grad():
            classes = torch.arange(num_classes)
            self.kernels()[classes, :, classes, size // 2, size // 2] += same

    def forward(self, smoothed: Tensor) -> Tensor:
        """(B, L, H, W) -> penalties (B, L, H, W)."""
        return block_min_pool(self.mixtures(smoothed), self.components)

    def kernels(self) -> Tensor:
        """(L, K, L, size, size), a view of the weights: class u, component, class v, dy, dx."""
        return self.mixtures.weight.unflatten(0, (-1, self.components))

    def matrices(self) -> Tensor:
        """(L, L, size, size), penalty or favour of class u for v at (dy, dx): what was learned.

        The mean of the components, against the mean of all classes u: a penalty that all of them
        share changes no probability.
        """
        mean = self.kernels().detach().mean(1)
        return mean - mean.mean(0)


def block_min_pool(x: Tensor, block: int) -> Tensor:
    """(B, L * block, H, W) -> (B, L, H, W), the least of every ``block`` channels.

    Raises:
        ValueError: the channels are not a multiple of ``block``.
    """
    if x.ndim != 4 or x.shape[1] % block:
        raise ValueError(f"expected (B, L * {block}, H, W), got {tuple(x.shape)}")
    return x.unflatten(1, (-1, block)).amin(2)
