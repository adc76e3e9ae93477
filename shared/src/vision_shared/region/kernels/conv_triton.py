"""Region convolution as implicit matrix products in Triton: what the operators do on CUDA.

The left side of each product is gathered as it is multiplied. Sums are kept in float32, in float64
for float64; float32 is multiplied as TF32 where PyTorch lets cuDNN's convolutions do so, which is
its default. Nothing is added by atomics: results are the same on every run. Nothing waits for the
device.

Channels that are no multiple of 16 are filled up by a copy: only rows that start at multiples of
16 bytes reach shared memory asynchronously. A tap of a weight has fewer than 2^31 elements.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor


class Tile(NamedTuple):
    """What one program makes, and how."""

    rows: int
    columns: int
    depth: int  # products that are added up in one step
    warps: int
    stages: int  # steps whose operands are in shared memory or on their way to it
    rate: float  # at most, of the peak: what the traffic through shared memory leaves

    def shared_memory(self, item_size: int) -> int:
        """Return the bytes it takes; on GPUs before Hopper it takes one stage less."""
        return self.stages * (self.rows + self.columns) * self.depth * item_size

    def launch(self) -> dict[str, int]:
        """Return Triton's launch options of the tile."""
        # FP fusion is named because Triton 3.9 warns where it is left to the default.
        return {"num_warps": self.warps, "num_stages": self.stages, "enable_fp_fusion": True}


# There is no autotuning, which would stall first calls and let processes differ. `rate` sets the
# 128 bytes that go into or out of shared memory in a clock against the products of a clock, on
# Hopper, where each four warps read their own 64 rows and all the columns. It is a model, and was
# not measured. Tiles have fewer rows than threads: then Triton reads the table straight into the
# threads that gather, where it would else pass each step's rows through shared memory.
HALF = (
    Tile(128, 256, 64, 8, 4, 1.0),  # 192 KiB, which data-centre GPUs have since Hopper
    Tile(128, 128, 64, 8, 3, 0.8),  # 96 KiB, which all have since Ampere
    Tile(128, 64, 64, 8, 4, 0.57),
    Tile(64, 64, 64, 4, 4, 0.5),  # for few rows
    Tile(64, 32, 64, 4, 4, 0.33),  # for the few columns of a classifier
)
TF32 = (
    Tile(128, 128, 32, 8, 3, 0.8),
    Tile(64, 64, 32, 4, 3, 0.5),
    Tile(64, 32, 32, 4, 3, 0.33),
)
# Products of float32 proper leave the tensor cores idle: threads hold operands in registers, and
# larger tiles would spill them. Float64 has tensor cores and needs the room as well.
EXACT = (Tile(64, 64, 16, 4, 3, 1.0), Tile(64, 32, 16, 4, 3, 0.7))

COMMON_MEMORY = 99 * 1024  # bytes of shared memory that one program can have on any GPU
PROGRAMS = 264  # of the weight gradient, wanted at once: two on each multiprocessor of an H100
FEWEST_STEPS = 8  # in a program of the weight gradient, before its result is worth its traffic


def forward(
    source: Tensor,
    table: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    relu: bool,
    *,
    tile: Tile | None = None,
) -> Tensor:
    """Return ``act(sum over t of source[table[t]] @ weight[t] + bias + residual)``, (M, O)."""
    taps, rows = table.shape
    columns = weight.shape[2]
    if not rows * columns:
        return source.new_empty(rows, columns)
    source, weight = _align(source), _align(weight.transpose(1, 2), 2)
    bias, residual = (None if x is None else _align(x) for x in (bias, residual))
    _, width, channels = weight.shape
    out = source.new_empty(rows, width)
    tile = tile or _choose(_tiles(source.dtype), rows, width, source)
    programs = triton.cdiv(rows, tile.rows) * triton.cdiv(width, tile.columns)
    launch: Any = forward_kernel[programs,]
    with torch.cuda.device_of(source):
        launch(
            *(source, table.contiguous(), weight, bias, residual, out),
            *(rows, taps, channels, width),
            *(relu, channels % tile.depth != 0, _precision()),
            *tile[:3],
            **tile.launch(),
        )
    return out[:, :columns].contiguous()


