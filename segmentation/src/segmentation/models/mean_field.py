"""Mean-field inference of a fully connected CRF with Gaussian potentials.

Krähenbühl, Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials",
NIPS 2011, as layers whose weights learn: Zheng et al., "Conditional Random Fields as Recurrent
Neural Networks", ICCV 2015.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segmentation.models.gaussian_filter import Lattice


class MeanField(nn.Module):
    """Iterations of: filter the probabilities, weigh them, let classes penalise each other.

    Two kernels: appearance (near in position and alike in colour) and smoothness (near in
    position). Each filter's output is normalised by its sum of weights and, unlike in the papers,
    includes the pixel itself. Starts as the Potts model with the same weight for every class.

    Args:
        num_classes: L.
        iterations: T.
        position: standard deviation of the appearance kernel over position, pixels.
        colour: over colour, of a range of [0, 1].
        smoothness: standard deviation of the smoothness kernel, pixels.
        appearance_weight: weight of the appearance kernel, at the start.
        smoothness_weight: weight of the smoothness kernel, at the start.
        learns: weights and compatibility are parameters (CRF as RNN); else fixed (dense CRF).
    """

    def __init__(
        self,
        num_classes: int,
        iterations: int = 5,
        position: float = 20.0,
        colour: float = 0.1,
        smoothness: float = 2.0,
        appearance_weight: float = 4.0,
        smoothness_weight: float = 2.0,
        learns: bool = True,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.position = position
        self.colour = colour
        self.smoothness = smoothness
        eye = torch.eye(num_classes)
        self.appearance = nn.Parameter(appearance_weight * eye, requires_grad=learns)
        self.smooth = nn.Parameter(smoothness_weight * eye, requires_grad=learns)
        self.compatibility = nn.Parameter(1 - eye, requires_grad=learns)  # a penalty of each pair

    def forward(self, logits: Tensor, image: Tensor, iterations: int | None = None) -> Tensor:
        """Refine scores.

        Args:
            logits: (B, L, H, W), minus the unary energies.
            image: (B, 3, H, W), RGB in [0, 1]; it takes no gradient.
            iterations: instead of the constructor's.

        Returns:
            (B, L, H, W), of which a softmax gives the last iteration's marginals.
        """
        return [logits, *self.refinements(logits, image, iterations)][-1]

    def refinements(
        self, logits: Tensor, image: Tensor, iterations: int | None = None
    ) -> Iterator[Tensor]:
        """Yield what each iteration makes of the scores; takes what `forward` takes."""
        lattices = [Lattice(features) for features in self._features(image)]
        refined = logits
        for _ in range(self.iterations if iterations is None else iterations):
            marginals = refined.softmax(1)
            message = torch.einsum(
                "kl,blhw->bkhw", self.appearance, _filter(lattices, marginals)
            ) + torch.einsum("kl,blhw->bkhw", self.smooth, self._blur(marginals))
            refined = logits - torch.einsum("kl,blhw->bkhw", self.compatibility, message)
            yield refined

    def _features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, H * W, 5): position and colour in standard deviations."""
        batch, _, height, width = image.shape
        y = torch.arange(height, device=image.device, dtype=torch.float32) / self.position
        x = torch.arange(width, device=image.device, dtype=torch.float32) / self.position
        position = torch.stack(torch.meshgrid(y, x, indexing="ij")).expand(batch, -1, -1, -1)
        return torch.cat([position, image.float() / self.colour], 1).flatten(2).transpose(1, 2)

    def _blur(self, marginals: Tensor) -> Tensor:
        """The smoothness kernel, which is separable; outside the image lies nothing."""
        radius = int(3 * self.smoothness + 0.5)
        offsets = torch.arange(-radius, radius + 1, device=marginals.device, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (offsets / self.smoothness) ** 2)
        planes = F.pad(marginals, (0, 0, 0, 0, 0, 1), value=1.0).float()  # and the sum of weights
        for shape, padding in (((1, 1, -1, 1), (radius, 0)), ((1, 1, 1, -1), (0, radius))):
            weight = kernel.view(shape).expand(planes.shape[1], -1, -1, -1)
            planes = F.conv2d(planes, weight, padding=padding, groups=planes.shape[1])
        return planes[:, :-1] / planes[:, -1:]


def _filter(lattices: list[Lattice], planes: Tensor) -> Tensor:
    """Filter (B, L, H, W), each image over its own lattice."""
    filtered = [
        lattice.filter(plane.flatten(1).T.float()).T.view_as(plane)
        for lattice, plane in zip(lattices, planes, strict=True)
    ]
    return torch.stack(filtered)
