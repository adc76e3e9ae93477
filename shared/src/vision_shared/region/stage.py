"""Stages of existing networks that compute at the active pixels of a region alone."""

import copy
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from vision_shared.region import cpu_buffers, execution
from vision_shared.region.conv import autocast_dtype
from vision_shared.region.folded import Layout, Packed
from vision_shared.region.graphs import FEW, Graphs, Weights
from vision_shared.region.program import Convolve
from vision_shared.region.region import Region
from vision_shared.region.tracing import lower

Network = TypeVar("Network", bound=nn.Module)

_CROWDED = 0.8  # of the pixels are active: larger kernels are cheaper on the whole map
_PATIENCE = 2.0  # seconds, after which a calibration is content with one turn that counts
_TRIAL = 0.9  # of the pixels are active when a calibration first times a stage


def to_region(model: Network, stages: Iterable[str]) -> Network:
    """Return a copy of a network, in which the named stages can run on a region.

    A stage is a submodule that takes one map and returns one of the same height and width, made
    of 1x1 and larger convolutions, eval-mode batch norms, activations, sums, joins and products
    with numbers: blocks of ResNet, Inception-ResNet and their kind. The copy has the same
    parameters under the same names, and without a region computes what the network does.

    Args:
        model: model in eval mode.
        stages: names of submodules, such as "repeat_1" or "layer3.1"; each becomes a
            `RegionStage`.

    Raises:
        ValueError: There is no such submodule, or it contains what cannot be computed on a
            region; the message names the module and says why.
    """
    known = dict(model.named_modules())
    converted = copy.deepcopy(model)
    for name in stages:
        if name not in known or not name:
            raise ValueError(f"expected stages among the network's submodules, got '{name}'")
        converted.set_submodule(name, RegionStage(converted.get_submodule(name), name))
    return converted


class Setting(NamedTuple):
    """What the gain of a region depends on, beside its share of the pixels."""

    pixels: int  # of the batch, rounded up to a power of two
    dtype: torch.dtype
    device: torch.device
    threads: int


