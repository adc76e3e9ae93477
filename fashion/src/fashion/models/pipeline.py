"""The networks of one checkpoint: what finds garments, and what looks at one that is cut out."""

from torch import Tensor, nn

from fashion.models.detector import ClothesDetector
from fashion.models.dfa import Alignment, DeepFashionAlignment
from fashion.models.fashionnet import FashionNet
from fashion.models.frozen_net import FrozenFashionNet
from fashion.models.recognition import Recognition


class Pipeline(nn.Module):
    """A network of garments and, where images show more than one, the detector before it.

    The two share nothing: each sees the image in its own size.

    Args:
        network: network that describes a garment.
        detector: detector of garments; None where images are of one garment each.
    """

    replaceable = ("category", "attributes")
    """Layers that are reinitialised where the data has other categories or attributes."""

    def __init__(
        self,
        network: FashionNet | FrozenFashionNet | DeepFashionAlignment,
        detector: ClothesDetector | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.detector = detector

    def begin(self, phase: str) -> None:
        """Begin a phase of the network's training; raises as its own ``begin``."""
        self.network.begin(phase)

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: either network by itself, as they are called in training."""
        return [self.network, *([] if self.detector is None else [self.detector])]

    def forward(self, image: Tensor, *annotation: Tensor) -> Recognition | Alignment:
        """(B, 3, H, W), RGB in [0, 1], of one garment each -> what the network answers.

        Args:
            image: the images.
            annotation: landmarks and states, which `FashionNet` pools at in some phases.
        """
        return self.network(image, *annotation)
