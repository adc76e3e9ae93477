"""The smallest kernel that shows whether Triton compiles and launches on a device."""

from typing import Any

import torch
import triton
import triton.language as tl


def launch() -> None:
    """Launch it on the current device; raises whatever Triton does where it does not work."""
    out = torch.empty(16, device="cuda")
    kernel: Any = _fill[(1,)]
    kernel(out, SIZE=16)


@triton.jit
def _fill(out, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(out + i, i.to(tl.float32))
