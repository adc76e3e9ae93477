"""The kernels of region convolution: interpreted, compiled for GPUs that are not here, on one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vision_shared.region import Region
from vision_shared.region.kernels import conv_cpu

triton = pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="interpreted kernels do not compile"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

MEMORY = {80: 163, 90: 227, 100: 227, 120: 99}  # KiB of shared memory that a program can have
TRITON_TYPES = {
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.float32: "fp32",
    torch.float64: "fp64",
}
KINDS = pytest.mark.parametrize(
    ("dtype", "precision"),
    [
        (torch.bfloat16, "ieee"),
        (torch.float32, "tf32"),
        (torch.float32, "ieee"),
        (torch.float64, "ieee"),
    ],
)


def test_interpreted_kernels_agree_with_the_cpu() -> None:
    # Triton reads the variable once, at import: the interpreter needs a process of its own.
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("test_region_interpreted.py"))],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@contextmanager
def convolutions_in(precision: str) -> Iterator[None]:
    """Let cuDNN's convolutions, whose setting ours obey, multiply float32 so."""
    cudnn: Any = torch.backends.cudnn
    before = cudnn.conv.fp32_precision
    cudnn.conv.fp32_precision = precision
    try:
        yield
    finally:
        cudnn.conv.fp32_precision = before


def tiles(dtype: torch.dtype, precision: str) -> tuple[Any, ...]:
    """Return the tiles that the type can be given."""
    from vision_shared.region.kernels.conv_triton import EXACT, HALF, TF32

    if dtype.itemsize == 2:
        return HALF
    return TF32 if precision == "tf32" else EXACT


def compile_kernel(
    kernel: Any, capability: int, dtype: torch.dtype, precision: str, tile: Any, **constants: Any
) -> Any:
    """Compile as a launch does: tensors and channels are always multiples of 16 there."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    sizes = dict(zip(("ROWS", "COLUMNS", "DEPTH"), tile, strict=False))
    constants |= {"PRECISION": precision, **sizes}
    pointer = f"*{TRITON_TYPES[dtype]}"
    types = dict.fromkeys(kernel.arg_names, pointer) | {"table": "*i32"}
    if "sums" in types:
        types["sums"] = "*fp64" if dtype == torch.float64 else "*fp32"
    types |= {name: "i32" for name in ("M", "T", "C", "O", "SHARE") if name in types}
    types |= dict.fromkeys(constants, "constexpr")
    aligned = [i for i, name in enumerate(types) if types[name][0] == "*" or name in "CO"]
    source = ASTSource(kernel, types, constants, {(i,): [["tt.divisibility", 16]] for i in aligned})
    target = GPUTarget("cuda", capability, 32)
    return triton.compile(source, target=target, options=tile.launch())


def machine_code(compiled: Any, folder: Path) -> str:
    """Return the kernel's instructions and, at the end, its use of registers and of memory."""
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(compiled.asm["cubin"])
    tool = triton.knobs.nvidia.cuobjdump.path
    usage = subprocess.check_output([tool, "--dump-resource-usage", str(cubin)], text=True)
    return subprocess.check_output([tool, "--dump-sass", str(cubin)], text=True) + usage


def assert_fast(compiled: Any, capability: int, width: int, exact: bool, folder: Path) -> None:
    """Assert that nothing spills, and that data is moved and multiplied by the right units.

    Args:
        compiled: A kernel.
        capability: Of the GPU that it is for, times 10.
        width: Bytes that one asynchronous copy has to move.
        exact: Whether float32 is multiplied as it is, which no tensor core does.
        folder: Where files can be written.
    """
    code = machine_code(compiled, folder)
    assert compiled.metadata.shared <= MEMORY[capability] * 1024
    assert re.findall(r"(?:STACK|LOCAL):(\d+)", code) == ["0", "0"]
    assert not re.search(r"\b(LDL|STL)\b", code)
    assert re.search(rf"\bLDGSTS\.[\w.]*{8 * width}\b" if width > 4 else r"\bLDGSTS\b", code)
    product = "FFMA" if exact else {80: "[HD]MMA", 90: "HGMMA|DMMA"}.get(capability, "MMA")
    assert re.search(rf"({product})\b", code)


