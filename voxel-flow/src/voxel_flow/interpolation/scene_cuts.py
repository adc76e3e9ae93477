"""Scene cuts and duplicated frames: where in-between frames must not, or need not, be made.

A **cut** is a step between frames whose images have little in common, and far less than those of
the steps beside it, which tells it from fast motion. Both thresholds were set on real clips: at the
cuts the difference is 0.73 to 1.16 of the contrast and 2.5 to 100 times that of the steps beside,
in the fastest pan it is 0.57 at equal steps (0.7 to 0.85 with frames left out).

A **duplicate** shows the image of the frame before again, as in animation drawn on twos or in
film sped up to a video's rate. An encoder changes it a little: up to 4 levels of a block's mean at
usual qualities, far below what moves. Images that stand longer than `LONGEST_RUN` frames are
stills, not duplicates: there nothing was lost that could be made again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import Interpolation

from vision_shared.video.reader import TimedFrame

CUT_DIFFERENCE = 0.65
"""Of a cut, at least: mean absolute difference of brightness, as a share of the contrast."""
CUT_PROMINENCE = 1.25
"""Of a cut, at least: its difference in relation to those of the steps before and after."""
MIN_CONTRAST = 8.0
"""Levels of 255: noise in a darker or plainer image is not taken for a cut."""
DUPLICATE_DIFFERENCE = 4
"""Of a duplicate, at most: levels of 255 by which the mean of any block of 8 x 8 pixels changes."""
DUPLICATE_SHARE = 0.25
"""Of a duplicate, at most: the same in relation to the change to the next image."""
LONGEST_RUN = 5
"""Frames that show one image: 12 images a second in a video of 60."""

_BLOCK = 8  # pixels
_THUMBNAIL = (64, 36)


class MarkedFrame(NamedTuple):
    """A frame and what `mark_cuts` found.

    Attributes:
        timed: the frame, as it came.
        starts_scene: whether a cut lies before it; false for the first.
        blocks: (H / 8, W / 8) uint8, the mean brightness of its blocks.
    """

    timed: TimedFrame
    starts_scene: bool
    blocks: np.ndarray


@dataclass(frozen=True)
class Span:
    """An image and how long it is shown.

    Attributes:
        frames: the frame that shows it first, and its duplicates.
        following: the first frame of the next span; None at the video's end.
        ends_in_cut: whether ``following`` starts another scene.
    """

    frames: tuple[TimedFrame, ...]
    following: TimedFrame | None
    ends_in_cut: bool

    @property
    def times(self) -> list[Fraction]:
        """When its frames begin, and when the next span does."""
        end = [] if self.following is None else [self.following.time]
        return [timed.time for timed in self.frames] + end


@dataclass
class Tally:
    """What was met on the way through a video; filled as frames are yielded.

    Attributes:
        num_source: frames read.
        num_synthesised: frames made by the network.
        num_duplicates: source frames that only repeat the one before, and were timed again.
        cuts: times of the first frames of new scenes, in seconds of the source.
    """

    num_source: int = 0
    num_synthesised: int = 0
    num_duplicates: int = 0
    cuts: list[Fraction] = field(default_factory=list)

    def count(self, span: Span) -> None:
        """Add a span."""
        self.num_source += len(span.frames)
        if span.following is None:
            return
        self.num_duplicates += len(span.frames) - 1
        if span.ends_in_cut:
            self.cuts.append(span.following.time)


def mark_cuts(frames: Iterable[TimedFrame]) -> Iterator[MarkedFrame]:
    """Yield every frame, marked; one frame is read ahead.

    The only step of two frames is no cut: there is nothing beside it to tell it from motion.
    """
    held: _Step | None = None
    before: float | None = None  # the difference of the step that leads to the frame before
    for timed in frames:
        step = _Step(timed, _Look(timed.frame), held)
        if held is not None:
            yield held.mark(before, step.difference)
            before = held.difference
        held = step
    if held is not None:
        yield held.mark(before, None)


def find_spans(frames: Iterable[TimedFrame]) -> Iterator[Span]:
    """Group frames into spans; a span of several frames is an image and its duplicates.

    Every frame is in one span, in order. At most `LONGEST_RUN` + 2 frames are held.
    """
    run: list[MarkedFrame] = []
    is_still = False  # the run's first frame has been shown for longer than a duplicate may be
    arrival = 0  # the change from the run before
    for marked in mark_cuts(frames):
        change = _change(run[0], marked) if run else 0
        goes_on = not marked.starts_scene and change <= DUPLICATE_DIFFERENCE
        if run and not (goes_on and len(run) < LONGEST_RUN and not is_still):
            yield from _close(run, marked, 0 if is_still or goes_on else change)
            # a still's later frames go on being compared with one that was just shown
            is_still, arrival = goes_on, change
            run = []
        run.append(marked)
    if run:
        yield from _close(run, None, arrival)


class _Look:
    """What of a frame is compared with the next."""

    def __init__(self, frame: av.VideoFrame) -> None:
        width, height = max(frame.width // _BLOCK, 1), max(frame.height // _BLOCK, 1)
        self.blocks = _shrink(frame, width, height)
        small = _shrink(frame, *_THUMBNAIL).astype(np.float32)
        self._contrast = max(float(small.std()), MIN_CONTRAST)
        self._pattern = small - small.mean()  # exposure may change within a scene

    def compare(self, other: "_Look") -> tuple[float, float]:
        """Return the mean absolute difference, in levels and as a share of the contrast."""
        difference = float(np.abs(self._pattern - other._pattern).mean())
        return difference, difference / max(self._contrast, other._contrast)


class _Step:
    """A frame and how it differs from the one before, if there is one."""

    def __init__(self, timed: TimedFrame, look: _Look, before: "_Step | None") -> None:
        self._timed, self._look = timed, look
        self.difference: float | None = None
        self._relative = 0.0
        if before is not None:
            self.difference, self._relative = look.compare(before._look)

    def mark(self, before: float | None, after: float | None) -> MarkedFrame:
        """Decide, given the differences of the steps before and after this one."""
        beside = [difference for difference in (before, after) if difference is not None]
        is_cut = (
            self.difference is not None
            and self._relative >= CUT_DIFFERENCE
            and bool(beside)
            and self.difference >= CUT_PROMINENCE * max(beside)
        )
        return MarkedFrame(self._timed, is_cut, self._look.blocks)


def _change(one: MarkedFrame, other: MarkedFrame) -> int:
    return int(np.abs(one.blocks.astype(np.int16) - other.blocks).max())


def _close(run: list[MarkedFrame], following: MarkedFrame | None, change: int) -> Iterator[Span]:
    """Yield a run as one span if its frames are duplicates, else frame by frame.

    ``change`` is the one to the next image, which tells duplicates from slow motion; 0 where the
    run is part of a still.
    """
    own_change = max(_change(run[0], marked) for marked in run)
    ends_in_cut = following is not None and following.starts_scene
    if change and own_change <= DUPLICATE_SHARE * change and not ends_in_cut:
        frames = tuple(marked.timed for marked in run)
        yield Span(frames, None if following is None else following.timed, False)
        return
    for marked, after in zip(run, [*run[1:], following], strict=True):
        cuts = after is not None and after.starts_scene
        yield Span((marked.timed,), None if after is None else after.timed, cuts)


def _shrink(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    """Return the brightness as (height, width) uint8, each pixel the mean of an area."""
    small = frame.reformat(width, height, "gray", interpolation=Interpolation.AREA)
    return small.to_ndarray()
