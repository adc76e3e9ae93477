"""Making the frames between a video's frames, and after them.

interpolator = FrameInterpolator.from_checkpoint("best.ckpt")
with VideoReader("in.mp4") as reader:
    for frame, time in interpolator.multiply(reader.frames(), 2):
        ...
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy, deepcopy
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypedDict, Unpack

import torch
from torch import Tensor, nn

from vision_shared.captured import CapturedCalls
from vision_shared.checkpoints import read_checkpoint
from vision_shared.prediction import find_device, rebuild_network
from vision_shared.video.reader import TimedFrame
from voxel_flow.interpolation.exposure import row_gain
from voxel_flow.interpolation.frame_tensors import Source, to_frame, with_alpha
from voxel_flow.interpolation.scene_cuts import Tally
from voxel_flow.interpolation.tiling import SMALLEST_TILE, synthesise
from voxel_flow.interpolation.timeline import Targets, at_rate, evenly, extend, fill, stretch
from voxel_flow.models import Synthesis, build_network
from voxel_flow.models.synthesis import blend
from voxel_flow.weights import SHIPPED

if TYPE_CHECKING:
    from voxel_flow.interpolation.adaptation import Adaptation

TASK = "voxel-flow"
DEFAULT_TILE = 2048
TOGETHER = 2**22
"""Pixels of the frames that are made of a pair together on CUDA, so that memory has a bound."""

Precision = Literal["fp32", "fp16", "bf16"]
Quality = Literal["fast", "best"]
PRECISIONS: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}


class Estimation(TypedDict, total=False):
    """How motion is estimated: the settings of a `FrameInterpolator`, which says what they are."""

    device: str
    precision: Precision
    scale: float
    tile: int
    quality: Quality


class FrameInterpolator:
    """Synthesises video frames at any time between two frames, or after them.

    Source frames pass as they are, the same objects. What is made has the pixel format, colour
    matrix, range and tags of the source. A few frames are held at a time, whatever a video's
    length; each is brought to the device at most once.

    Nothing is made across a scene cut: there the nearer source frame is shown again. Duplicates of
    a frame give way to what should have been there: frames between the image and the next one.
    Neither changes how many frames there are. See `voxel_flow.interpolation.scene_cuts`.

    Args:
        network: network from `voxel_flow.models.build_network`, for pairs of frames.
        device: device to use: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        precision: precision of the network's convolutions; images are read and blended in fp32.
        scale: scale of the images on which motion is estimated, in (0, 1]; frames are read at full
            size. Below 1 is faster, and reaches further.
        tile: largest side, in pixels, of what the network sees at once; larger images are done in
            overlapping tiles, so that memory has a bound.
        quality: ``fast``, or ``best``: a frame between two is the mean of what the network makes of
            them as they are, and turned by 180 degrees with time reversed; at twice the time.

    Attributes:
        evens_brightness: whether changes of brightness between two frames are taken out before
            their motion is estimated, see `voxel_flow.interpolation.exposure`.

    Raises:
        ValueError: ``cuda`` without a usable GPU, or a setting out of range.
    """

    def __init__(
        self,
        network: nn.Module,
        device: str = "auto",
        *,
        precision: Precision = "fp32",
        scale: float = 1.0,
        tile: int = DEFAULT_TILE,
        quality: Quality = "fast",
    ) -> None:
        if quality not in ("fast", "best"):
            raise ValueError(f"expected quality fast or best, got {quality!r}")
        if precision not in PRECISIONS:
            raise ValueError(f"expected precision fp32, fp16 or bf16, got {precision!r}")
        if not 0 < scale <= 1:
            raise ValueError(f"expected a scale above 0 and up to 1, got {scale:g}")
        if tile < SMALLEST_TILE:
            raise ValueError(f"expected a tile of at least {SMALLEST_TILE} pixels, got {tile}")
        self.device = find_device(device)
        self.network = network.to(self.device).eval()
        self.precision, self.scale, self.tile, self.quality = precision, scale, tile, quality
        self.evens_brightness = True
        self._pair: tuple[Tensor, Tensor, Tensor | None] | None = None
        self._captured: CapturedCalls | None = None

    @classmethod
    def from_checkpoint(cls, path: str | Path, **settings: Unpack[Estimation]) -> Self:
        """Rebuild the network that a training run of voxel-flow wrote; the file alone is needed.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: not a checkpoint of voxel-flow, or not one of this version.
            ValueError: as for the class.
        """
        return cls(load_network(path), **settings)

    @classmethod
    def shipped(cls, **settings: Unpack[Estimation]) -> Self:
        """Return an interpolator with the weights that come with the package."""
        return cls.from_checkpoint(SHIPPED, **settings)

    def fingerprint(self) -> str:
        """Return what tells the network's weights from others."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def adapted(self, video: Path, seconds: float) -> tuple[Self, Adaptation]:
        """Return an interpolator fine-tuned on a video, and what that gained; this one stays.

        Raises:
            InputError: as `voxel_flow.interpolation.adaptation.adapt`.
        """
        # albumentations and OpenCV take seconds to import
        from voxel_flow.interpolation.adaptation import adapt

        other = copy(self)
        other.network = deepcopy(self.network)
        return other, adapt(other.network, video, seconds)

    def multiply(
        self, frames: Iterable[TimedFrame], times: int, tally: Tally | None = None, *, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """Yield ``times`` frames for each step from a frame to the next, evenly spaced.

        n frames become times * (n - 1) + 1; the first and the last are the source's. Of the first
        ``skip``, here and below, the times alone are right: they show what was at hand, unmade.

        Raises:
            ValueError: ``times`` below 1.
        """
        if times < 1:
            raise ValueError(f"expected times of at least 1, got {times}")

        return self._fill(frames, evenly(times), tally, skip)

    def slow_down(
        self, frames: Iterable[TimedFrame], times: int, tally: Tally | None = None, *, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """Yield slow motion: ``times`` the frames, at the distances of the source's, for longer.

        A frame's time is multiplied by ``times``. The last frame is shown as long as the others:
        n frames become times * n, of which the last ``times`` are the same. One frame stays one.

        Raises:
            ValueError: ``times`` below 1.
        """
        made = self.multiply(frames, times, tally, skip=skip)
        return stretch(made, times)

    def resample(
        self,
        frames: Iterable[TimedFrame],
        rate: Fraction,
        tally: Tally | None = None,
        *,
        skip: int = 0,
    ) -> Iterator[TimedFrame]:
        """Yield frames at ``rate`` per second, from the first frame's time to the last frame's.

        A source frame whose time is met exactly passes as it is.

        Raises:
            ValueError: ``rate`` not above 0.
        """
        if rate <= 0:
            raise ValueError(f"expected a rate above 0, got {rate}")

        return self._fill(frames, at_rate(rate), tally, skip)

    def extend(
        self, frames: Iterable[TimedFrame], count: int, tally: Tally | None = None, *, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """Yield the frames as they are, then the next ``count``, at the last two's distance.

        The network is asked for times beyond its two frames, the last two different ones of the
        last scene. Its errors grow with each step; after networks trained only on times in between
        one or two steps are of use.

        Raises:
            ValueError: ``count`` below 1.
            TooFewFrames: while iterating, there was one frame or none.
        """
        if count < 1:
            raise ValueError(f"expected a count of at least 1, got {count}")
        tally = Tally() if tally is None else tally
        return extend(frames, count, self._make, tally, skip=skip, device=self.device)

    def synthesise(self, first: Tensor, second: Tensor, time: float) -> Tensor:
        """Return the frame at ``time``, of two frames (3, H, W), RGB in [0, 1], at 0 and 1.

        Between 0 and 1 it interpolates, above 1 it extrapolates.
        """
        return self.estimate(first, second, time).image[0]

    def estimate(self, first: Tensor, second: Tensor, time: float) -> Synthesis:
        """Return what `synthesise` does, and the voxel flow that it comes from (B = 1)."""
        return self._estimate_all(first, second, [time])

    @torch.inference_mode()
    def _estimate_all(self, first: Tensor, second: Tensor, times: Sequence[float]) -> Synthesis:
        """Return what `estimate` does for each of B times."""
        # beyond the frames no one knows how their brightness goes on
        is_between = all(0 <= time <= 1 for time in times)
        gain = self._gain(first, second) if is_between else None
        time = first.new_tensor(times)
        if gain is None:
            return self._estimate_twice(torch.stack([first, second]), time, is_between)
        half = gain.sqrt()
        made = self._estimate_twice(torch.stack([first * half, second / half]), time, is_between)
        share = time[:, None, None, None]
        return made._replace(image=made.image * (1 - share + share * gain) / half)

    def _gain(self, first: Tensor, second: Tensor) -> Tensor | None:
        """Return `row_gain` of a pair; of the pair before, which is often asked for, again."""
        if not self.evens_brightness:
            return None
        if self._pair is None or self._pair[0] is not first or self._pair[1] is not second:
            self._pair = first, second, row_gain(first, second)
        return self._pair[2]

    def _estimate_twice(self, pair: Tensor, time: Tensor, is_between: bool) -> Synthesis:
        """Estimate a pair (2, 3, H, W) at times (B,) as ``quality`` asks for."""
        made = self._estimate(pair, time)
        # beyond the frames the reversed time would be one that no network was trained for
        if self.quality == "fast" or not is_between:
            return made
        # a motion that is turned and played backwards is the same one
        other = self._estimate(pair.flip(0, 2, 3), 1 - time)
        return Synthesis(
            (made.image + other.image.flip(2, 3)) / 2,
            (made.flow + other.flow.flip(2, 3)) / 2,
            (made.weights + other.weights.flip(1, 2, 3)) / 2,
            own_flows=(made.flows + other.flows.flip(1, 3, 4)) / 2,
        )

    def _estimate(self, pair: Tensor, time: Tensor) -> Synthesis:
        dtype = PRECISIONS[self.precision]
        frames = pair.expand(len(time), -1, -1, -1, -1)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            return synthesise(self._called(), frames, time, scale=self.scale, tile=self.tile)

    def _called(self) -> Callable[..., Synthesis]:
        """Return the network; on CUDA, its captured calls."""
        if self.device.type != "cuda":
            return self.network
        if self._captured is None or self._captured.function is not self.network:
            self._captured = CapturedCalls(self.network)
        return self._captured

    def _fill(
        self, frames: Iterable[TimedFrame], targets: Targets, tally: Tally | None, skip: int
    ) -> Iterator[TimedFrame]:
        tally = Tally() if tally is None else tally
        return fill(frames, targets, self._make, tally, skip=skip, device=self.device)

    def _make(
        self, first: Source, second: Source, times: Iterable[Fraction]
    ) -> Iterator[TimedFrame]:
        times, at_once = iter(times), self._at_once(first.image)
        while some := list(islice(times, at_once)):
            for image, time in zip(self._images(first, second, some), some, strict=True):
                yield TimedFrame(to_frame(image, first.timed.frame), time)

    def _at_once(self, image: Tensor) -> int:
        """Return for how many times a pair is estimated together: on a CPU they take longer so."""
        if self.device.type != "cuda":
            return 1
        return max(1, TOGETHER // (image.shape[1] * image.shape[2]))

    def _images(self, first: Source, second: Source, times: Sequence[Fraction]) -> Tensor:
        """Return (B, 3, H, W), or (B, 4, H, W) of frames that can be transparent."""
        start, step = first.timed.time, second.timed.time - first.timed.time
        shares = [float((time - start) / step) for time in times]
        made = self._estimate_all(first.image, second.image, shares)
        if first.alpha is None or second.alpha is None:
            return made.image
        # as the colours moved, so did what they are the colours of
        pair = torch.stack([first.alpha, second.alpha])  # (2, 1, H, W)
        offsets = pair.new_tensor([[-share, 1 - share] for share in shares])
        pairs = pair.expand(len(times), -1, -1, -1, -1)
        alpha = blend(pairs, made.flows, made.weights, offsets)
        return with_alpha(made.image, alpha.clamp(0, 1))


def load_network(path: str | Path) -> nn.Module:
    """Rebuild a checkpoint's network on the CPU.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: not a checkpoint of voxel-flow, or not one of this version.
    """
    checkpoint = read_checkpoint(path, task=TASK)
    return rebuild_network(checkpoint, lambda made_with: build_network(**made_with["network"]))
