"""ANet: from patches of a face to a feature, and from that to attributes.

Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015, section 3.2, and the
table of its supplement.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_attributes.models.tagging import Tagging, expect_image
from vision_shared.layers import LocallySharedConv2d, Normalise, slide_locally_shared_conv2d

Pair = tuple[int, int]
ClassifierName = Literal["linear", "svm"]

STRIDE = 4
"""Pixels between neighbours on the map that C1 and C2 with their poolings make."""


class ANet(nn.Module):
    """C1 and C2 share their filters everywhere, C3 and C4 in the cells of a grid; then one FC.

    What the paper does not state is that of DeepID2 (Sun et al. 2014), whose filters it has: the
    patch of 55x47, regions of 2x2 positions that share filters (5x4 cells of C3, 2x2 of C4, where
    the last column of cells is one narrower), and 160 features. Nothing is padded.

    Args:
        num_outputs: A, attributes.
        grids: rows and columns of cells of C3 and of C4.
        width: D, of the features.
        patch: height and width in pixels.
        num_identities: people whom a second linear layer, ``identities``, tells apart; None for
            no such layer.
        classifier: what answers in evaluation: the layer that was trained with the others
            (``linear``), or the paper's support vector machines (``svm``), which are fitted to the
            features afterwards.

    Raises:
        ValueError: a patch with fewer positions than a grid has cells.
    """

    replaceable = ("head", "identities", "svms")

    def __init__(
        self,
        num_outputs: int,
        grids: tuple[Pair, Pair] = ((5, 4), (2, 2)),
        width: int = 160,
        patch: Pair = (55, 47),
        num_identities: int | None = None,
        classifier: ClassifierName = "linear",
    ) -> None:
        super().__init__()
        if classifier not in get_args(ClassifierName):
            raise ValueError(f"expected the classifier linear or svm, got {classifier!r}")
        self.patch = (patch[0], patch[1])
        self.shared = nn.Sequential(  # STRIDE, and that nothing is padded, is said again below
            Normalise(),
            nn.Conv2d(3, 20, 4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 40, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.crop = (self._shared_size(patch[0]), self._shared_size(patch[1]))
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
        self.head = nn.Linear(width, num_outputs)
        self.identities = nn.Linear(width, num_identities) if num_identities else None
        self.svms = FixedLinear(width, num_outputs) if classifier == "svm" else None

    def forward(self, patches: Tensor) -> Tagging:
        """Tag patches (B, 3, *patch), RGB in [0, 1]; ``maps`` has ``c3`` and ``c4``.

        Raises:
            ValueError: patches of another size.
        """
        expect_image(patches, 1)
        if patches.shape[2:] != self.patch:
            raise ValueError(
                f"expected patches (B, 3, {self.patch[0]}, {self.patch[1]}), got "
                f"{tuple(patches.shape)}"
            )
        return self._describe(self.c3(self.shared(patches)).relu())

    def patch_features(self, image: Tensor, corners: Sequence[Pair]) -> Tensor:
        """Return the features of overlapping patches; what C1 and C2 make is computed once.

        Equal to the features of the patches one by one, since C1 and C2 pad nothing and their
        poolings fall on the same pixels.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].
            corners: N times top and left of a patch, pixels, multiples of 4.

        Returns:
            (B, N, D).

        Raises:
            ValueError: no corner, one off the grid, or a patch that leaves the image.
        """
        expect_image(image, 1)
        self._expect_corners(corners, (image.shape[2], image.shape[3]))
        shared = self.shared(image)
        height, width = self.crop
        crops = [
            shared[:, :, y // STRIDE :, x // STRIDE :][:, :, :height, :width] for y, x in corners
        ]
        c3 = self.c3(torch.stack(crops, 1).flatten(0, 1)).relu()
        features = self._describe(c3).features
        return features.unflatten(0, (len(image), len(corners)))

    def dense_features(self, image: Tensor) -> Tensor:
        """Return the features of all patches 4 pixels apart, as `patch_features` would.

        C1, C2 and C3 are computed once for all patches (the paper's interweaved operation), what
        follows for each.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].

        Returns:
            (B, rows, columns, D), by the patch's top and left.

        Raises:
            ValueError: an image smaller than a patch.
        """
        expect_image(image, 1)
        size = image.shape[2], image.shape[3]
        self._expect_corners([(0, 0)], size)
        last = self.corners(size)[-1]  # a place further may fit on the map, its patch does not
        height, width = (at // STRIDE + n for at, n in zip(last, self.crop, strict=True))
        shared = self.shared(image)[:, :, :height, :width]
        c3 = slide_locally_shared_conv2d(shared, self.c3.weight, self.c3.bias, size=self.crop)
        features = self._describe(c3.flatten(0, 2).relu()).features
        return features.unflatten(0, c3.shape[:3])

    def corners(self, size: Pair) -> list[Pair]:
        """Top and left of all patches 4 pixels apart in an image, row by row."""
        down, right = (
            range(0, length - patch + 1, STRIDE)
            for length, patch in zip(size, self.patch, strict=True)
        )
        return [(y, x) for y in down for x in right]

    def _describe(self, c3: Tensor) -> Tagging:
        c4 = self.c4(self.pool(c3)).relu()
        features = self.fc(c4.flatten(1)).relu()
        head = self.head if self.training or self.svms is None else self.svms
        return Tagging(head(features), features, {"c3": c3, "c4": c4})

    def _expect_corners(self, corners: Sequence[Pair], size: Pair) -> None:
        fits = len(corners) > 0 and all(
            at % STRIDE == 0 and 0 <= at <= length - patch
            for corner in corners
            for at, length, patch in zip(corner, size, self.patch, strict=True)
        )
        if not fits:
            raise ValueError(
                f"expected corners (top, left) in multiples of {STRIDE} pixels, of patches of "
                f"{self.patch} inside an image of {tuple(size)}, got {list(corners)}"
            )

    @staticmethod
    def _shared_size(length: int) -> int:
        return ((length - 3) // 2 - 2) // 2


class FixedLinear(nn.Module):
    """A linear layer that no gradient changes: support vector machines, one a row.

    Attributes:
        weight: (A, D), and ``bias`` (A,); 0 until they are fitted.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, width: int, num_outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(num_outputs, width))
        self.register_buffer("bias", torch.zeros(num_outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> (B, A), scores; an attribute is said to be there from 0 on."""
        return F.linear(features, self.weight, self.bias)


def five_corners(size: Pair, patch: Pair) -> list[Pair]:
    """Top and left of the four corner patches and the one in the middle, multiples of 4.

    AlexNet's crops (Krizhevsky et al. 2012), which the paper refers to; they take the mirrored
    image's as well. A remainder of the size stays out at the bottom and on the right.
    """
    (down, right) = (
        (length - part) // STRIDE * STRIDE for length, part in zip(size, patch, strict=True)
    )
    middle = down // 2 // STRIDE * STRIDE, right // 2 // STRIDE * STRIDE
    return [(0, 0), (0, right), (down, 0), (down, right), middle]
