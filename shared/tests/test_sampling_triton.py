"""The sampling kernels: interpreted, compiled for GPUs that are not here, and on one that is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vision_shared.layers import sample_voxel_flow

triton = pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="interpreted kernels do not compile"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def test_interpreted_kernels_agree_with_the_cpu() -> None:
    # Triton reads the variable once, at import: the interpreter needs a process of its own.
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("test_sampling_interpreted.py"))],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def compile_kernel(
    kernel: Any, capability: int, frame_type: str, flow_type: str, **constants: Any
) -> Any:
    """Compile as a launch would, with the alignment PyTorch gives and a width of 16 n.

    Images are contiguous, or frames and flow have their channels last: ``fx=3, mx=2``.
    """
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from vision_shared.kernels.voxel_flow_triton import LAUNCH, TILE

    rows = {name: 1 for name in ("fx", "mx", "wx", "gx") if name in kernel.arg_names}
    constants = {"C": 3, **rows, "K": 2, "ROWS": TILE[0], "COLUMNS": TILE[1], **constants}
    types = dict.fromkeys(kernel.arg_names, f"*{flow_type}")
    types |= {name: f"*{frame_type}" for name in ("grad", "frames", "out") if name in types}
    strides = [name for name in kernel.arg_names if len(name) == 2 and name[0] in "fgmw"]
    types |= dict.fromkeys([*strides, "H", "W"], "i32") | dict.fromkeys(constants, "constexpr")
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


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize(("frame_type", "flow_type"), [("fp32", "fp32"), ("bf16", "fp32")])
def test_kernels_compile_without_spills(
    capability: int, frame_type: str, flow_type: str, tmp_path: Path
) -> None:
    from vision_shared.kernels.voxel_flow_triton import backward_kernel, forward_kernel

    types = capability, frame_type, flow_type
    for compiled in (
        compile_kernel(forward_kernel, *types),
        compile_kernel(forward_kernel, *types, fx=3, mx=2),
        compile_kernel(backward_kernel, *types, NEED_FRAMES=False, NEED_WEIGHTS=True),
        compile_kernel(backward_kernel, *types, NEED_FRAMES=True, NEED_WEIGHTS=True),
    ):
        assert memory_of_its_own(compiled, tmp_path) == ["0", "0"]
        assert "bar.sync" not in compiled.asm["ptx"]  # a pixel stays in its thread throughout
    assert "atom" in compiled.asm["ptx"] or "red." in compiled.asm["ptx"]


def test_kernels_compile_for_float64_and_for_a_single_column() -> None:
    from vision_shared.kernels.voxel_flow_triton import backward_kernel, forward_kernel

    needs = {"NEED_FRAMES": True, "NEED_WEIGHTS": False}
    compile_kernel(forward_kernel, 90, "fp64", "fp64")
    compile_kernel(backward_kernel, 90, "fp64", "fp64", **needs)
    # Triton makes a constant of a size that is 1.
    compile_kernel(forward_kernel, 90, "fp16", "fp32", W=1, C=1)
    compile_kernel(backward_kernel, 90, "fp16", "fp32", W=1, C=1, **needs)


@needs_cuda
def test_cuda_reads_slices_and_channels_last_as_they_lie() -> None:
    frames, flow, weights = (x.cuda() for x in random_inputs(torch.float32))
    expected = sample_voxel_flow(frames[:, 1:], flow, weights[:, 1:], (1, 2), 0.4)
    wide = torch.stack([frames, frames], -1)[..., 0]  # every second column of a wider image
    last = (x.movedim(-3, -1).contiguous().movedim(-1, -3) for x in (wide, flow, weights))
    frames, flow, weights = last
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = sample_voxel_flow(frames[:, 1:], flow, weights[:, 1:], (1, 2), 0.4)
    assert torch.cuda.max_memory_allocated() - before < result.nbytes + 4096  # nothing is copied
    torch.testing.assert_close(result, expected, equal_nan=True)


def random_inputs(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return three frames, flow with broken pixels in it, and weights."""
    rng = torch.Generator().manual_seed(0)
    computed = torch.promote_types(dtype, torch.float32)
    flow = 5 * torch.randn(2, 2, 37, 130, generator=rng, dtype=computed)
    flow[0, 0, 3, 4], flow[1, 1, 5, 6], flow[1, 1, 7, 8] = torch.nan, torch.inf, 1e30
    frames = torch.rand(2, 3, 3, 37, 130, generator=rng)
    return frames.to(dtype), flow, torch.rand(2, 3, 37, 130, generator=rng, dtype=computed)


def synthesize(dtype: torch.dtype, device: str, need_frames: bool = True) -> list[Tensor]:
    """Return the image and the gradients, made on ``device`` and brought back."""
    frames, flow, weights = (x.to(device).requires_grad_() for x in random_inputs(dtype))
    frames.requires_grad_(need_frames)
    image = sample_voxel_flow(frames, flow, weights, (0, 1, 2), 0.4)
    sound = torch.where(image.isnan(), 0, image.float())
    leaves = [frames, flow, weights] if need_frames else [flow, weights]
    return [x.detach().cpu() for x in (image, *torch.autograd.grad(sound.square().sum(), leaves))]


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_cuda_agrees_with_the_cpu(dtype: torch.dtype) -> None:
    # Where the rounding of a position decides which pixels are read, a gradient may differ much.
    tolerance = max(1e-3, 4 * torch.finfo(dtype).eps)
    for result, expected in zip(synthesize(dtype, "cuda"), synthesize(dtype, "cpu"), strict=True):
        assert result.dtype == expected.dtype
        assert torch.equal(result.isnan(), expected.isnan())
        error = (result - expected).double().nan_to_num(0).abs()
        far = error > tolerance * (1 + expected.double().nan_to_num(0).abs())
        assert far.double().mean() < 1e-3


@needs_cuda
def test_cuda_gradients_to_flow_and_weights_are_deterministic() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        first = synthesize(torch.float32, "cuda", need_frames=False)
        for _ in range(10):
            again = synthesize(torch.float32, "cuda", need_frames=False)
            torch.testing.assert_close(again, first, rtol=0, atol=0, equal_nan=True)
        with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
            synthesize(torch.float32, "cuda")
    finally:
        torch.use_deterministic_algorithms(False)


@needs_cuda
def test_cuda_graph_replays_the_sampler() -> None:
    frames, flow, weights = (x.cuda() for x in random_inputs(torch.float32))
    expected = sample_voxel_flow(frames, flow, weights, (0, 1, 2), 0.4)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        image = sample_voxel_flow(frames, flow, weights, (0, 1, 2), 0.4)
    graph.replay()
    torch.testing.assert_close(image, expected, rtol=0, atol=0, equal_nan=True)
