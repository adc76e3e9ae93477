"""Exact times of decoded frames, from what containers say about them."""

from fractions import Fraction
from math import gcd

from vision_shared.video.rates import LARGEST


class FrameClock:
    """Turns the stamps of a video's frames, one after the other, into times.

    Times grow strictly. A constant rate that the container rounds (Matroska keeps milliseconds) is
    exact again; a variable rate keeps its times. A frame without a stamp, or with one that does not
    lie after the frame before, comes one nominal step later.

    Attributes:
        tick: the largest step, in seconds, by multiples of which frames can lie apart.
        last: the latest frame's time in seconds since the first frame's; None before the first.

    Args:
        time_base: seconds per unit of the stamps.
        rate: nominal frames per second.
    """

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        self._time_base = time_base
        self._step = 1 / rate
        self.tick = _common_divisor(time_base, self._step)
        # a time base too coarse for single frames says nothing about what was rounded
        self._rounds = self.tick < time_base < self._step / 4
        self.last: Fraction | None = None
        self._first_stamp: int | None = None

    def next(self, stamp: int | None) -> Fraction:
        """Return the next frame's time, in seconds since the first frame's."""
        if self.last is None:
            self._first_stamp = stamp
            self.last = Fraction(0)
            return self.last
        time = self.last + self._step
        if stamp is not None and self._first_stamp is not None:
            stamped = self._unrounded((stamp - self._first_stamp) * self._time_base)
            time = stamped if stamped > self.last else time
        self.last = time
        return time

    def _unrounded(self, time: Fraction) -> Fraction:
        nearest = round(time / self._step) * self._step
        return nearest if self._rounds and abs(time - nearest) <= self._time_base else time


def _common_divisor(step: Fraction, other: Fraction) -> Fraction:
    """Return the largest step that divides both, or ``step`` where containers cannot store it."""
    divisor = Fraction(
        gcd(step.numerator * other.denominator, other.numerator * step.denominator),
        step.denominator * other.denominator,
    )
    return divisor if divisor.denominator <= LARGEST // 64 else step
