from fractions import Fraction

from vision_shared.video.clock import FrameClock

FILM = Fraction(24000, 1001)


def times(clock: FrameClock, *stamps: int | None) -> list[Fraction]:
    return [clock.next(stamp) for stamp in stamps]


def test_exact_stamps_stay_exact() -> None:
    clock = FrameClock(Fraction(1, 24000), FILM)
    assert times(clock, 500, 1501, 2502) == [0, 1 / FILM, 2 / FILM]
    assert clock.tick == Fraction(1, 24000)


def test_constant_rate_in_milliseconds_is_exact_again() -> None:
    clock = FrameClock(Fraction(1, 1000), FILM)
    stamps = [round(7 + 1000 * k / FILM) for k in range(500)]
    assert times(clock, *stamps) == [k / FILM for k in range(500)]
    assert (1 / FILM) % clock.tick == 0


def test_variable_rate_keeps_its_times() -> None:
    clock = FrameClock(Fraction(1, 90000), Fraction(30))
    assert times(clock, 0, 3003, 9000, 9500) == [Fraction(n, 90000) for n in (0, 3003, 9000, 9500)]


def test_coarse_time_base_rounds_nothing() -> None:
    clock = FrameClock(Fraction(1, 30), Fraction(24))
    assert times(clock, 0, 1, 3, 4) == [Fraction(n, 30) for n in (0, 1, 3, 4)]


def test_times_grow_where_stamps_are_missing_or_run_back() -> None:
    clock = FrameClock(Fraction(1, 25), Fraction(25))
    assert times(clock, 10, None, 10, 5, 20) == [Fraction(n, 25) for n in (0, 1, 2, 3, 10)]
