"""The network of the paper, its multi-scale variant and its ablation's baseline."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from voxel_flow.models.synthesis import (
    Synthesis,
    blend,
    blend_weights,
    crop,
    double,
    enlarge,
    pad,
    relative_times,
    shrink,
)


class Paper(nn.Module):
    """The paper's network (section 3): encoder-decoders with skips, at one scale or at three.

    With three scales, an encoder-decoder each works at 1/4, 1/2 and full size; the coarser motions
    are enlarged and fused with the finest by a convolution, and the frames are read once, at full
    size (section 3.4).

    Where we differ: the flow is in pixels, with the same reach of a quarter of 256 pixels to either
    side (the paper: fractions of the image, right at one size only; ``flow_units="normalised"``
    keeps them for imported weights); sizes need not divide by 8 (padded inside). The network does
    not see the target's time: at another than ``native_time`` it assumes the same motion there, and
    its weights lean to the nearer frame.

    Args:
        width: channels of the first convolution; the paper's is 64.
        head: ``voxel_flow``, one motion that all frames share; or ``flow_mask``, the baseline of
            the paper's ablation as we read it: a 2-D flow of its own for each frame, and a mask.
        scales: 1, or 3 for the multi-scale network.
        num_frames: K.
        flow_units: ``pixels`` or ``normalised``.
        native_time: the target's time that the weights are learned for.

    Raises:
        ValueError: another head, number of scales or unit.
    """

    def __init__(
        self,
        width: int = 64,
        head: str = "voxel_flow",
        scales: int = 1,
        num_frames: int = 2,
        flow_units: str = "pixels",
        native_time: float = 0.5,
    ) -> None:
        super().__init__()
        if head not in ("voxel_flow", "flow_mask") or scales not in (1, 3):
            raise ValueError(
                f"expected head voxel_flow or flow_mask and 1 or 3 scales, got {head!r}, {scales}"
            )
        if flow_units not in ("pixels", "normalised"):
            raise ValueError(f"expected flow_units pixels or normalised, got {flow_units!r}")
        self.num_frames = num_frames
        self.num_flows = 1 if head == "voxel_flow" else num_frames
        self.flow_units = flow_units
        self.native_time = native_time
        self.multiple = 8 * 2 ** (scales - 1)
        motion = 2 * self.num_flows
        outputs = motion + num_frames - 1
        self.scales = nn.ModuleList(
            [EncoderDecoder(3 * num_frames, width, outputs) for _ in range(scales)]
        )
        self.fuse = nn.Conv2d(scales * motion, motion, 3, padding=1) if scales > 1 else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.fuse is not None:
            _average(self.fuse, scales)

    def forward(self, frames: Tensor, time: Tensor, times: Tensor | None = None) -> Synthesis:
        """Synthesise the frame at ``time``; see the module's docstring for the contract."""
        if frames.shape[1] != self.num_frames:
            raise ValueError(
                f"expected frames (B, {self.num_frames}, 3, H, W), got {tuple(frames.shape)}"
            )
        offsets = relative_times(frames, time, times)
        motion, logits = (crop(plane, frames) for plane in self._estimate(frames))
        weights = blend_weights(logits, offsets, self._native_offsets(offsets, time))
        flows = motion.unflatten(1, (self.num_flows, 2))  # (B, 1 or K, 2, H, W)
        image = blend(frames, flows, weights, offsets)
        if self.num_flows == 1:
            return Synthesis(image, flows[:, 0], weights)
        return Synthesis(image, flows.mean(1), weights, own_flows=flows)

    def encode(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return the finest encoder's features: 1, 2, 4, 4 widths at full, 1/2, 1/4, 1/8 size."""
        network = self.scales[-1]
        assert isinstance(network, EncoderDecoder)
        return network.encode(pad(frames, self.multiple).flatten(1, 2) * 2 - 1)

    def _estimate(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return the motion, (B, 2 or 2 K, H, W) in pixels, and the logits, (B, K, H, W)."""
        padded = pad(frames, self.multiple)
        motion = 2 * self.num_flows
        coarse: list[Tensor] = []
        out = padded.new_zeros(())
        for level, network in enumerate(self.scales):
            scale = 2 ** (len(self.scales) - 1 - level)
            out = network(shrink(padded, scale).flatten(1, 2) * 2 - 1)
            speed = out[:, :motion].tanh() * self._reach(frames).repeat(1, self.num_flows, 1, 1)
            coarse.append(speed if scale == 1 else enlarge(speed, scale))
        fused = coarse[0] if self.fuse is None else self.fuse(torch.cat(coarse, 1))
        # softmax of (2 o, 0) is the paper's (1 + tanh o) / 2, the share of the first frame
        return fused, torch.cat([2 * out[:, motion:], torch.zeros_like(out[:, :1])], 1)

    def _reach(self, frames: Tensor) -> Tensor:
        """Return the largest speed, (1, 2, 1, 1), pixels per unit of time at full size."""
        height, width = frames.shape[-2:]
        reach = (128.0, 128.0)  # +-64 pixels from the middle of a pair, a quarter of 256
        if self.flow_units == "normalised":
            # the originals read the nearest frame at +-tanh / 2 in coordinates of -1 .. 1
            to_nearest = min(abs(k - self.native_time) for k in range(self.num_frames))
            reach = ((width - 1) / 4 / to_nearest, (height - 1) / 4 / to_nearest)
        # made where the frames are: a CUDA graph takes no copy from the CPU
        return torch.stack([frames.new_full((), side) for side in reach]).view(1, 2, 1, 1)

    def _native_offsets(self, offsets: Tensor, time: Tensor) -> Tensor:
        return offsets + (time.float() - self.native_time)[:, None]


class EncoderDecoder(nn.Module):
    """(B, C, H, W) -> (B, outputs, H, W): the paper's convolutions; H and W divide by 8."""

    def __init__(self, channels: int, width: int, outputs: int) -> None:
        super().__init__()
        c1, c2, c3 = width, 2 * width, 4 * width
        self.conv1 = _conv_bn(channels, c1, 5)
        self.conv2 = _conv_bn(c1, c2, 5)
        self.conv3 = _conv_bn(c2, c3, 3)
        self.bottleneck = _conv_bn(c3, c3, 3)
        self.deconv1 = _conv_bn(c3 + c3, c3, 3)
        self.deconv2 = _conv_bn(c3 + c2, c2, 5)
        self.deconv3 = _conv_bn(c2 + c1, c1, 5)
        self.head = nn.Conv2d(c1, outputs, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, outputs, H, W); H and W divide by 8."""
        e1, e2, e3, x = self.encode(x)
        x = self.deconv1(torch.cat([double(x), e3], 1))  # (B, 4w, H/4, W/4)
        x = self.deconv2(torch.cat([double(x), e2], 1))  # (B, 2w, H/2, W/2)
        x = self.deconv3(torch.cat([double(x), e1], 1))  # (B, w, H, W)
        return self.head(x)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the features at full, 1/2, 1/4 and 1/8 size: w, 2w, 4w and 4w channels."""
        e1 = self.conv1(x)
        e2 = self.conv2(F.max_pool2d(e1, 2))
        e3 = self.conv3(F.max_pool2d(e2, 2))
        return e1, e2, e3, self.bottleneck(F.max_pool2d(e3, 2))


def _conv_bn(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _average(fuse: nn.Conv2d, groups: int) -> None:
    """Make a convolution begin as the mean of ``groups`` groups of its input channels."""
    outputs, middle = fuse.out_channels, fuse.kernel_size[0] // 2
    with torch.no_grad():
        for channel in range(fuse.in_channels):
            fuse.weight[channel % outputs, channel, middle, middle] += 1 / groups
