"""ANet's layers: from a patch of a face to a feature, as the paper has them, or a timm network.

Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015, section 3.2, and the
table of its supplement.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_attributes.models.locally_shared import LocallySharedConv2d, slide_locally_shared_conv2d
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network, feature_levels

Pair = tuple[int, int]

STRIDE = 4
"""Pixels between neighbours on the map that C1 and C2 with their poolings make."""


class PaperLayers(nn.Module):
    """C1 and C2 share their filters everywhere, C3 and C4 in the cells of a grid; then one FC.

    What the paper does not state is that of DeepID2 (Sun et al. 2014), whose filters it has: the
    patch of 55x47, regions of 2x2 positions that share filters (5x4 cells of C3, 2x2 of C4, where
    the last column of cells is one narrower), and 160 features. Nothing is padded. No ReLU follows
    FC: behind one, the similarity of identities, which only pulls, leaves 70 % of the units dead.

    Args:
        patch: height and width in pixels.
        grids: rows and columns of cells of C3 and of C4.
        width: D, of the features.

    Raises:
        ValueError: a patch with fewer positions than a grid has cells.
    """

    def __init__(
        self, patch: Pair, grids: tuple[Pair, Pair] = ((5, 4), (2, 2)), width: int = 160
    ) -> None:
        super().__init__()
        self.shared = nn.Sequential(  # STRIDE, and that nothing is padded, is said again below
            Normalise(),
            nn.Conv2d(3, 20, 4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 40, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.crop = (_shared_size(patch[0]), _shared_size(patch[1]))
        c3 = self.crop[0] - 2, self.crop[1] - 2
        c4 = c3[0] // 2 - 1, c3[1] // 2 - 1
        for name, size, grid in zip(("C3", "C4"), (c3, c4), grids, strict=True):
            if size[0] < grid[0] or size[1] < grid[1]:
                raise ValueError(
                    f"expected a patch with a position of {name} for each cell of {tuple(grid)}, "
                    f"got {tuple(patch)} pixels, which make {size}"
                )
        self.c3 = LocallySharedConv2d(40, 60, 3, (grids[0][0], grids[0][1]))
        self.pool = nn.MaxPool2d(2)
        self.c4 = LocallySharedConv2d(60, 80, 2, (grids[1][0], grids[1][1]))
        self.fc = nn.Linear(80 * c4[0] * c4[1], width)
        self.width = width

    def forward(self, image: Tensor, corners: Sequence[Pair]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the features (B * N, D) of overlapping patches, and the maps ``c3`` and ``c4``.

        What C1 and C2 make is computed once. Equal to the features of the patches one by one, since
        C1 and C2 pad nothing and their poolings fall on the same pixels.
        """
        shared = self.shared(image)
        height, width = self.crop
        crops = [
            shared[:, :, y // STRIDE :, x // STRIDE :][:, :, :height, :width] for y, x in corners
        ]
        return self._describe(self.c3(torch.stack(crops, 1).flatten(0, 1)).relu())

    def dense(self, image: Tensor, last: Pair) -> Tensor:
        """Return the features (B, rows, columns, D) of all patches 4 pixels apart.

        C1, C2 and C3 are computed once for all patches (the paper's interweaved operation), what
        follows for each.

        Args:
            image: (B, 3, H, W).
            last: top and left of the last patch; one further may fit on the map, its patch does not
                fit on the image.
        """
        height, width = (at // STRIDE + n for at, n in zip(last, self.crop, strict=True))
        shared = self.shared(image)[:, :, :height, :width]
        c3 = slide_locally_shared_conv2d(shared, self.c3.weight, self.c3.bias, size=self.crop)
        return self._describe(c3.flatten(0, 2).relu())[0].unflatten(0, c3.shape[:3])

    def _describe(self, c3: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        c4 = self.c4(self.pool(c3)).relu()
        return self.fc(c4.flatten(1)), {"c3": c3, "c4": c4}


class BackboneLayers(nn.Module):
    """The maps of a timm network, each averaged over a grid, one after another.

    Means over a grid keep where on the face something was seen: linear machines on them read a
    mouth at the mouth.

    Args:
        model: timm's name of it.
        pretrained: value as `vision_shared.pretrained.create_network` takes it.
        reductions: pixels between cells of the maps, and ``grids``, rows and columns a side of each
            one's means.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool | str = False,
        reductions: Sequence[int] = (8, 16, 32),
        grids: Sequence[int] = (8, 4, 2),
    ) -> None:
        super().__init__()
        levels = feature_levels(model, reductions)
        network: Any = create_network(model, pretrained, features_only=True, out_indices=levels)
        config = network.default_cfg
        self.normalise = Normalise(config["mean"], config["std"])
        self.network = network
        self.grids = tuple(grids)
        channels = network.feature_info.channels()
        self.width = sum(c * n * n for c, n in zip(channels, grids, strict=True))

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, D)."""
        maps = self.network(self.normalise(patches))
        means = [
            F.adaptive_avg_pool2d(m, n).flatten(1) for m, n in zip(maps, self.grids, strict=True)
        ]
        return torch.cat(means, 1)


def _shared_size(length: int) -> int:
    return ((length - 3) // 2 - 2) // 2
