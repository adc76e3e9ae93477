"""ANet: from patches of a face to features, and from those to attributes.

Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015, section 3.2.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_attributes.models.face_layers import STRIDE, BackboneLayers, Pair, PaperLayers
from face_attributes.models.tagging import Tagging, expect_image

ClassifierName = Literal["linear", "svm"]


class ANet(nn.Module):
    """Describes a face by the mean score of its patches: the corners of a view, and its middle.

    In training it is shown single patches; in evaluation views, of which it takes five patches
    (Krizhevsky et al. 2012, whom the paper refers to; they take the mirrored image's as well).

    Args:
        num_outputs: A, attributes.
        grids, width: grids and width as `PaperLayers`.
        patch: height and width in pixels.
        view: height and width of what is evaluated; None for a single patch.
        num_identities: people whom a second linear layer, ``identities``, tells apart; None for
            no such layer.
        classifier: scores of evaluation: the layer that was trained with the others
            (``linear``), or the paper's support vector machines (``svm``), one for each attribute
            and patch, which are fitted to the features afterwards.
        backbone: the arguments of `BackboneLayers`, in place of the paper's layers.

    Raises:
        ValueError: a view smaller than a patch; else as `PaperLayers`.
    """

    replaceable = ("head", "identities", "svms")

    def __init__(
        self,
        num_outputs: int,
        grids: tuple[Pair, Pair] = ((5, 4), (2, 2)),
        width: int = 160,
        patch: Pair = (55, 47),
        view: Pair | None = None,
        num_identities: int | None = None,
        classifier: ClassifierName = "linear",
        backbone: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if classifier not in get_args(ClassifierName):
            raise ValueError(f"expected the classifier linear or svm, got {classifier!r}")
        self.patch = (patch[0], patch[1])
        self.view = self.patch if view is None else (view[0], view[1])
        self.patches = five_corners(self.view, self.patch) if view else [(0, 0)]
        self.layers: Any = (
            PaperLayers(self.patch, grids, width)
            if backbone is None
            else BackboneLayers(**backbone)
        )
        self._expect_corners(self.patches, self.view)
        width = self.layers.width
        self.head = nn.Linear(width, num_outputs)
        self.identities = nn.Linear(width, num_identities) if num_identities else None
        self.svms = None
        if classifier == "svm":
            self.svms = FixedLinear(width * len(self.patches), num_outputs)

    def forward(self, image: Tensor) -> Tagging:
        """Tag patches (B, 3, *patch) or views (B, 3, *view), RGB in [0, 1].

        Features are the means over the patches; ``maps`` has ``c3`` and ``c4``, those of the
        patches of an image one after another.

        Raises:
            ValueError: images of another size, or single patches for the machines of several.
        """
        features, maps = self.patches_of(image)
        mean = features.mean(1)
        if self.training or self.svms is None:
            return Tagging(self.head(mean), mean, maps)
        return Tagging(self.svms(features.flatten(1)), mean, maps)

    def patches_of(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the features (B, P, D) of an image's patches, one or those of a view; and maps."""
        expect_image(image, 1)
        size = (image.shape[2], image.shape[3])
        is_patch = size == self.patch and (self.training or self.svms is None)
        if size != self.view and not is_patch:
            raise ValueError(
                f"expected patches (B, 3, {self.patch[0]}, {self.patch[1]}) or views "
                f"(B, 3, {self.view[0]}, {self.view[1]}), which machines need, got "
                f"{tuple(image.shape)}"
            )
        corners = self.patches if size == self.view else [(0, 0)]
        features, maps = self._describe(image, corners)
        return features.unflatten(0, (image.shape[0], len(corners))), maps

    def patch_features(self, image: Tensor, corners: Sequence[Pair]) -> Tensor:
        """Return the features of overlapping patches; the paper's layers compute C1 and C2 once.

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
        return self._describe(image, corners)[0].unflatten(0, (image.shape[0], len(corners)))

    def dense_features(self, image: Tensor) -> Tensor:
        """Return the features of all patches 4 pixels apart, as `patch_features` would.

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
        return self.layers.dense(image, self.corners(size)[-1])

    def corners(self, size: Pair) -> list[Pair]:
        """Top and left of all patches 4 pixels apart in an image, row by row."""
        down, right = (
            range(0, length - patch + 1, STRIDE)
            for length, patch in zip(size, self.patch, strict=True)
        )
        return [(y, x) for y in down for x in right]

    def _describe(self, image: Tensor, corners: Sequence[Pair]) -> tuple[Tensor, dict[str, Tensor]]:
        if isinstance(self.layers, PaperLayers):
            return self.layers(image, corners)
        height, width = self.patch
        patches = [image[:, :, y : y + height, x : x + width] for y, x in corners]
        return self.layers(torch.stack(patches, 1).flatten(0, 1)), {}

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

    A remainder of the size stays out at the bottom and on the right.
    """
    (down, right) = (
        (length - part) // STRIDE * STRIDE for length, part in zip(size, patch, strict=True)
    )
    middle = down // 2 // STRIDE * STRIDE, right // 2 // STRIDE * STRIDE
    return [(0, 0), (0, right), (down, 0), (down, right), middle]