class RegionStage(nn.Module):
    """A stage of a network that computes at the active pixels of a region alone.

    The numbers are those of the region convolutions of Li et al. 2017, "Not All Pixels Are
    Equal: Difficulty-Aware Semantic Segmentation via Deep Layer Cascade": the result of every
    convolution is zero at inactive pixels, and so are inactive neighbours in a branch; a residual
    sum leaves inactive pixels what they were when the stage began. A kernel larger than 1x1 that
    reads the stage's input or such a sum reads those frozen values. Batch norms use their running
    statistics, and dropout is off, whatever `train` says.

    Without gradients a stage keeps its weights folded and packed, and packs them again when a
    parameter has changed. The first time it meets a size of map (to a power of two), data type,
    device and number of threads it measures (see `calibrate`) the ratio of active pixels above
    which dense computation is cheaper, and computes so there: the same numbers up to rounding.
    With gradients, and while compiled or exported, it always computes on the region. On CUDA passes
    on few pixels are replays of graphs, see `vision_shared.region.graphs`.

    Args:
        stage: The submodule that is taken over, see `to_region`.
        name: name for messages.

    Attributes:
        program: The steps of the stage; ``program.num_products`` is their matrix products.
        break_even: The ratio of active pixels above which each setting is computed densely.
    """

    def __init__(self, stage: nn.Module, name: str = "stage") -> None:
        super().__init__()
        if not list(stage.children()):
            raise ValueError(f"{name} cannot run on a region: expected blocks, got one layer")
        self.program = lower(stage, name)
        self.break_even: dict[Setting, float] = {}
        self._plan = cpu_buffers.Plan.of(self.program)
        self._packed = Packed(self.program)
        self._graphs = Graphs(self.program)
        for child_name, child in stage.named_children():
            self.add_module(child_name, child)
        self.train(stage.training)

    def forward(self, x: Tensor, region: Region | Tensor | None = None) -> Tensor:
        """Compute the stage at a region's pixels.

        Args:
            x: The map (B, C, H, W), channels last in memory for speed; or the tokens (M, C) of
                the region, so that stages follow each other without a map between.
            region: The region or its mask, (B, H, W) or (B, 1, H, W), bool; None is everywhere.

        Returns:
            (B, C', H, W) or (M, C'), as ``x`` is. Inactive pixels of a map are those of ``x`` if
            the stage ends with a residual sum on its input, else zero.

        Raises:
            ValueError: The sizes do not fit; or tokens are given to a stage with kernels larger
                than 1x1 that read its input, which the tokens do not have outside.
        """
        region = Region(region) if isinstance(region, Tensor) else region
        self._expect(x, region)
        if region is None:
            return self._on_map(x, None)
        if x.ndim == 2:
            if not self._is_cheaper_dense(x, region):
                return self._on_tokens(x, region, None)
            return region.gather(self._on_map(region.scatter(x), region))
        if self._is_cheaper_dense(x, region):
            return self._on_map(x, region)
        return self._on_region(x, region)

    def calibrate(self, x: Tensor) -> float:
        """Measure the ratio of active pixels above which dense computation is cheaper.

        It takes nine passes at most, on CUDA twelve, and six of long ones: of each the faster of
        two, after one that warms up, or two of which the second captures a graph. They are of the
        dense pass, and of a region whose cost is taken to grow with its pixels; where the ratio is
        far from that region's, it is sought once more beside it.

        Args:
            x: A map (B, C, H, W) as the stage will meet; its values do not matter.

        Returns:
            The ratio, 0 to 1, which is also put into `break_even`.
        """
        with torch.no_grad():
            most, on_most = self._trial(x, _TRIAL)
            dense, slow = _fastest([lambda: self._on_map(x, None), on_most], x)
            ratio = most * dense / slow
            if ratio < most - 0.1:
                fewer, on_fewer = self._trial(x, ratio)
                (fast,) = _fastest([on_fewer], x)
                ratio = fewer + (dense - fast) * (most - fewer) / max(slow - fast, 1e-9)
        ratio = min(max(ratio, 0.0), 1.0)
        self.break_even[_setting(x, x[:, 0].numel())] = ratio
        return ratio

    def _trial(self, x: Tensor, ratio: float) -> tuple[float, Callable[[], Tensor]]:
        """Return a pass on a region of about this ratio of the pixels, and its ratio."""
        region = Region(_stripes(x, ratio))
        return region.num_active / region.mask.numel(), partial(self._on_region, x, region)

    @property
    def _ends_frozen(self) -> bool:
        return self.program.outside[self.program.output] == "frozen"

    def _expect(self, x: Tensor, region: Region | None) -> None:
        channels = self.program.channels[0]
        if region is not None and x.ndim == 2:
            region.expect_tokens("x", x, channels)
            for step in self.program.steps:
                if isinstance(step, Convolve) and step.frozen and region.blocks is None:
                    reader = step.filters[0].conv
                    raise ValueError(
                        f"expected a map, as {reader} reads inactive pixels; got tokens"
                    )
        elif region is not None:
            region.expect_map("x", x, channels)
        elif x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"expected x (B, {channels}, H, W), got {tuple(x.shape)}")

    def _on_region(self, x: Tensor, region: Region) -> Tensor:
        out = self._on_tokens(region.gather(x), region, x)
        return region.scatter(out, x.to(out.dtype) if self._ends_frozen else None)

    def _on_tokens(self, tokens: Tensor, region: Region, x: Tensor | None) -> Tensor:
        """Compute the tokens (M, C); ``x`` is the map that they are from, if there is one."""
        if not self._runs_in_buffers(tokens):
            layout: Layout = "taps_first" if tokens.is_cuda else "taps_last"
            weights = self._weights(tokens, layout)
            if self._is_replayed(tokens) and self._graphs.take(region):
                return self._graphs.on_rows(self, weights, tokens, region)
            convolve = execution.on_tokens(weights, region, x)
            return execution.run(self, self.program, tokens, convolve)
        crowded = region.num_active > _CROWDED * region.mask.numel() and region.blocks is None
        convolutions = self._packed.convolutions(self) if crowded else None
        products = self._packed.products(self)
        rows = cpu_buffers.RegionRows(products, convolutions, self._plan.onward, region, x)
        keep = x is None  # tokens that are the caller's
        return cpu_buffers.run_in_buffers(self, self.program, self._plan, rows, tokens, keep)

    def _on_map(self, x: Tensor, region: Region | None) -> Tensor:
        """Compute the map densely; to kernels, and in the end, all else is as on the region."""
        if not self._runs_in_buffers(x):
            weights, mask = self._weights(x, "map"), None if region is None else region.mask
            run = partial(self._densely, weights)
            if self._is_replayed(x) and x[:, 0].numel() <= FEW:
                return self._graphs.on_maps(weights, run, x, mask)
            return run(x, mask)
        pixels = x.permute(0, 2, 3, 1).flatten(0, 2)
        shape = x.shape[0], x.shape[2], x.shape[3]
        packed = self._packed.convolutions(self)
        rows = cpu_buffers.MapRows(packed, shape, region, pixels)
        out = cpu_buffers.run_in_buffers(self, self.program, self._plan, rows, pixels, True)
        rows.restore(out, self._ends_frozen)
        return out.unflatten(0, shape).permute(0, 3, 1, 2)

    def _densely(self, weights: Weights, x: Tensor, mask: Tensor | None = None) -> Tensor:
        convolve = execution.on_maps(weights, mask, x)
        out = execution.run(self, self.program, x, convolve)
        if mask is None:
            return out
        return torch.where(mask[:, None], out, x.to(out.dtype) if self._ends_frozen else 0)

    def _is_replayed(self, x: Tensor) -> bool:
        """Whether a pass may be a graph of its own: not a part of what is recorded otherwise."""
        is_possible = x.is_cuda and not self._is_recorded(x)
        return is_possible and not torch.cuda.is_current_stream_capturing()

    def _runs_in_buffers(self, x: Tensor) -> bool:
        is_plain = x.device.type != "cpu" or torch.is_autocast_enabled("cpu")
        return not is_plain and not self._is_recorded(x)

    def _is_recorded(self, x: Tensor) -> bool:
        """Say whether the pass is differentiated or traced: nothing may be kept then, or timed."""
        if torch.compiler.is_compiling():
            return True
        trained = x.requires_grad or any(p.requires_grad for p in self.parameters())
        return torch.is_grad_enabled() and trained

    def _is_cheaper_dense(self, x: Tensor, region: Region) -> bool:
        if self._is_recorded(x):
            return False
        num_pixels = region.mask.numel()
        if region.num_active in (0, num_pixels):
            return region.num_active > 0
        if region.blocks is not None:  # whose values a map does not have
            return False
        setting = _setting(x, num_pixels)
        if setting not in self.break_even:
            if x.is_cuda and torch.cuda.is_current_stream_capturing():
                return False
            self.calibrate(region.scatter(x) if x.ndim == 2 else x)
        return region.num_active / num_pixels > self.break_even[setting]

    def _weights(self, x: Tensor, layout: Layout) -> dict[int, execution.Weights]:
        if self._is_recorded(x):
            return execution.fold(self, self.program)
        return self._packed.weights(self, autocast_dtype(x), layout)


def _setting(x: Tensor, num_pixels: int) -> Setting:
    pixels = 1 << (num_pixels - 1).bit_length()
    return Setting(pixels, x.dtype, x.device, torch.get_num_threads())


def _stripes(x: Tensor, ratio: float) -> Tensor:
    """Return a mask (B, H, W) of diagonal stripes that cover this ratio."""
    batch, _, height, width = x.shape
    y, x_ = (torch.arange(n, device=x.device) for n in (height, width))
    return ((y[:, None] + x_) % 32 < 32 * ratio).expand(batch, -1, -1)


def _fastest(runs: list[Callable[[], Tensor]], x: Tensor) -> list[float]:
    """Return the seconds of the faster of two turns of each, after those that do not count."""
    warm_up = 2 if x.is_cuda else 1  # the second call captures a graph
    began, turns = time.perf_counter(), []
    while len(turns) < warm_up + 2:
        turns.append([_time(run, x.device) for run in runs])
        if time.perf_counter() - began > _PATIENCE and len(turns) > warm_up:
            break
    return [min(times) for times in zip(*turns[warm_up:], strict=True)]


def _time(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000
    # one thread's own time is what its neighbours disturb least
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    run()
    return clock() - began
