"""The active pixels of a batch, found once and used by every layer of a stage.

Between the layers of a stage, features travel as tokens (N, C): a row for each of the M active
pixels of the whole batch, image after image, rows from top to bottom, pixels from left to right;
behind them, where a region has blocks, a row for each block of inactive pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vision_shared.region.kernels.conv import region_picks, region_rows

_MOST = 2**31 - 1  # pixels that an int32 index tells apart

Pair = tuple[int, int]  # rows, columns


class Region:
    """The active pixels of a batch of masks, and who neighbours whom.

    To find them waits once for the device, and `subset` once more; no layer waits again. What a
    region is asked is computed once and kept. A region may be empty, and its images may have
    different numbers of active pixels.

    With blocks the inactive pixels of each block of ``block`` by ``block`` pixels share one token,
    which is computed as an active pixel's is, at the block's centre: active pixels read it where
    they would else read nothing. An image without active pixels has no blocks.

    Args:
        mask: (B, H, W) or (B, 1, H, W), bool, True where active. It takes no gradient.
        block: side of the blocks of inactive pixels; 0 for none.

    Attributes:
        mask: (B, H, W).
        rows: (M,), int64, ascending: the flat indices ``(b * H + y) * W + x`` of active pixels.
        places: (B * H * W,), int32: the token of each pixel, -1 where there is none.

    Raises:
        ValueError: The mask is of another type or shape, or has more than 2^31 - 1 pixels.

    >>> Region(torch.eye(3, dtype=torch.bool)[None]).gather(torch.rand(1, 5, 3, 3)).shape
    torch.Size([3, 5])
    """

    def __init__(self, mask: Tensor, block: int = 0) -> None:
        self.mask = _as_planes(mask)
        self.block = block
        _, height, width = self.shape
        self.rows = region_rows(self.mask)
        active = self.mask.flatten()
        self.places = torch.where(active, active.cumsum(0, dtype=torch.int32) - 1, -1)
        # Image, y and x of every token.
        self._at = _unravel(self.rows, height, width)
        self.blocks: Blocks | None = None
        if block:
            self.blocks = blocks = Blocks(self.mask, block)
            self.places = torch.where(blocks.covered, blocks.places + self.num_active, self.places)
            self._at = tuple(map(torch.cat, zip(self._at, blocks.centres, strict=True)))
        self._tables: dict[tuple[str, Pair, Pair], Tensor] = {}
        self._parent: tuple[Region, Tensor] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """B, H, W."""
        batch, height, width = self.mask.shape
        return batch, height, width

    @property
    def num_active(self) -> int:
        """M, the number of active pixels in the whole batch."""
        return self.rows.shape[0]

    @property
    def num_tokens(self) -> int:
        """N, the number of active pixels and of blocks in the whole batch."""
        return self._at[0].shape[0]

    def neighbours(self, kernel_size: Pair, dilation: Pair = (1, 1)) -> Tensor:
        """Return the token that each tap of a kernel reads for each active pixel.

        Args:
            kernel_size: kh and kw, odd.
            dilation: dh and dw.

        Returns:
            (kh * kw, N), int32, taps in raster order: tap (i, j) reads the same image at
            ``y + (i - kh // 2) * dh, x + (j - kw // 2) * dw``; -1 where that has no token.

        Raises:
            ValueError: A size is even, or a dilation less than 1.
        """
        return self._table("neighbours", kernel_size, dilation)

    def pixels(self, kernel_size: Pair, dilation: Pair = (1, 1)) -> Tensor:
        """Return `neighbours` as flat indices of pixels, active or not; -1 outside the image."""
        return self._table("pixels", kernel_size, dilation)

    def readers(self, kernel_size: Pair, dilation: Pair = (1, 1)) -> Tensor:
        """Return `neighbours` of every pixel, active or not, (kh * kw, B * H * W)."""
        return self._table("readers", kernel_size, dilation)

    def gather(self, x: Tensor) -> Tensor:
        """Return the tokens (N, C) of a map (B, C, H, W); a block's is the mean of its pixels.

        Raises:
            ValueError: The map's size or device is not the mask's.
        """
        self.expect_map("x", x)
        pixels = x.permute(0, 2, 3, 1)
        if pixels.is_contiguous():
            tokens = pixels.flatten(0, 2).index_select(0, self.rows)
        else:
            tokens = pixels[tuple(index[: self.num_active] for index in self._at)]
        return tokens if self.blocks is None else torch.cat([tokens, self.blocks.means(x)])

    def spread(self, tokens: Tensor) -> Tensor:
        """Return the map (B, C, H, W) of tokens (N, C), each at all pixels that it stands for.

        Pixels without a token are zero.
        """
        self.expect_tokens("tokens", tokens)
        rows = torch.where(self.places < 0, tokens.shape[0], self.places)
        pixels = F.pad(tokens, (0, 0, 0, 1)).index_select(0, rows)
        return pixels.unflatten(0, self.shape).permute(0, 3, 1, 2)

    def scatter(self, tokens: Tensor, onto: Tensor | None = None) -> Tensor:
        """Return the map (B, C, H, W) of the active pixels' tokens.

        Args:
            tokens: (N, C).
            onto: (B, C, H, W), what inactive pixels are; zeros, channels last in memory, if None.

        Raises:
            ValueError: A size, type or device does not fit.
        """
        self.expect_tokens("tokens", tokens)
        tokens, at = tokens[: self.num_active], [index[: self.num_active] for index in self._at]
        if onto is None:
            canvas = tokens.new_zeros(*self.shape, tokens.shape[1]).permute(0, 3, 1, 2)
        else:
            self.expect_map("onto", onto, tokens.shape[1])
            if onto.dtype != tokens.dtype:
                raise ValueError(f"expected onto in {tokens.dtype}, got {onto.dtype}")
            canvas = onto.clone()
        pixels = canvas.permute(0, 2, 3, 1)
        if pixels.is_contiguous():
            pixels.flatten(0, 2).index_copy_(0, self.rows, tokens)
        else:
            pixels[tuple(at)] = tokens
        return canvas

    def subset(self, mask: Tensor) -> "Region":
        """Return the region of a mask that is True only where this one is, with blocks as this.

        Raises:
            ValueError: It is True elsewhere, or of another size or device.
        """
        child = Region(mask, self.block)
        child._parent = self, self._find(child)
        return child

    def select(self, tokens: Tensor, child: "Region") -> Tensor:
        """Return those of the tokens (N, C) that are a smaller region's, (N', C).

        A block of the smaller one has the mean of what its pixels had.

        Raises:
            ValueError: The other region is not inside this one, or the tokens are not of this one.
        """
        self.expect_tokens("tokens", tokens)
        picks = child._parent[1] if child._parent and child._parent[0] is self else None
        picked = tokens[self._find(child) if picks is None else picks]
        if child.blocks is None:
            return picked
        return torch.cat([picked, child.blocks.means(self.spread(tokens))])

    def downsample(self, stride: int) -> "Region":
        """Return the region of cells of ``stride`` by ``stride`` pixels with an active one.

        Its images are (ceil(H / stride), ceil(W / stride)), as a convolution with that stride
        and padding makes them.
        """
        if stride < 1:
            raise ValueError(f"expected stride of at least 1, got {stride}")
        batch, height, width = self.shape
        image, y, x = (index[: self.num_active] for index in self._at)
        cells = self.mask.new_zeros(
            batch, (height + stride - 1) // stride, (width + stride - 1) // stride
        )
        cells[image, y // stride, x // stride] = True
        return Region(cells)

    def expect_map(self, name: str, x: Tensor, channels: int | None = None) -> None:
        """Raise ValueError unless ``x`` is a map (B, C, H, W) of this region."""
        batch, height, width = self.shape
        fits = x.ndim == 4 and (x.shape[0], x.shape[2], x.shape[3]) == self.shape
        if not fits or channels not in (None, x.shape[1]):
            size = f"({batch}, {channels or 'C'}, {height}, {width})"
            raise ValueError(f"expected {name} (B, C, H, W) of sizes {size}, got {tuple(x.shape)}")
        expect_device(name, x, self.mask)

    def expect_tokens(self, name: str, x: Tensor, channels: int | None = None) -> None:
        """Raise ValueError unless ``x`` is tokens (N, C) of this region."""
        fits = x.ndim == 2 and x.shape[0] == self.num_tokens
        if not fits or channels not in (None, x.shape[1]):
            size = f"({self.num_tokens}, {channels or 'C'})"
            raise ValueError(f"expected {name} (N, C) of sizes {size}, got {tuple(x.shape)}")
        expect_device(name, x, self.mask)

    def _find(self, child: "Region") -> Tensor:
        """Return which tokens (M',) are the child's."""
        if child.shape != self.shape:
            raise ValueError(f"expected a region (B, H, W) of {self.shape}, got {child.shape}")
        expect_device("the region inside", child.mask, self.mask)
        return region_picks(self.places, child.rows)

    def _table(self, kind: str, kernel_size: Pair, dilation: Pair) -> Tensor:
        key = kind, kernel_size, dilation
        if key not in self._tables:
            expect_kernel(kernel_size, dilation)
            self._tables[key] = self._make_table(*key)
        return self._tables[key]

    def _make_table(self, kind: str, kernel_size: Pair, dilation: Pair) -> Tensor:
        (kh, kw), (dh, dw) = kernel_size, dilation
        above, left = kh // 2 * dh, kw // 2 * dw
        content = self.places
        if kind == "pixels":
            content = torch.arange(content.shape[0], dtype=torch.int32, device=content.device)
        wide = F.pad(content.view(self.shape), (left, left, above, above), value=-1)
        plane, pitch, step = wide.stride()
        if kind == "readers":
            # What each tap reads for all pixels: one shifted view for each. `unfold` would fix H
            # and W in an exported program.
            strides = dh * pitch, dw * step, plane, pitch, step
            return wide.as_strided((kh, kw, *self.shape), strides).flatten(2).flatten(0, 1)
        image, y, x = self._at
        down, right = (torch.arange(n, device=wide.device) for n in (kh, kw))
        taps = (down[:, None] * (dh * pitch) + right * (dw * step)).flatten()  # (T,)
        read = taps[:, None] + (image * plane + y * pitch + x * step)
        return wide.flatten().index_select(0, read.flatten()).view(read.shape)


class Blocks:
    """The inactive pixels of a mask, those of each square block together.

    Args:
        mask: (B, H, W), bool, True where active.
        side: side of the squares, pixels; those at the right and at the bottom may be cut.

    Attributes:
        covered: (B * H * W,), bool: the inactive pixels of images that have an active one.
        places: (B * H * W,), int32: the block of each covered pixel, by its number.
        centres: image, y and x of each block's centre, (K,) int64 each.
    """

    def __init__(self, mask: Tensor, side: int) -> None:
        _, height, width = mask.shape
        inactive = ~mask & mask.flatten(1).any(1)[:, None, None]
        self.side, self.inactive = side, inactive[:, None]
        self.counts = self._sum(self.inactive.float())  # (B, 1, h, w)
        used = self.counts > 0
        self.rows = region_rows(used)
        _, _, tall, wide = used.shape
        number = (used.flatten().cumsum(0, dtype=torch.int32) - 1).view(-1, tall, wide)
        rows, columns = (torch.arange(n, device=mask.device) // side for n in (height, width))
        self.places = number.index_select(1, rows).index_select(2, columns).flatten()
        self.covered = inactive.flatten()
        images, rows, columns = _unravel(self.rows, tall, wide)
        y, x = (
            (index * side + side // 2).clamp(max=size - 1)
            for index, size in ((rows, height), (columns, width))
        )
        self.centres = images, y, x

    def means(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (K, C), the mean of each block's inactive pixels."""
        sums = self._sum(x * self.inactive).permute(0, 2, 3, 1).flatten(0, 2)
        counts = self.counts.flatten()[self.rows, None].to(x.dtype)
        return sums.index_select(0, self.rows) / counts

    def _sum(self, x: Tensor) -> Tensor:
        # padded, for torch.export cannot prove of ceil_mode that it takes every size
        whole = F.pad(x, (0, self.side - 1, 0, self.side - 1))
        return F.avg_pool2d(whole, self.side, divisor_override=1)


def _unravel(rows: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return image, y and x of flat indices; without %, which ONNX does not take of such sizes."""
    lines = rows // width
    images = lines // height
    return images, lines - images * height, rows - lines * width


def expect_kernel(kernel_size: Pair, dilation: Pair) -> None:
    """Raise ValueError unless the kernel has a centre."""
    if any(size < 1 or size % 2 == 0 for size in kernel_size):
        raise ValueError(f"expected kernel_size of odd numbers, got {kernel_size}")
    if any(step < 1 for step in dilation):
        raise ValueError(f"expected dilation of at least 1, got {dilation}")


def expect_device(name: str, x: Tensor, like: Tensor) -> None:
    """Raise ValueError unless ``x`` is where ``like`` is."""
    if x.device != like.device:
        raise ValueError(f"expected {name} on {like.device}, got {x.device}")


def _as_planes(mask: Tensor) -> Tensor:
    """Return the mask as (B, H, W), or raise ValueError."""
    if mask.dtype != torch.bool:
        raise ValueError(f"expected mask in torch.bool, got {mask.dtype}: write mask > 0.5")
    planes = mask.squeeze(1) if mask.ndim == 4 else mask
    if planes.ndim != 3 or planes.shape[1] < 1 or planes.shape[2] < 1:
        shape = tuple(mask.shape)
        raise ValueError(f"expected mask (B, H, W) or (B, 1, H, W), H and W > 0, got {shape}")
    if planes.numel() > _MOST:
        raise ValueError(f"expected mask of at most {_MOST} pixels, got {planes.numel()}")
    return planes
