"""Which kernels operators run on CUDA: Triton's, or the plain ones where Triton does not work."""

import warnings
from functools import cache
from importlib import import_module
from types import ModuleType


def kernels_on_cuda(fused: str, plain: ModuleType) -> ModuleType:
    """Return the module of Triton kernels of that name, or ``plain``, with the same functions.

    Which of the two is decided once, by whether Triton compiles and launches a kernel here.
    """
    return import_module(fused) if works() else plain


@cache
def works() -> bool:
    """Say whether Triton does, on the current device; warn, this once, if not."""
    try:
        from vision_shared.kernels import triton_probe

        triton_probe.launch()
    except Exception as error:  # a missing module, no compiler, a driver too old: all the same here
        reason = " ".join(str(error).split())[:200]
        warnings.warn(
            f"Triton does not work here ({type(error).__name__}: {reason}): plain PyTorch takes "
            "the place of its kernels, which is slower",
            stacklevel=2,
        )
        return False
    return True
