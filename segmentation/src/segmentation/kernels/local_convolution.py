"""The local convolution as PyTorch operators: plain PyTorch, but Triton for affinities on CUDA.

Both are opaque to torch.compile and torch.export: one node each, no graph break, any size.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from segmentation.kernels import local_convolution_cpu, local_distances
from vision_shared.decompositions import decomposes
from vision_shared.kernels.on_cuda import kernels_on_cuda


@torch.library.custom_op("segmentation::local_convolution", mutates_args=(), device_types="cpu")
def local_convolution(
    values: Tensor, image: Tensor, weights: Tensor, window: int, reading: str
) -> tuple[Tensor, Tensor]:
    """Average each position's neighbours by their affinity to it, or times their distance.

    The operator behind `segmentation.models.local_convolution`, which checks what goes in.

    Args:
        values: (B, L, H, W), float32 or float64, the type computed in.
        image: (B, C, H, W), of that type; it takes no gradient.
        weights: (2,), of that type: of squared distances in colour and in space.
        window: rows and columns of the neighbours.
        reading: ``affinity`` or ``distance``.

    Returns:
        (B, L, H, W), and what the sums were divided by (B, 1, H, W), for the gradient.
    """
    return _choose(reading, local_convolution_cpu).forward(values, image, weights, window)


@torch.library.custom_op(
    "segmentation::local_convolution_backward", mutates_args=(), device_types="cpu"
)
def local_convolution_backward(
    grad: Tensor,
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    mean: Tensor,
    total: Tensor,
    window: int,
    reading: str,
    need_values: bool,
    need_weights: bool,
) -> tuple[Tensor, Tensor]:
    """Gradients to values and weights; (0,) for one that is not needed.

    The affinities are computed again, a few at a time: kept, they would take window^2 times the
    memory of the image.
    """
    return _choose(reading, local_convolution_cpu).backward(
        grad, values, image, weights, mean, total, window, need_values, need_weights
    )


def _kernels_on_cuda() -> Any:
    return kernels_on_cuda("segmentation.kernels.local_convolution_triton", local_convolution_cpu)


@local_convolution.register_kernel("cuda")
def _(*inputs: Any) -> tuple[Tensor, Tensor]:
    *tensors, window, reading = inputs
    return _choose(reading, _kernels_on_cuda()).forward(*tensors, window)


@local_convolution_backward.register_kernel("cuda")
def _(*inputs: Any) -> tuple[Tensor, Tensor]:
    *tensors, window, reading, need_values, need_weights = inputs
    module = _choose(reading, _kernels_on_cuda())
    return module.backward(*tensors, window, need_values, need_weights)


@local_convolution.register_fake
def _(
    values: Tensor, image: Tensor, weights: Tensor, window: int, reading: str
) -> tuple[Tensor, Tensor]:
    return values.new_empty(values.shape), values.new_empty(values[:, :1].shape)


@local_convolution_backward.register_fake
def _(
    grad: Tensor,
    values: Tensor,
    image: Tensor,
    weights: Tensor,
    mean: Tensor,
    total: Tensor,
    window: int,
    reading: str,
    need_values: bool,
    need_weights: bool,
) -> tuple[Tensor, Tensor]:
    grad_values = values.new_empty(values.shape if need_values else (0,))
    return grad_values, weights.new_empty(weights.shape if need_weights else (0,))


def _choose(reading: str, affinities: Any) -> Any:
    return affinities if reading == "affinity" else local_distances


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    values, image, weights, window, reading = inputs
    ctx.save_for_backward(values, image, weights, *output)
    ctx.settings = window, reading
    ctx.set_materialize_grads(False)


def _differentiate(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    needed = ctx.needs_input_grad[0], ctx.needs_input_grad[2]
    if grad is None:
        return (None,) * 5
    grads = local_convolution_backward(grad, *ctx.saved_tensors, *ctx.settings, *needed)
    to_values, to_weights = (x if need else None for x, need in zip(grads, needed, strict=True))
    return to_values, None, to_weights, None, None


local_convolution.register_autograd(_differentiate, setup_context=_setup_context)

# Without this, autocast would reach into the CPU's products and halve their precision.
for _device in ("cpu", "cuda"):
    local_convolution.register_autocast(_device, torch.float32)
    local_convolution_backward.register_autocast(_device, torch.float32)


@decomposes(local_convolution)
def _(
    values: Tensor, image: Tensor, weights: Tensor, window: int, reading: str
) -> tuple[Tensor, Tensor]:
    """Go through the window line by line: all of it at once takes window^2 times the memory."""
    channels, (height, width) = image.shape[1], values.shape[2:]
    before, after = (window - 1) // 2, window // 2
    content = torch.cat([image, values, torch.ones_like(values[:, :1])], 1)
    padded = F.pad(content, (before, after, before, after))
    steps = torch.arange(window, device=values.device)
    columns = (steps[:, None] + torch.arange(width, device=values.device)).flatten()
    sums, totals = torch.zeros_like(values), torch.zeros_like(values[:, :1])
    for line in range(window):
        read = padded[:, :, line : line + height].index_select(3, columns)
        seen = read.unflatten(3, (window, width))  # (B, C + L + 1, H, window, W)
        colour = (seen[:, :channels] - image[:, :, :, None]).square().sum(1)
        space = ((steps - before) ** 2 + (line - before) ** 2).to(values.dtype)[:, None]
        share = weights[0] * colour + weights[1] * space
        count = torch.ones_like(share)
        if reading == "affinity":
            share = count = torch.exp(-share)
        sums = sums + (share[:, None] * seen[:, channels:-1]).sum(3)
        totals = totals + (count[:, None] * seen[:, -1:]).sum(3)
    return sums / totals, totals
