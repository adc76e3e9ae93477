"""Convolution whose filters are shared inside the cells of a grid, and differ between them.

Convention: the *result* is divided into cells. A position of the result is computed with the
filters of its own cell from whatever they reach of the input, across the borders of cells, as in
the networks of Sun et al. 2014 that share filters in regions of 2x2. Nothing is padded
between cells; ``padding`` adds zeros around the whole input alone. So a grid of 1x1 is the usual
convolution, and a grid of H' x W' shares nothing.

Cells are as equal as they can be: of H' rows, the first ``H' mod G`` cells have one more than the
others, as `torch.tensor_split` has it. Every position belongs to one cell.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]


def locally_shared_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, padding: int | Pair = 0
) -> Tensor:
    """Convolve with the filters of each cell; the stride is 1.

    The cells' windows are brought to one size and stacked along the channels, so that all are
    computed by one grouped convolution.

    Args:
        x: (B, C, H, W), floating point.
        weight: (G, K, O, C, kh, kw), filters of G x K cells in rows and columns.
        bias: (G, K, O).
        padding: rows and columns of zeros on each side of the whole input, or one number for both.

    Returns:
        (B, O, H', W'), H' = H + 2 * padding - kh + 1, and W' likewise.

    Raises:
        ValueError: a shape, type or device does not fit, or there are more cells than positions.

    Source: Sun, Wang, Tang 2014, "Deep Learning Face Representation from Predicting 10,000
    Classes", whose later convolutions share weights locally.
    """
    padding = (padding, padding) if isinstance(padding, int) else padding
    _expect_inputs(x, weight, bias, padding)
    if any(padding):
        x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    size = x.shape[2] - weight.shape[4] + 1, x.shape[3] - weight.shape[5] + 1
    _expect_cells(weight, size)
    rows, columns = _Cells(size[0], weight.shape[0]), _Cells(size[1], weight.shape[1])
    out = _convolve_windows(x, weight, bias, rows, columns)
    return _keep(_keep(out, 2, rows.kept()), 3, columns.kept())


def slide_locally_shared_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, size: Pair
) -> Tensor:
    """Convolve every patch of a map as `locally_shared_conv2d` does, each result once.

    Where patches overlap, what one cell's filters make of a place is the same in all patches that
    put the place into that cell. So the filters of each cell slide over all that its cell covers in
    some patch, in one grouped convolution, and the patches' results are picked from that.

    Args:
        x: (B, C, H, W).
        weight: (G, K, O, C, kh, kw).
        bias: (G, K, O).
        size: h and w of the patches.

    Returns:
        (B, H - h + 1, W - w + 1, O, h - kh + 1, w - kw + 1): for each of the patches' places, by
        row and column of its corner, the result of the patch without padding.

    Raises:
        ValueError: as `locally_shared_conv2d`, or patches larger than the map.

    Source: the "interweaved operation" of Liu et al. 2015, "Deep Learning Face Attributes in the
    Wild", section 3.2.
    """
    _expect_inputs(x, weight, bias, (0, 0))
    places = x.shape[2] - size[0] + 1, x.shape[3] - size[1] + 1
    if min(places) < 1:
        raise ValueError(f"expected patches inside a map {tuple(x.shape[2:])}, got size {size}")
    inner = size[0] - weight.shape[4] + 1, size[1] - weight.shape[5] + 1
    _expect_cells(weight, inner)
    rows = _Cells(inner[0], weight.shape[0], places[0])
    columns = _Cells(inner[1], weight.shape[1], places[1])
    out = _convolve_windows(x, weight, bias, rows, columns)
    out = _keep(_keep(out, 2, rows.kept()), 3, columns.kept())
    out = out.unflatten(3, (places[1], -1)).unflatten(2, (places[0], -1))
    return out.permute(0, 2, 4, 1, 3, 5)


class LocallySharedConv2d(nn.Module):
    """`locally_shared_conv2d` with weights; they are initialised as those of `nn.Conv2d`.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: kh and kw, or one number for both.
        grid: G rows and K columns of cells, on the result.
        padding: zeros around the whole input.
        bias: whether there is one.

    Raises:
        ValueError: a number is less than 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        grid: Pair,
        padding: int | Pair = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        kernel_size = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        shape = (*grid, out_channels, in_channels, *kernel_size)
        if len(shape) != 6 or min(shape) < 1:
            raise ValueError(
                f"expected weight (G, K, O, C, kh, kw), six numbers of at least 1, got {shape}"
            )
        self.padding = padding
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(shape[:3])) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and bias uniformly within 1 / sqrt(fan in)."""
        bound = 1 / math.sqrt(self.weight[0, 0, 0].numel())
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, O, H', W'); see `locally_shared_conv2d`."""
        return locally_shared_conv2d(x, self.weight, self.bias, padding=self.padding)

    def extra_repr(self) -> str:
        """Return the sizes, for the printed module."""
        rows, columns, outputs, inputs, kh, kw = self.weight.shape
        return (
            f"{inputs}, {outputs}, kernel_size={(kh, kw)}, grid={(rows, columns)}, "
            f"padding={self.padding}, bias={self.bias is not None}"
        )


