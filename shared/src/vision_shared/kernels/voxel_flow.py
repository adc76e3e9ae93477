"""Voxel-flow sampling as PyTorch operators: plain PyTorch on a CPU, fused Triton on CUDA.

Both are opaque to torch.compile and torch.export: one node each, no graph break, any size.
"""

from typing import Any

import torch
from torch import Tensor

from vision_shared.decompositions import decomposes
from vision_shared.kernels import voxel_flow_cpu
from vision_shared.kernels.on_cuda import kernels_on_cuda


@torch.library.custom_op("vision_shared::voxel_flow", mutates_args=(), device_types="cpu")
def voxel_flow(
    frames: Tensor, flow: Tensor, weights: Tensor, offsets: Tensor, keep_reads: bool
) -> tuple[Tensor, Tensor]:
    """Blend frames, each read at ``x + offsets[:, k] * flow``.

    The operator behind `vision_shared.layers.sample_voxel_flow`, which checks what goes in.

    Args:
        frames: (B, K, C, H, W), any floating-point type.
        flow: (B, 2, H, W), x then y, pixels; float32 or float64, the type computed in.
        weights: (B, K, H, W), of the flow's type.
        offsets: (B, K), of the flow's type; it takes no gradient.
        keep_reads: Whether the gradient to the weights will ask what was read.

    Returns:
        (B, C, H, W) of the frames' type, and each frame's read (B, K, C, H, W), or (0,) where
        the backward operator reads again: without ``keep_reads``, and on CUDA.
    """
    return voxel_flow_cpu.forward(frames, flow, weights, offsets, keep_reads)


@torch.library.custom_op("vision_shared::voxel_flow_backward", mutates_args=(), device_types="cpu")
def voxel_flow_backward(
    grad: Tensor,
    frames: Tensor,
    flow: Tensor,
    weights: Tensor,
    offsets: Tensor,
    reads: Tensor,
    need_frames: bool,
    need_weights: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to frames, flow and weights; (0,) for one that is not needed."""
    return voxel_flow_cpu.backward(
        grad, frames, flow, weights, offsets, reads, need_frames, need_weights
    )


def _kernels_on_cuda() -> Any:
    return kernels_on_cuda("vision_shared.kernels.voxel_flow_triton", voxel_flow_cpu)


@voxel_flow.register_kernel("cuda")
def _(*inputs: Any) -> tuple[Tensor, Tensor]:
    *tensors, _ = inputs
    return _kernels_on_cuda().forward(*tensors, False)


@voxel_flow_backward.register_kernel("cuda")
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _kernels_on_cuda().backward(*inputs)


@voxel_flow.register_fake
def _(
    frames: Tensor, flow: Tensor, weights: Tensor, offsets: Tensor, keep_reads: bool
) -> tuple[Tensor, Tensor]:
    kept = keep_reads and flow.device.type == "cpu"
    out = frames.new_empty(frames[:, 0].shape)
    return out, flow.new_empty(frames.shape if kept else (0,))


@voxel_flow_backward.register_fake
def _(
    grad: Tensor,
    frames: Tensor,
    flow: Tensor,
    weights: Tensor,
    offsets: Tensor,
    reads: Tensor,
    need_frames: bool,
    need_weights: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    grad_frames = frames.new_empty(frames.shape if need_frames else (0,))
    grad_weights = weights.new_empty(weights.shape if need_weights else (0,))
    return grad_frames, flow.new_empty(flow.shape), grad_weights


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    frames, flow, weights, offsets, _ = inputs
    ctx.save_for_backward(frames, flow, weights, offsets, output[1])
    ctx.set_materialize_grads(False)  # or zeros as large as the reads would be made each time


def _differentiate(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    needed = ctx.needs_input_grad[:3]
    if grad is None:
        return (None,) * 5
    grads = voxel_flow_backward(grad, *ctx.saved_tensors, needed[0], needed[2])
    return *(x if need else None for x, need in zip(grads, needed, strict=True)), None, None


voxel_flow.register_autograd(_differentiate, setup_context=_setup_context)


@decomposes(voxel_flow)
def _(
    frames: Tensor, flow: Tensor, weights: Tensor, offsets: Tensor, keep_reads: bool
) -> tuple[Tensor, Tensor]:
    from vision_shared.layers.sampling import sample_bilinear  # which is built on this file

    height, width = flow.shape[2:]
    x, y = (torch.arange(n, dtype=flow.dtype, device=flow.device) for n in (width, height))
    pixels = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1)
    out = torch.zeros_like(frames[:, 0], dtype=flow.dtype)
    for k in range(frames.shape[1]):
        points = pixels + offsets[:, k, None, None, None] * flow.permute(0, 2, 3, 1)
        out = out + weights[:, k, None] * sample_bilinear(frames[:, k].to(flow.dtype), points)
    return out.to(frames.dtype), flow.new_empty(0)
