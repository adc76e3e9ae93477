"""Which frames a video gets, and when: between its frames, and after the last.

What makes an image of two is given; no network is known here.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import count as numbers_from
from itertools import groupby, pairwise
from math import ceil, floor

import torch

from vision_shared.video.reader import TimedFrame
from voxel_flow.interpolation.frame_tensors import Source
from voxel_flow.interpolation.scene_cuts import Span, Tally, find_spans

Make = Callable[[Source, Source, Iterable[Fraction]], Iterator[TimedFrame]]
"""Two frames and times -> the frames at those times, some of which may be made together."""

Targets = Callable[[Fraction, Fraction, Fraction | None], Iterable[Fraction]]
"""The first frame's time, a frame's, the next one's (None after the last) -> times in between, the
frame's own included, the next one's not."""


class TooFewFrames(ValueError):
    """A source without the two frames, of one scene where it matters, that are needed."""


def evenly(times: int) -> Targets:
    """Return the targets of ``times`` frames for each step from a frame to the next."""

    def targets(_: Fraction, start: Fraction, end: Fraction | None) -> Iterable[Fraction]:
        if end is None:
            return [start]
        return (start + (end - start) * k / times for k in range(times))

    return targets


def at_rate(rate: Fraction) -> Targets:
    """Return the targets of ``rate`` frames per second."""

    def targets(origin: Fraction, start: Fraction, end: Fraction | None) -> Iterable[Fraction]:
        first = ceil((start - origin) * rate)
        is_last = end is None
        stop = floor((start - origin) * rate) + 1 if is_last else ceil((end - origin) * rate)
        return (origin + k / rate for k in range(first, stop))

    return targets


def fill(
    frames: Iterable[TimedFrame],
    targets: Targets,
    make: Make,
    tally: Tally,
    *,
    skip: int,
    device: torch.device,
) -> Iterator[TimedFrame]:
    """Yield the frames at the targets, source frames as they are; the first ``skip`` unmade."""
    numbers = numbers_from(0)
    origin: Fraction | None = None
    following: Source | None = None
    for span in find_spans(frames):
        tally.count(span)
        current = following or Source(span.frames[0], device)
        following = None if span.following is None else Source(span.following, device)
        origin = current.timed.time if origin is None else origin
        for is_between, is_skipped, times in _kinds(span, targets, origin, numbers, skip):
            if not is_between or following is None:
                yield from (_shown_at(time, span, following) for time in times)
                continue
            made_by = _leave_unmade if is_skipped else make
            for made in made_by(current, following, times):
                tally.num_synthesised += 1
                yield made


def _kinds(
    span: Span, targets: Targets, origin: Fraction, numbers: Iterator[int], skip: int
) -> Iterator[tuple[bool, bool, Iterator[Fraction]]]:
    """Yield the times of a span, those together that are alike.

    Yields:
        Whether they are between two frames, whose motion leads there; whether all are of the first
        ``skip`` by the output's numbers; and the times.
    """
    ends = span.times if span.following is not None else [*span.times, None]
    times = (t for start, end in pairwise(ends) for t in targets(origin, _known(start), end))
    moves = span.following is not None and not span.ends_in_cut
    kinds = ((moves and t != span.frames[0].time, n < skip, t) for t, n in zip(times, numbers))  # noqa: B905
    for (is_between, is_skipped), group in groupby(kinds, key=lambda kind: kind[:2]):
        yield is_between, is_skipped, (time for *_, time in group)


def _known(time: Fraction | None) -> Fraction:
    assert time is not None
    return time


def extend(
    frames: Iterable[TimedFrame],
    count: int,
    make: Make,
    tally: Tally,
    *,
    skip: int,
    device: torch.device,
) -> Iterator[TimedFrame]:
    """Yield the frames as they are, then ``count`` more; those of the first ``skip`` unmade.

    Raises:
        TooFewFrames: there was one frame or none.
    """
    pair: tuple[TimedFrame, TimedFrame] | None = None
    last: TimedFrame | None = None
    step: Fraction | None = None
    for span in find_spans(frames):
        tally.count(span)
        for timed in span.frames:
            step = None if last is None else timed.time - last.time
            last = timed
            yield timed
        if span.following is not None:
            pair = None if span.ends_in_cut else (span.frames[0], span.following)
    if last is None or step is None:
        raise TooFewFrames("expected two frames or more to go on from")
    sources = pair and (Source(pair[0], device), Source(pair[1], device))
    for k in range(1, count + 1):
        time = last.time + k * step
        if sources is None:  # the last frame is a scene of its own
            yield TimedFrame(last.frame, time)
            continue
        tally.num_synthesised += 1
        made_by = make if tally.num_source + k > skip else _leave_unmade
        yield from made_by(*sources, [time])


def stretch(frames: Iterable[TimedFrame], times: int) -> Iterator[TimedFrame]:
    """Yield the frames for ``times`` as long; the last one ``times``, at the last distance."""
    last = step = None
    for frame, time in frames:
        stretched = TimedFrame(frame, time * times)
        step = None if last is None else stretched.time - last.time
        last = stretched
        yield stretched
    if last is not None and step is not None:
        for k in range(1, times):
            yield TimedFrame(last.frame, last.time + k * step)


def _shown_at(time: Fraction, span: Span, following: Source | None) -> TimedFrame:
    """Return a source frame at a time: nothing is made there."""
    first = span.frames[0]
    if time == first.time:
        return first
    if following is None:  # duplicates at the end
        return TimedFrame([f for f in span.frames if f.time <= time][-1].frame, time)
    nearer = first if time - first.time <= following.timed.time - time else following.timed
    return TimedFrame(nearer.frame, time)


def _leave_unmade(first: Source, _: Source, times: Iterable[Fraction]) -> Iterator[TimedFrame]:
    return (TimedFrame(first.timed.frame, time) for time in times)
