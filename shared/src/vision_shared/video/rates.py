"""Frame rates as exact fractions: NTSC's are n * 1000 / 1001, whatever decimals people write."""

from fractions import Fraction

from vision_shared.inputs import InputError

NTSC_BASES = (24, 30, 48, 60, 120, 240)
LARGEST = 2**31 - 1  # containers store a rate as two 32-bit integers


def parse_rate(text: str) -> Fraction:
    """Return the rate in frames per second that ``60``, ``12.5`` or ``24000/1001`` stand for.

    A decimal that rounds n * 1000 / 1001 for an n of `NTSC_BASES` stands for it: 23.976 and 23.98
    are 24000/1001, 29.97 is 30000/1001.

    Raises:
        InputError: not a positive number, or beyond what a container can store.

    >>> import torch
    >>> parse_rate("29.97")
    Fraction(30000, 1001)
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"expected a rate such as 60, 23.976 or 24000/1001, got {text!r}"
        ) from error
    _, point, decimals = text.partition(".")
    if point and rate.denominator != 1:
        exact = (Fraction(1000 * base, 1001) for base in NTSC_BASES)
        rate = next((ntsc for ntsc in exact if round(ntsc, len(decimals)) == rate), rate)
    if rate <= 0 or max(rate.numerator, rate.denominator) > LARGEST:
        raise InputError(f"expected a rate above 0 that a container can store, got {text!r}")
    return rate


def nearest_exact(rate: Fraction) -> Fraction:
    """Return NTSC's rate where ``rate`` differs only by how a container rounded it.

    Matroska keeps a frame's duration in nanoseconds: 60000/1001 comes back as 19001/317.
    """
    exact = (Fraction(1000 * base, 1001) for base in NTSC_BASES)
    return next((ntsc for ntsc in exact if abs(ntsc - rate) <= ntsc / 10**7), rate)
