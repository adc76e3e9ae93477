"""Which frames a video gets, and when: between its frames, and after the last.

What makes an image of two is given; no network is known here.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import torch

from vision_shared.video.reader import TimedFrame
from voxel_flow.interpolation.frame_tensors import Source
from voxel_flow.interpolation.scene_cuts import Span, Tally, find_spans

Make = Callable[[Source, Source, Fraction], TimedFrame]
"""Two frames and a time -> the frame at that time."""

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
    index = 0
    origin: Fraction | None = None
    following: Source | None = None
    for span in find_spans(frames):
        tally.count(span)
        current = following or Source(span.frames[0], device)
        following = None if span.following is None else Source(span.following, device)
        origin = current.timed.time if origin is None else origin
        ends = span.times if following is not None else [*span.times, None]
        for start, end in pairwise(ends):
            assert start is not None
            for time in targets(origin, start, end):
                made_by = make if index >= skip else _leave_unmade
                yield _frame_at(time, span, current, following, made_by, tally)
                index += 1


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
        yield made_by(*sources, time)


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


def _frame_at(
    time: Fraction,
    span: Span,
    current: Source,
    following: Source | None,
    make: Make,
    tally: Tally,
) -> TimedFrame:
    start = current.timed.time
    if time == start:
        return current.timed
    if following is None:  # duplicates at the end
        return TimedFrame([f for f in span.frames if f.time <= time][-1].frame, time)
    end = following.timed.time
    if span.ends_in_cut:
        nearer = current if time - start <= end - time else following
        return TimedFrame(nearer.timed.frame, time)
    tally.num_synthesised += 1
    return make(current, following, time)


def _leave_unmade(first: Source, _: Source, time: Fraction) -> TimedFrame:
    return TimedFrame(first.timed.frame, time)
