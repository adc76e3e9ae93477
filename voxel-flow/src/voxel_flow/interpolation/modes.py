"""What can be made of a video's frames: how many, at what rate, by which method of the model."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from vision_shared.video.reader import TimedFrame
    from voxel_flow.interpolation.interpolator import FrameInterpolator
    from voxel_flow.interpolation.scene_cuts import Tally

    Frames = Iterable[TimedFrame]


@dataclass(frozen=True)
class Multiply:
    """``times`` the frame rate: n frames become times * (n - 1) + 1.

    >>> Multiply(4).rate(Fraction(25)), Multiply(4).num_frames(10, Fraction(25), None)
    (Fraction(100, 1), 37)
    """

    times: int
    stretch: ClassVar[int] = 1

    def frames(
        self, model: FrameInterpolator, source: Frames, tally: Tally, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """Yield the frames of the output; of the first ``skip`` the times alone are right."""
        return model.multiply(source, self.times, tally, skip=skip)

    def rate(self, source: Fraction) -> Fraction:
        """Return the output's nominal frames per second, given the source's."""
        return source * self.times

    def tick(self, source: Fraction) -> Fraction:
        """Return seconds by multiples of which the output's frames can lie apart."""
        return source / self.times

    def num_frames(self, count: int, rate: Fraction, duration: Fraction | None) -> int:
        """Return how many frames to expect of ``count`` at ``rate`` that last ``duration``."""
        del rate, duration
        return self.times * (count - 1) + 1


@dataclass(frozen=True)
class SlowDown:
    """Slow motion: ``times`` the frames at the source's rate, so that all lasts as much longer."""

    times: int

    @property
    def stretch(self) -> int:
        """How many times as long as the source the output lasts."""
        return self.times

    def frames(
        self, model: FrameInterpolator, source: Frames, tally: Tally, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """As `Multiply.frames`."""
        return model.slow_down(source, self.times, tally, skip=skip)

    def rate(self, source: Fraction) -> Fraction:
        """As `Multiply.rate`."""
        return source

    def tick(self, source: Fraction) -> Fraction:
        """As `Multiply.tick`."""
        return source

    def num_frames(self, count: int, rate: Fraction, duration: Fraction | None) -> int:
        """As `Multiply.num_frames`."""
        del rate, duration
        return self.times * count


@dataclass(frozen=True)
class Resample:
    """Frames at ``to`` per second, from the first frame's time to the last one's."""

    to: Fraction
    stretch: ClassVar[int] = 1

    def frames(
        self, model: FrameInterpolator, source: Frames, tally: Tally, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """As `Multiply.frames`."""
        return model.resample(source, self.to, tally, skip=skip)

    def rate(self, source: Fraction) -> Fraction:
        """As `Multiply.rate`."""
        del source
        return self.to

    def tick(self, source: Fraction) -> Fraction:
        """As `Multiply.tick`."""
        del source
        return 1 / self.to

    def num_frames(self, count: int, rate: Fraction, duration: Fraction | None) -> int:
        """As `Multiply.num_frames`."""
        return round((duration or count / rate) * self.to)


@dataclass(frozen=True)
class Extrapolate:
    """The frames as they are, and the next ``count``."""

    count: int
    stretch: ClassVar[int] = 1

    def frames(
        self, model: FrameInterpolator, source: Frames, tally: Tally, skip: int = 0
    ) -> Iterator[TimedFrame]:
        """As `Multiply.frames`."""
        return model.extend(source, self.count, tally, skip=skip)

    def rate(self, source: Fraction) -> Fraction:
        """As `Multiply.rate`."""
        return source

    def tick(self, source: Fraction) -> Fraction:
        """As `Multiply.tick`."""
        return source

    def num_frames(self, count: int, rate: Fraction, duration: Fraction | None) -> int:
        """As `Multiply.num_frames`."""
        del rate, duration
        return count + self.count


Mode = Multiply | SlowDown | Resample | Extrapolate


@dataclass(frozen=True)
class Compare:
    """A figure instead of frames: the result beside the true frame that was left out."""
