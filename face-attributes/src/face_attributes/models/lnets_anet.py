"""The networks of the whole method in one: LNet_o and LNet_s find faces, ANet describes them."""

from typing import Any

from torch import nn

PARTS = ("lnet_o", "lnet_s", "anet")


class LNetsANet(nn.Module):
    """Holds the three networks; they are used, and trained, one by one.

    Regions are found between them, which no gradient passes: there is no common forward pass.

    Args:
        lnet_o: `LNet` of whole images.
        lnet_s: `LNet` of the regions that it finds; None takes these for faces.
        anet: `ANet` of faces.

    Attributes:
        replaceable: layers that may be others than those of the weights that a training starts
            from: they depend on what is learned.
    """

    replaceable = ("head", "identities", "svms")

    def __init__(self, lnet_o: nn.Module, lnet_s: nn.Module | None, anet: nn.Module) -> None:
        super().__init__()
        self.lnet_o: Any = lnet_o
        self.lnet_s: Any = lnet_s
        self.anet: Any = anet

    def compiled_parts(self) -> list[nn.Module]:
        """Return what is compiled: the parts, each of which is called by itself."""
        return [part for part in (self.lnet_o, self.lnet_s, self.anet) if part is not None]

    def begin(self, part: str) -> Any:
        """Return the part of a name, which trains from now on; the others rest.

        Raises:
            ValueError: there is no such part.
        """
        learner = getattr(self, part) if part in PARTS else None
        if learner is None:
            raise ValueError(f"expected a part among {', '.join(PARTS)} that is there, got {part}")
        self.requires_grad_(False).eval()
        learner.requires_grad_(True).train()
        return learner