@pytest.mark.parametrize("capability", [80, 90])
@KINDS
def test_forward_compiles_to_fast_code(
    capability: int, dtype: torch.dtype, precision: str, tmp_path: Path
) -> None:
    from vision_shared.region.kernels.conv_triton import forward_kernel

    ends = {"RELU": True, "RAGGED": False}
    exact = dtype == torch.float32 and precision == "ieee"
    for tile in tiles(dtype, precision):
        if tile.shared_memory(dtype.itemsize) <= MEMORY[capability] * 1024:
            kernel = compile_kernel(forward_kernel, capability, dtype, precision, tile, **ends)
            assert_fast(kernel, capability, 16, exact, tmp_path)


@pytest.mark.parametrize("capability", [80, 90])
@KINDS
def test_weight_gradient_compiles_to_fast_code(
    capability: int, dtype: torch.dtype, precision: str, tmp_path: Path
) -> None:
    from vision_shared.region.kernels.conv_triton import COMMON_MEMORY, weight_kernel

    exact = dtype == torch.float32 and precision == "ieee"
    # Hopper's tensor cores take TF32 along the summed dimension alone: it is turned as it is copied
    width = 4 if (capability, precision) == (90, "tf32") else 16
    for tile in tiles(dtype, precision):
        if tile.shared_memory(dtype.itemsize) <= COMMON_MEMORY:
            kernel = compile_kernel(weight_kernel, capability, dtype, precision, tile)
            assert_fast(kernel, capability, width, exact, tmp_path)


@pytest.mark.parametrize(
    "ends",
    [
        {"RELU": False, "RAGGED": True},
        {"RELU": False, "RAGGED": False, "bias": None, "residual": None},
    ],
)
def test_other_ends_of_the_widest_tile_compile_to_fast_code(
    ends: dict[str, Any], tmp_path: Path
) -> None:
    from vision_shared.region.kernels.conv_triton import HALF, forward_kernel

    kernel = compile_kernel(forward_kernel, 90, torch.float16, "ieee", HALF[0], **ends)
    assert_fast(kernel, 90, 16, False, tmp_path)


@pytest.mark.parametrize("capability", [100, 120])
def test_kernels_compile_for_later_gpus(capability: int, tmp_path: Path) -> None:
    from vision_shared.region.kernels.conv_triton import HALF, forward_kernel, weight_kernel

    kind = capability, torch.bfloat16, "ieee", HALF[1]
    for kernel in (
        compile_kernel(forward_kernel, *kind, RELU=True, RAGGED=False),
        compile_kernel(weight_kernel, *kind),
    ):
        assert_fast(kernel, capability, 16, False, tmp_path)


BOUNDS = {  # of the error's norm against the result's, in float64
    torch.bfloat16: 1e-2,
    torch.float16: 1e-3,
    torch.float32: 1e-5,
    torch.float64: 1e-13,
}
ON_CUDA = pytest.mark.parametrize(("dtype", "precision"), [*KINDS.args[1], (torch.float16, "ieee")])


def random_region(share: float = 0.4) -> Region:
    rng = torch.Generator().manual_seed(0)
    return Region(torch.rand(2, 61, 67, generator=rng) < share)


def random_tensors(
    dtype: torch.dtype, rows: int, taps: int, channels: int = 160, columns: int = 96
) -> list[Tensor]:
    """Return the gradient to the result, then source, weight, bias and residual."""
    rng = torch.Generator().manual_seed(0)
    shape = rows, columns
    shapes = shape, (rows, channels), (taps, channels, columns), (columns,), shape
    tensors = [torch.randn(shape, generator=rng) for shape in shapes]
    tensors[2] /= (taps * channels) ** 0.5
    return [x.to(dtype) for x in tensors]


def convolve(table: Tensor, relu: bool, grad: Tensor, *tensors: Tensor) -> list[Tensor]:
    """Return the operator's result, and the gradients to all tensors."""
    source, weight, bias, residual = leaves = [x.detach().requires_grad_() for x in tensors]
    convolution = torch.ops.vision_shared.region_conv
    out = convolution(source, table, table, weight, bias, residual, relu)
    return [out.detach(), *torch.autograd.grad(out, leaves, grad)]


def assert_close_to_float64(result: Tensor, expected: Tensor, precision: str) -> None:
    bound = 2e-3 if precision == "tf32" else BOUNDS[result.dtype]
    error = (result.cpu().double() - expected).norm() / expected.norm()
    assert error < bound  # and so no NaN


