"""A trunk on the feature pyramid of a pretrained network: coarse for all pixels, fine for few."""

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from segmentation.models.timm_trunk import PadToStride, cuts_patches
from segmentation.models.trunk import Block, conv_bn_relu
from vision_shared.layers import Normalise
from vision_shared.pretrained import create_network, feature_levels

STRIDES = (4, 8, 16, 32)


class PyramidTrunk(nn.Module):
    """Features of a timm network at a quarter of the size, and residual stages that refine them.

    The first stage, which every pixel passes, is the whole encoder at its own strides and a path
    back up to a quarter of the size (feature pyramid network, Lin et al., CVPR 2017). It has seen
    the whole image, but nothing convolves its finest grid. That is left to the later stages, where
    a cascade computes on the pixels that are left: borders and small parts.

    Args:
        model: timm's name of the encoder, whose features come at strides 4, 8, 16 and 32.
        pretrained: value as of `vision_shared.pretrained.create_network`.
        width: channels of the pyramid and of the stages.
        blocks: residual blocks of each later stage.
        frozen: number of the encoder's first groups of blocks (``blocks``, of MobileNets and
            EfficientNets) that do not learn, and of its stem.

    Attributes:
        stages: nn.ModuleList, (B, 3, H, W) in [0, 1] -> (B, C, ceil(H/4), ceil(W/4)) -> ...
        channels: channels of each stage's output.

    Raises:
        ValueError: an encoder without features at these strides, or without such blocks to freeze.
    """

    def __init__(
        self,
        model: str = "tf_efficientnet_lite0",
        pretrained: bool | str = False,
        width: int = 64,
        blocks: tuple[int, ...] = (2, 2),
        frozen: int = 0,
    ) -> None:
        super().__init__()
        later = (
            nn.Sequential(*(Block(width, dilation=1 + i % 2) for i in range(number)))
            for number in blocks
        )
        self.stages = nn.ModuleList([Pyramid(model, pretrained, width, frozen), *later])
        self.channels = (width,) * len(self.stages)


class Pyramid(nn.Module):
    """Encoder and path back up: (B, 3, H, W) in [0, 1] -> (B, width, ceil(H/4), ceil(W/4)).

    The batch normalisation of an encoder that was pretrained or is frozen keeps its statistics:
    those of renders make it blind for photographs.

    Args:
        model, pretrained, width, frozen: model, pretrained, width and frozen as of `PyramidTrunk`.
    """

    def __init__(self, model: str, pretrained: bool | str, width: int, frozen: int) -> None:
        super().__init__()
        levels = feature_levels(model, STRIDES)
        encoder = create_network(model, pretrained, features_only=True, out_indices=levels)
        channels = encoder.feature_info.channels()  # type: ignore[union-attr, operator]
        config = encoder.pretrained_cfg  # type: ignore[union-attr]
        self.normalise = Normalise(config["mean"], config["std"])  # type: ignore[index, arg-type]
        self.pad = PadToStride(STRIDES[-1]) if cuts_patches(model) else nn.Identity()
        self.encoder = encoder
        self.lateral = nn.ModuleList([conv_bn_relu(inputs, width, 1) for inputs in channels])
        self.smooth = nn.ModuleList([conv_bn_relu(width, width, 3) for _ in channels[1:]])
        self.keeps_statistics = bool(pretrained or frozen)
        if frozen:
            _freeze(encoder, frozen)

    def train(self, mode: bool = True) -> "Pyramid":
        """Switch the mode; the encoder's batch statistics stay where they are to be kept."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, _BatchNorm) and self.keeps_statistics:
                module.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), RGB in [0, 1] -> (B, C, H / 4, W / 4) (Lin et al., CVPR 2017, figure 3)."""
        height, width = (-(-size // STRIDES[0]) for size in image.shape[2:])
        features = self.encoder(self.pad(self.normalise(image)))  # at strides 4, 8, 16, 32
        *finer, merged = (f(x) for f, x in zip(self.lateral, features, strict=True))
        for x, smooth in zip(reversed(finer), self.smooth, strict=True):
            size = x.shape[-2:]
            merged = F.interpolate(smooth(merged), size, mode="bilinear", align_corners=False)
            merged = merged + x
        return merged[:, :, :height, :width]


def pretrained_parameters(network: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters of encoders that learn, which want a lower rate than the rest."""
    for module in network.modules():
        if isinstance(module, Pyramid):
            yield from (p for p in module.encoder.parameters() if p.requires_grad)


def _freeze(encoder: nn.Module, number: int) -> None:
    blocks = getattr(encoder, "blocks", None)
    if not isinstance(blocks, nn.Sequential) or number > len(blocks):
        raise ValueError(f"expected an encoder with {number} groups of blocks to freeze")
    for name, child in encoder.named_children():
        if name != "blocks":
            child.requires_grad_(False)
    blocks[:number].requires_grad_(False)