def weight_gradient(
    source: Tensor, table: Tensor, grad: Tensor, *, tile: Tile | None = None
) -> Tensor:
    """Return the gradient to the weight, (T, C, O), from that to the result, (M, O).

    The rows are shared out among programs, and their sums added up in a second step. The shares
    depend on the sizes alone: the result is the same on every run, and on every GPU of a kind.
    """
    (taps, rows), channels, columns = table.shape, source.shape[1], grad.shape[1]
    if not taps * rows * channels * columns:
        return source.new_zeros(taps, channels, columns)
    source, grad = _align(source), _align(grad)
    sizes = source.shape[1], grad.shape[1]
    tile = tile or _choose_for_weight(_tiles(source.dtype), *sizes, source.element_size())
    programs = taps * triton.cdiv(sizes[0], tile.rows) * triton.cdiv(sizes[1], tile.columns)
    share = _share(rows, programs, tile.depth)
    num_shares = triton.cdiv(rows, share)
    computed = torch.promote_types(source.dtype, torch.float32)
    sums = source.new_empty(num_shares, taps, *sizes, dtype=computed)
    launch: Any = weight_kernel[programs, num_shares]
    with torch.cuda.device_of(source):
        launch(
            *(source, table.contiguous(), grad, sums),
            *(rows, taps, *sizes, share, _precision()),
            *tile[:3],
            **tile.launch(),
        )
    return sums.sum(0)[:, :channels, :columns].to(source.dtype).contiguous()