@needs_cuda
@ON_CUDA
@pytest.mark.parametrize(("channels", "columns"), [(160, 96), (33, 21), (256, 320)])
def test_cuda_agrees_with_float64(
    dtype: torch.dtype, precision: str, channels: int, columns: int
) -> None:
    table = random_region().neighbours((3, 3), (1, 1))
    tensors = random_tensors(dtype, table.shape[1], len(table), channels, columns)
    with convolutions_in(precision):
        results = convolve(table.cuda(), False, *(x.cuda() for x in tensors))
    expected = convolve(table, False, *(x.double() for x in tensors))
    for result, value in zip(results, expected, strict=True):
        assert result.dtype == dtype
        assert_close_to_float64(result, value, precision)


@needs_cuda
@ON_CUDA
def test_every_tile_agrees_on_cuda(dtype: torch.dtype, precision: str) -> None:
    from vision_shared.region.kernels import conv_triton

    table = random_region().neighbours((1, 7), (1, 1))
    tensors = random_tensors(dtype, table.shape[1], len(table), 96, 272)
    grad, source, weight, bias, residual = (x.double() for x in tensors)
    expected = conv_cpu.forward(source, table, weight, bias, residual, True)
    expected_grad = conv_cpu.weight_gradient(source, table, grad)
    grad, source, weight, bias, residual = (x.cuda() for x in tensors)
    table = table.cuda()
    device: Any = torch.cuda.get_device_properties(0)
    room = device.shared_memory_per_block_optin
    with convolutions_in(precision):
        for tile in tiles(dtype, precision):
            if tile.shared_memory(dtype.itemsize) > room:
                continue
            ends = bias, residual, True
            out = conv_triton.forward(source, table, weight, *ends, tile=tile)
            assert_close_to_float64(out, expected, precision)
            result = conv_triton.weight_gradient(source, table, grad, tile=tile)
            assert_close_to_float64(result, expected_grad, precision)


@needs_cuda
@ON_CUDA
def test_cuda_repeats_itself_bit_by_bit(dtype: torch.dtype, precision: str) -> None:
    table = random_region().neighbours((3, 3), (1, 1)).cuda()
    tensors = [x.cuda() for x in random_tensors(dtype, table.shape[1], len(table))]
    with convolutions_in(precision):
        first = convolve(table, True, *tensors)
        for _ in range(20):
            again = convolve(table, True, *tensors)
            assert all(torch.equal(x, y) for x, y in zip(again, first, strict=True))


@needs_cuda
def test_cuda_graph_replays_forward_and_backward() -> None:
    table = random_region().neighbours((3, 3), (1, 1)).cuda()
    tensors = [x.cuda() for x in random_tensors(torch.bfloat16, table.shape[1], len(table))]
    convolve(table, True, *tensors)  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = convolve(table, True, *tensors)
    tensors[1].mul_(2)  # the graph reads what is there when it runs
    graph.replay()
    expected = convolve(table, True, *tensors)
    assert all(torch.equal(x, y) for x, y in zip(results, expected, strict=True))


@needs_cuda
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_cuda_is_never_waited_for() -> None:
    table = random_region().neighbours((3, 3), (1, 1)).cuda()
    tensors = random_tensors(torch.bfloat16, table.shape[1], len(table), 33, 21)
    tensors = [x.cuda() for x in tensors]
    torch.cuda.set_sync_debug_mode("error")
    try:
        convolve(table, True, *tensors)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
def test_cuda_reads_and_writes_past_two_to_the_31() -> None:
    columns = 256
    rows = 2**31 // columns + 1000
    if torch.cuda.mem_get_info()[0] < 2.5 * rows * columns * 2:
        pytest.skip("needs 11 GB of the device's memory")
    source = torch.zeros(rows, columns, dtype=torch.bfloat16, device="cuda")
    source[-1] = 1
    table = torch.arange(rows, dtype=torch.int32, device="cuda")[None]
    weight = torch.eye(columns, dtype=torch.bfloat16, device="cuda")[None]
    out = torch.ops.vision_shared.region_conv(source, table, table, weight, None, None, False)
    assert torch.equal(out, source)
    grad = torch.ops.vision_shared.region_conv_weight(source, table, source)
    assert (grad == 1).all()
