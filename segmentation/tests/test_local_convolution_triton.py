"""The local convolution's kernels: interpreted, compiled for GPUs that are not here, and on one."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from segmentation.models.local_convolution import READINGS, Reading, local_convolution

triton = pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="interpreted kernels do not compile"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def test_interpreted_kernels_agree_with_the_cpu() -> None:
    # Triton reads the variable once, at import: the interpreter needs a process of its own.
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("test_local_convolution_interpreted.py"))],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def compile_kernel(kernel: Any, capability: int, dtype: str, **constants: Any) -> Any:
    """Compile as a launch would, with the alignment PyTorch gives and a width of 16 n."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from segmentation.kernels.local_convolution_triton import LABELS, LAUNCH, PIECE, TILE

    sizes = {"LABELS": LABELS, "PIECE": PIECE, "ROWS": TILE[0], "COLUMNS": TILE[1]}
    constants = {"C": 3, "NORMALISE": True} | sizes | constants
    constants = {name: x for name, x in constants.items() if name in kernel.arg_names}
    types = dict.fromkeys(kernel.arg_names, f"*{dtype}")
    types |= dict.fromkeys(("L", "H", "W", "window", "before"), "i32")
    types |= dict.fromkeys(constants, "constexpr")
    aligned = [i for i, name in enumerate(types) if types[name][0] == "*" or name == "W"]
    aligned = [i for i in aligned if kernel.arg_names[i] not in constants]
    attributes = {(i,): [["tt.divisibility", 16]] for i in aligned}
    source = ASTSource(kernel, types, constants, attributes)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=LAUNCH)


def memory_of_its_own(compiled: Any, folder: Path) -> list[str]:
    """Return the kernel's stack and local memory in bytes: where registers spill to."""
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(compiled.asm["cubin"])
    tool = triton.knobs.nvidia.cuobjdump.path
    usage = subprocess.check_output([tool, "--dump-resource-usage", str(cubin)], text=True)
    return re.findall(r"(?:STACK|LOCAL):(\d+)", usage)


@pytest.mark.parametrize(("capability", "dtype"), [(80, "fp32"), (90, "fp32"), (90, "fp64")])
def test_kernels_compile_without_spills(capability: int, dtype: str, tmp_path: Path) -> None:
    from segmentation.kernels.local_convolution_triton import differentiate_kernel, filter_kernel

    for kernel in (filter_kernel, differentiate_kernel):
        compiled = compile_kernel(kernel, capability, dtype)
        assert memory_of_its_own(compiled, tmp_path) == ["0", "0"]
        assert "tf32" not in compiled.asm["ptx"]  # products in full precision


def test_kernels_compile_for_small_problems() -> None:
    from segmentation.kernels.local_convolution_triton import differentiate_kernel, filter_kernel

    # Triton makes a constant of a size that is 1.
    small = {"LABELS": 16, "PIECE": 16, "W": 1, "L": 1}
    compile_kernel(filter_kernel, 90, "fp32", NORMALISE=False, **small)
    compile_kernel(differentiate_kernel, 90, "fp32", **small)


def smooth(dtype: torch.dtype, device: str, reading: Reading) -> list[Tensor]:
    """Return the result and the gradients, made on ``device`` and brought back."""
    rng = torch.Generator().manual_seed(0)
    p = torch.rand(2, 40, 37, 50, generator=rng).to(device, dtype).requires_grad_()
    image = torch.rand(2, 3, 37, 50, generator=rng).to(device, dtype)
    weights = torch.tensor([4.0, 0.01], device=device, requires_grad=True)
    out = local_convolution(p, image, weights, 20, reading)
    return [x.cpu() for x in (out, *torch.autograd.grad(out.square().sum(), (p, weights)))]


@needs_cuda
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_cuda_agrees_with_the_cpu(dtype: torch.dtype, reading: Reading) -> None:
    results, expected = (smooth(dtype, device, reading) for device in ("cuda", "cpu"))
    tolerance = max(1e-4, 2 * torch.finfo(dtype).eps)
    torch.testing.assert_close(results, expected, rtol=tolerance, atol=tolerance)


@needs_cuda
def test_cuda_results_are_the_same_on_every_run() -> None:
    first = smooth(torch.float32, "cuda", "affinity")
    for _ in range(5):
        again = smooth(torch.float32, "cuda", "affinity")
        torch.testing.assert_close(again, first, rtol=0, atol=0)