@triton.jit(do_not_specialize=["M", "T"])
def forward_kernel(
    source,  # (N, C)
    table,  # (T, M)
    weight,  # (T, O, C)
    bias,  # (O,) or None
    residual,  # (M, O) or None
    out,  # (M, O)
    M,
    T,
    C,
    O,  # noqa: E741
    RELU: tl.constexpr,
    RAGGED: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Make a tile of the result; programs that gather the same rows follow each other.

    Taps and channels are one loop, so that one tap's operands load while another's are
    multiplied. The rows of the next step are read one step ahead: a load that waited for them in
    the same step would halve the steps in flight.
    """
    across = tl.cdiv(O, COLUMNS)
    m = tl.cast(tl.program_id(0) // across, tl.int64) * ROWS + tl.arange(0, ROWS)
    n = tl.program_id(0) % across * COLUMNS + tl.arange(0, COLUMNS)
    c = tl.arange(0, DEPTH)
    place = m[:, None] * O + n[None, :]
    inside = (m < M)[:, None] & (n < O)[None, :]
    precise = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    # The residual comes first: later it would meet the operands, and registers would spill.
    total = tl.zeros((ROWS, COLUMNS), precise)
    if residual is not None:
        total += tl.load(residual + place, mask=inside, other=0.0).to(precise)
    if bias is not None:
        total += tl.load(bias + n, mask=n < O, other=0.0).to(precise)[None, :]
    tap = 0
    start = 0
    row = tl.load(table + m, mask=m < M, other=-1)
    for _ in range(T * tl.cdiv(C, DEPTH)):
        read = (row >= 0)[:, None]
        kept = (n < O)[None, :]
        if RAGGED:
            read &= (start + c < C)[None, :]
            kept &= (start + c < C)[:, None]
        a = source + row.to(tl.int64)[:, None] * C + (start + c)[None, :]
        b = weight + (tl.cast(tap, tl.int64) * O * C + start) + n[None, :] * C + c[:, None]
        total = tl.dot(
            tl.load(a, mask=read, other=0.0),
            tl.load(b, mask=kept, other=0.0),
            total,
            input_precision=PRECISION,
            out_dtype=precise,
        )
        start += DEPTH
        tap = tl.where(start < C, tap, tap + 1)
        start = tl.where(start < C, start, 0)
        row = tl.load(table + tl.cast(tap, tl.int64) * M + m, mask=(m < M) & (tap < T), other=-1)
    if RELU:
        total = tl.where(total < 0, 0.0, total)  # NaN stays
    tl.store(out + place, total.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["M", "T", "SHARE"])
def weight_kernel(
    source,  # (N, C)
    table,  # (T, M)
    grad,  # (M, O)
    sums,  # (shares, T, C, O)
    M,
    T,
    C,
    O,  # noqa: E741
    SHARE,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Make a tile of one tap's gradient from one share of the rows, ``SHARE`` of them or fewer."""
    down = tl.cdiv(C, ROWS)
    across = tl.cdiv(O, COLUMNS)
    tap = tl.cast(tl.program_id(0) // across // down, tl.int64)
    c = tl.program_id(0) // across % down * ROWS + tl.arange(0, ROWS)
    n = tl.program_id(0) % across * COLUMNS + tl.arange(0, COLUMNS)
    first = tl.cast(tl.program_id(1), tl.int64) * SHARE
    last = tl.minimum(first + SHARE, M)
    m = first + tl.arange(0, DEPTH)
    precise = sums.dtype.element_ty
    total = tl.zeros((ROWS, COLUMNS), precise)
    table += tap * M
    row = tl.load(table + m, mask=m < last, other=-1)
    for _ in range(tl.cdiv(last - first, DEPTH)):
        a = source + row.to(tl.int64)[None, :] * C + c[:, None]
        b = grad + m[:, None] * O + n[None, :]
        a = tl.load(a, mask=(row >= 0)[None, :] & (c < C)[:, None], other=0.0)
        b = tl.load(b, mask=(m < last)[:, None] & (n < O)[None, :], other=0.0)
        total = tl.dot(a, b, total, input_precision=PRECISION, out_dtype=precise)
        m += DEPTH
        row = tl.load(table + m, mask=m < last, other=-1)
    place = ((tl.cast(tl.program_id(1), tl.int64) * T + tap) * C + c[:, None]) * O + n[None, :]
    tl.store(sums + place, total, mask=(c < C)[:, None] & (n < O)[None, :])


def _align(x: Tensor, num_dimensions: int = 1) -> Tensor:
    """Return ``x`` contiguous, its last dimensions filled up with zeros to multiples of 16."""
    sizes = reversed(x.shape[-num_dimensions:])
    missing = [end for size in sizes for end in (0, -size % 16)]
    return (F.pad(x, missing) if any(missing) else x).contiguous()


def _precision() -> str:
    """Return what becomes of float32; other types are multiplied as they are."""
    # Not from `allow_tf32`: that raises once a program has used both of PyTorch's interfaces.
    cudnn: Any = torch.backends.cudnn
    return "tf32" if cudnn.conv.fp32_precision == "tf32" else "ieee"


def _tiles(dtype: torch.dtype) -> Sequence[Tile]:
    if dtype.itemsize == 2:
        return HALF
    return TF32 if dtype == torch.float32 and _precision() == "tf32" else EXACT


def _choose(tiles: Sequence[Tile], rows: int, columns: int, source: Tensor) -> Tile:
    """Return the tile that should be done first on the source's device."""
    device: Any = torch.cuda.get_device_properties(source.device)

    def duration(tile: Tile) -> float:
        programs = triton.cdiv(rows, tile.rows) * triton.cdiv(columns, tile.columns)
        waves = triton.cdiv(programs, device.multi_processor_count)
        return waves * tile.rows * tile.columns / tile.rate

    room = device.shared_memory_per_block_optin
    fitting = [tile for tile in tiles if tile.shared_memory(source.element_size()) <= room]
    return min(fitting, key=duration)


def _choose_for_weight(tiles: Sequence[Tile], channels: int, columns: int, item_size: int) -> Tile:
    """Return the tile that should do most; the device has no say, or it would change results."""

    def duration(tile: Tile) -> float:
        programs = triton.cdiv(channels, tile.rows) * triton.cdiv(columns, tile.columns)
        return programs * tile.rows * tile.columns / tile.rate

    return min(
        (tile for tile in tiles if tile.shared_memory(item_size) <= COMMON_MEMORY), key=duration
    )


def _share(rows: int, programs: int, depth: int) -> int:
    """Return how many rows a program of the weight gradient adds up, whole steps of them."""
    shares = min(max(PROGRAMS // programs, 1), triton.cdiv(rows, FEWEST_STEPS * depth))
    return triton.cdiv(triton.cdiv(rows, shares), depth) * depth
