"""From a user's input to an output: which frames are made, at what rate, and where they go."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from vision_shared.images import write_image
from vision_shared.inputs import InputError, check_new_folder, check_output
from vision_shared.progress import show_progress
from vision_shared.video.animation import AnimationReader, open_video
from vision_shared.video.colour import has_alpha, to_rgb, to_rgba
from vision_shared.video.reader import TimedFrame, VideoReader
from vision_shared.video.writer import VideoWriter, default_codec, format_of_images
from voxel_flow.interpolation.cuts import Tally
from voxel_flow.interpolation.figures import comparison_figure
from voxel_flow.interpolation.interpolator import FrameInterpolator, TooFewFrames
from voxel_flow.interpolation.options import ANIMATIONS, DEFAULT_TIMES, STILLS_RATE, Job
from voxel_flow.interpolation.stills import (
    ImageSequence,
    check_animation_rate,
    write_animation,
    write_images,
)

if TYPE_CHECKING:
    from voxel_flow.interpolation.adaptation import Adaptation

_OnPacket = Callable[[av.Packet], None] | None
_Source = VideoReader | AnimationReader | ImageSequence
_Timed = tuple[np.ndarray, Fraction]


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        target: what was written.
        num_frames: written; None for a figure.
        rate: frames per second of what was written, where it has a rate.
        tally: what was met on the way.
        seconds: wall time from the first frame read to the last written.
        damage: one line about what of the input could not be decoded, if anything.
        notices: lines about what was done to the input, and what of it the output could not keep.
        adaptation: what fine-tuning on the input gained, where it was asked for.
    """

    target: Path
    num_frames: int | None
    rate: Fraction | None
    tally: Tally
    seconds: float
    damage: str | None
    notices: tuple[str, ...] = ()
    adaptation: Adaptation | None = None

    def __str__(self) -> str:
        found = [
            f"{number} {what if number == 1 else what + 's'}"
            for number, what in (
                (len(self.tally.cuts), "scene cut"),
                (self.tally.num_duplicates, "duplicated frame"),
            )
            if number
        ]
        if self.adaptation is not None:
            found.append(str(self.adaptation))
        return "; ".join([f"{self.target}: {self._written()}", *found])

    def _written(self) -> str:
        if self.num_frames is None:
            return "a figure"
        frames = "frame" if self.num_frames == 1 else "frames"
        at = "" if self.rate is None else f" at {self.rate} per second"
        return f"{self.num_frames} {frames}{at}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values; a rate is a fraction as text, times are in seconds."""
        return {
            "output": str(self.target),
            "frames": self.num_frames,
            "rate": None if self.rate is None else str(self.rate),
            "source_frames": self.tally.num_source,
            "synthesised_frames": self.tally.num_synthesised,
            "duplicated_frames": self.tally.num_duplicates,
            "cuts": [float(cut) for cut in self.tally.cuts],
            "seconds": round(self.seconds, 3),
            "damage": self.damage,
            "notices": list(self.notices),
            "adaptation": None if self.adaptation is None else asdict(self.adaptation),
        }


def convert(
    job: Job,
    options: Namespace,
    interpolator: Callable[[], FrameInterpolator],
    report: Callable[[str], None],
) -> Outcome:
    """Do one job.

    Args:
        job: from `voxel_flow.interpolation.options.plan`.
        options: from `voxel_flow.interpolation.options.parse`.
        interpolator: returns the model; called once the input is known to be readable.
        report: takes a line for the user about what takes long.

    Raises:
        InputError: the input cannot be used, or the output not written; nothing is left behind.
    """
    _check_target(job, options)
    with closing(_open(job, options)) as source:
        model, adaptation = interpolator(), None
        if options.adapt is not None:
            report(f"adapting to {job.sources[0]} for {options.adapt:g} minutes")
            model, adaptation = model.adapted(job.sources[0], 60 * options.adapt)
        begin = time.monotonic()
        if options.compare:
            outcome = _compare(job, options, source, model, begin)
        else:
            conversion = _Conversion(job, options, source, model)
            count = conversion.run()
            seconds = time.monotonic() - begin
            rate = conversion.shown_rate
            outcome = Outcome(job.target, count, rate, conversion.tally, seconds, source.damage)
            outcome = replace(outcome, notices=conversion.notices)
        notices = (*source.notices, *outcome.notices)
        return replace(outcome, adaptation=adaptation, notices=notices)