class _Cells:
    """The cells along one axis of a result of ``length`` positions, in each of ``places`` patches.

    Every cell's window is as large as the first one's. A smaller cell's is one too long: what is
    computed there is not kept.
    """

    def __init__(self, length: int, number: int, places: int = 1) -> None:
        each, more = divmod(length, number)
        self.sizes = [each + (cell < more) for cell in range(number)]
        self.starts = [sum(self.sizes[:cell]) for cell in range(number)]
        self.places = places
        self.window = self.sizes[0] + places - 1  # of the result, that a cell's filters slide over

    def read(self, kernel: int, length: int) -> list[int]:
        """Positions of the input, ``length`` long, that the windows read, one after another."""
        span = range(self.window + kernel - 1)
        return [min(start + step, length - 1) for start in self.starts for step in span]

    def kept(self) -> list[int]:
        """Positions of the windows' results, one after another, that each place's result is of."""
        return [
            cell * self.window + place + step
            for place in range(self.places)
            for cell, size in enumerate(self.sizes)
            for step in range(size)
        ]


def _convolve_windows(
    x: Tensor, weight: Tensor, bias: Tensor | None, rows: _Cells, columns: _Cells
) -> Tensor:
    """(B, C, H, W) -> (B, O, G * h, K * w), the results of all cells' windows, side by side."""
    num_rows, num_columns, outputs, _, kh, kw = weight.shape
    x = _keep(x, 2, rows.read(kh, x.shape[2]))
    x = _keep(x, 3, columns.read(kw, x.shape[3]))
    x = x.unflatten(3, (num_columns, -1)).unflatten(2, (num_rows, -1))  # (B, C, G, h', K, w')
    x = x.permute(0, 2, 4, 1, 3, 5).flatten(1, 3)  # (B, G * K * C, h', w')
    flat = None if bias is None else bias.flatten()
    out = F.conv2d(x, weight.flatten(0, 2), flat, groups=num_rows * num_columns)
    out = out.unflatten(1, (num_rows, num_columns, outputs)).permute(0, 3, 1, 4, 2, 5)
    return out.flatten(2, 3).flatten(3, 4)


def _keep(x: Tensor, dim: int, positions: list[int]) -> Tensor:
    if positions == list(range(x.shape[dim])):
        return x
    return x.index_select(dim, torch.tensor(positions, device=x.device))


def _expect_inputs(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair) -> None:
    if weight.ndim != 6 or 0 in weight.shape:
        shape = tuple(weight.shape)
        raise ValueError(f"expected weight (G, K, O, C, kh, kw), all > 0, got {shape}")
    if x.ndim != 4 or x.shape[1] != weight.shape[3]:
        raise ValueError(f"expected x (B, {weight.shape[3]}, H, W), got {tuple(x.shape)}")
    if len(padding) != 2 or min(padding) < 0:
        raise ValueError(f"expected padding of at least 0, for rows and columns, got {padding}")
    if bias is not None and bias.shape != weight.shape[:3]:
        wanted = tuple(weight.shape[:3])
        raise ValueError(f"expected bias (G, K, O) of {wanted}, got {tuple(bias.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"expected x in floating point, got {x.dtype}")
    autocast = torch.is_autocast_enabled(x.device.type)
    for name, other in (("weight", weight), ("bias", bias)):
        if other is not None and other.device != x.device:
            raise ValueError(f"expected {name} on {x.device}, got {other.device}")
        if other is not None and other.dtype != x.dtype and not autocast:
            raise ValueError(f"expected {name} in {x.dtype}, as x is, got {other.dtype}")


def _expect_cells(weight: Tensor, size: Pair) -> None:
    if size[0] < weight.shape[0] or size[1] < weight.shape[1]:
        grid = tuple(weight.shape[:2])
        raise ValueError(
            f"expected at least one position in each cell of a grid of {grid}, got a result of "
            f"(H', W') = {size}"
        )