class _Conversion:
    """Frames of a source on their way to an output."""

    def __init__(
        self,
        job: Job,
        options: Namespace,
        source: _Source,
        model: FrameInterpolator,
    ) -> None:
        self._job, self._options, self._source, self._model = job, options, source, model
        self.tally = Tally()
        self.notices: tuple[str, ...] = ()
        # images were given the rate at which the result plays as asked; see `_open`
        self._resamples = job.kind == "video" and options.rate is not None
        factor = 1 if options.slow_motion or options.extrapolate else _times(options)
        self._rate, self._tick = source.rate * factor, source.tick / factor
        if self._resamples:
            self._rate, self._tick = options.rate, 1 / options.rate
        self.shown_rate = None if job.makes_folder else self._rate

    def run(self) -> int:
        """Write everything; return the number of frames."""
        target, overwrite = self._job.target, self._options.overwrite
        with show_progress(self._job.sources[0].name, self._expected(), "frames") as advance:
            if self._job.makes_video:
                return self._write_video(advance)
            pictures, count = self._pictures(advance), _Count()
            counted = count.over(pictures)
            if self.shown_rate is None:
                write_images(target, (picture for picture, _ in counted), overwrite=overwrite)
            else:
                write_animation(target, counted, self.shown_rate, overwrite=overwrite)
            return count.value

    def _write_video(self, advance: Callable[[], None]) -> int:
        options, count = self._options, 0
        with VideoWriter(
            self._job.target,
            self._source,
            rate=self._rate,
            tick=self._tick,
            codec=options.codec,
            stretch=options.slow_motion or 1,
            keeps_audio=options.audio != "drop",
            overwrite=options.overwrite,
        ) as writer:
            for timed in self._made(writer.write_packet):
                writer.write(timed)
                advance()
                count += 1
        self.notices += tuple(writer.notices)
        return count

    def _pictures(self, advance: Callable[[], None]) -> Iterator[_Timed]:
        for frame, shown_at in self._made(None):
            yield to_rgba(frame) if has_alpha(frame) else to_rgb(frame), shown_at
            advance()

    def _made(self, on_packet: _OnPacket) -> Iterator[TimedFrame]:
        options, model, tally = self._options, self._model, self.tally
        frames = self._source.frames(on_packet)
        if self._resamples:
            return model.resample(frames, options.rate, tally)
        if options.slow_motion:
            return model.slow_down(frames, options.slow_motion, tally)
        if options.extrapolate:
            return self._extended(frames)
        return model.multiply(frames, _times(options), tally)

    def _extended(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        try:
            yield from self._model.extend(frames, self._options.extrapolate, self.tally)
        except TooFewFrames as error:
            raise InputError(f"{self._source.path}: {error}") from error

    def _expected(self) -> int | None:
        """Return how many frames are likely to be written."""
        options, count = self._options, self._source.num_frames
        if count is None:
            return None
        if self._resamples:
            seconds = self._source.duration or count / self._source.rate
            return round(seconds * self._rate)
        if options.slow_motion:
            return count * options.slow_motion
        if options.extrapolate:
            return count + options.extrapolate
        return _times(options) * (count - 1) + 1


class _Count:
    def __init__(self) -> None:
        self.value = 0

    def over(self, pictures: Iterator[_Timed]) -> Iterator[_Timed]:
        for picture in pictures:
            self.value += 1
            yield picture


def _compare(
    job: Job,
    options: Namespace,
    source: _Source,
    model: FrameInterpolator,
    begin: float,
) -> Outcome:
    try:
        figure = comparison_figure(model, source.frames())
    except TooFewFrames as error:
        raise InputError(f"{source.path}: {error}") from error
    write_image(job.target, figure, overwrite=options.overwrite)
    return Outcome(job.target, None, None, Tally(), time.monotonic() - begin, source.damage)


def _check_target(job: Job, options: Namespace) -> None:
    """Raise InputError before any work is done where the output could not be written."""
    if job.makes_folder and not options.compare:
        check_new_folder(job.target, overwrite=options.overwrite)
        return
    check_output(job.target, overwrite=options.overwrite)
    if job.target.suffix.lower() in ANIMATIONS and not options.compare:
        check_animation_rate(job.target, options.rate or STILLS_RATE)


def _open(job: Job, options: Namespace) -> _Source:
    def format_of(has_alpha: bool) -> str:
        codec = options.codec or default_codec(job.target, has_alpha=has_alpha)
        return format_of_images(codec, has_alpha=has_alpha)

    form = format_of if job.makes_video and not options.compare else None
    if job.kind == "video":
        return open_video(job.sources[0], form)
    played = options.rate or STILLS_RATE
    rate = played if options.extrapolate else played / _times(options)
    return ImageSequence(job.sources, rate, form)


def _times(options: Namespace) -> int:
    return DEFAULT_TIMES if options.times is None else options.times
