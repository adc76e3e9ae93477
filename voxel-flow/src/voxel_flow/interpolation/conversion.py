"""From a user's input to an output: which frames are made, at what rate, and where they go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.container import OutputContainer

from vision_shared.images import write_image
from vision_shared.inputs import InputError, check_new_folder, check_output
from vision_shared.progress import show_progress
from vision_shared.signals import Terminated
from vision_shared.video.animation import AnimationReader, open_video
from vision_shared.video.colour import has_alpha, to_rgb, to_rgba
from vision_shared.video.concurrent import Behind, ahead
from vision_shared.video.encoder import VideoEncoder, default_codec, format_of_images
from vision_shared.video.reader import TimedFrame, VideoReader
from vision_shared.video.writer import VideoWriter
from voxel_flow.interpolation.comparison_plot import comparison_plot
from voxel_flow.interpolation.interpolator import FrameInterpolator
from voxel_flow.interpolation.jobs import Job, Writing
from voxel_flow.interpolation.modes import Compare, Mode
from voxel_flow.interpolation.output_formats import OutputFormat
from voxel_flow.interpolation.scene_cuts import Tally
from voxel_flow.interpolation.segments import Segments, fingerprint, write_joined
from voxel_flow.interpolation.stills import (
    ImageSequence,
    check_animation_rate,
    write_animation,
    write_images,
)
from voxel_flow.interpolation.timeline import TooFewFrames

if TYPE_CHECKING:
    from voxel_flow.interpolation.adaptation import Adaptation

_OnPacket = Callable[[av.Packet], None] | None
_Source = VideoReader | AnimationReader | ImageSequence
_Timed = tuple[np.ndarray, Fraction]
_Read = tuple[list[av.Packet], TimedFrame | None]


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        target: path of the output.
        num_frames: number of frames written; None for a figure.
        rate: frames per second of what was written, where it has a rate.
        tally: counts of events.
        seconds: wall time from the first frame read to the last written.
        damage: one line about what of the input could not be decoded, if anything.
        notices: lines about what was done to the input, and what of it the output could not keep.
        adaptation: gain of fine-tuning on the input, where that was requested.
    """

    target: Path
    num_frames: int | None
    rate: Fraction | None
    tally: Tally
    seconds: float = 0.0
    damage: str | None = None
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
            return "a plot"
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
            "notices": list(self.notices),
            "adaptation": None if self.adaptation is None else asdict(self.adaptation),
        }


def convert(
    job: Job,
    writing: Writing,
    interpolator: Callable[[], FrameInterpolator],
    report: Callable[[str], None],
    *,
    adapt: float | None = None,
) -> Outcome:
    """Do one job.

    Args:
        job: job from `voxel_flow.interpolation.jobs.plan`.
        writing: options of the output.
        interpolator: function that returns the model; called once the input is known to be
            readable.
        report: function that takes a line for the user about what takes long.
        adapt: minutes of fine-tuning on the input before; None for none.

    Raises:
        InputError: the input cannot be used, or the output not written; nothing is left behind.
    """
    _check_target(job, writing)
    with closing(_open(job, writing)) as source:
        model, adaptation = interpolator(), None
        if adapt is not None:
            report(f"adapting to {job.sources[0]} for {adapt:g} minutes")
            model, adaptation = model.adapted(job.sources[0], 60 * adapt)
        begin = time.monotonic()
        try:
            if isinstance(job.mode, Compare):
                outcome = _compare(job, writing, source, model)
            else:
                outcome = _Conversion(job, job.mode, writing, source, model, report).run()
        except TooFewFrames as error:
            raise InputError(f"{source.path}: {error}") from error
        return replace(
            outcome,
            seconds=time.monotonic() - begin,
            damage=source.damage,
            notices=(*source.notices, *outcome.notices),
            adaptation=adaptation,
        )


class _Conversion:
    """Frames of a source on their way to an output."""

    def __init__(
        self,
        job: Job,
        mode: Mode,
        writing: Writing,
        source: _Source,
        model: FrameInterpolator,
        report: Callable[[str], None],
    ) -> None:
        self._job, self._mode, self._writing = job, mode, writing
        self._source, self._model, self._report = source, model, report
        self._tally, self._count = Tally(), 0
        self._read: Iterator[_Read] = iter(())
        self._rate, self._tick = mode.rate(source.rate), mode.tick(source.tick)

    def run(self) -> Outcome:
        """Write everything."""
        source, rate, notices = self._source, None, []
        expected = None
        if source.num_frames is not None:
            expected = self._mode.num_frames(source.num_frames, source.rate, source.duration)
        with (
            show_progress(self._job.sources[0].name, expected, "frames") as advance,
            ahead(_read(source)) as self._read,
        ):
            if self._job.format is OutputFormat.VIDEO:
                write = self._write_segments if self._writing.resume else self._write_video
                rate, notices = self._rate, write(advance)
            elif self._job.format is OutputFormat.ANIMATION:
                rate = self._rate
                overwrite = self._writing.overwrite
                write_animation(
                    self._job.target, self._pictures(advance), rate, overwrite=overwrite
                )
            else:
                pictures = (picture for picture, _ in self._pictures(advance))
                write_images(self._job.target, pictures, overwrite=self._writing.overwrite)
        return Outcome(self._job.target, self._count, rate, self._tally, notices=tuple(notices))

    def _write_video(self, advance: Callable[[], None]) -> list[str]:
        """Write a video; return lines about what of the source it could not keep."""
        with self._writer(self._source) as writer, Behind() as behind:
            for timed in self._made(advance, partial(behind.do, writer.write_packet)):
                behind.do(writer.write, timed)
        return writer.notices

    def _write_segments(self, advance: Callable[[], None]) -> list[str]:
        """Write a video in segments, which are joined in the end; return lines as above."""
        job, identity = self._job, self._identity()
        with Segments(job.target, identity) as segments:
            skip = segments.num_frames
            if skip:
                self._report(f"{job.target}: goes on after {skip} frames in {segments.folder}")
            try:
                made = self._made(advance, skip=skip)
                segments.write(islice(made, skip, None), self._new_encoder)
            except (KeyboardInterrupt, Terminated):
                if segments.num_frames:
                    self._report(
                        f"{segments.folder}: keeps {segments.num_frames} frames; the same "
                        "command goes on after them"
                    )
                raise
            # what was read for the frames is used up
            with closing(_open(job, self._writing)) as source, self._writer(source) as writer:
                beside = source.side_packets() if isinstance(source, VideoReader) else iter(())
                coded = segments.packets(self._tick)
                write_joined(writer.write_coded, writer.write_packet, coded, beside)
            segments.remove()
        return writer.notices

    def _writer(self, source: _Source) -> VideoWriter:
        return VideoWriter(
            self._job.target,
            source,
            rate=self._rate,
            tick=self._tick,
            codec=self._writing.codec,
            stretch=self._mode.stretch,
            keeps_audio=self._writing.keeps_audio,
            overwrite=self._writing.overwrite,
        )

    def _new_encoder(self, container: OutputContainer) -> VideoEncoder:
        return VideoEncoder(
            container,
            self._job.target,
            self._source,
            rate=self._rate,
            tick=self._tick,
            codec=self._writing.codec,
        )

    def _identity(self) -> dict[str, object]:
        """Return what decides how the frames of this output look."""
        job, model = self._job, self._model
        return {
            "input": [fingerprint(path) for path in job.sources],
            "mode": repr(self._mode),
            "rate": str(self._rate),
            "codec": self._writing.codec,
            "weights": model.fingerprint(),
            "precision": model.precision,
            "scale": model.scale,
            "tile": model.tile,
            "quality": model.quality,
            "version of PyAV": av.__version__,
        }

    def _pictures(self, advance: Callable[[], None]) -> Iterator[_Timed]:
        for frame, shown_at in self._made(advance):
            yield to_rgba(frame) if has_alpha(frame) else to_rgb(frame), shown_at

    def _made(
        self, advance: Callable[[], None], on_packet: _OnPacket = None, skip: int = 0
    ) -> Iterator[TimedFrame]:
        frames = _without_packets(self._read, on_packet)
        for timed in self._mode.frames(self._model, frames, self._tally, skip):
            yield timed
            self._count += 1
            advance()


def _compare(job: Job, writing: Writing, source: _Source, model: FrameInterpolator) -> Outcome:
    plot = comparison_plot(model, source.frames())
    write_image(job.target, plot, overwrite=writing.overwrite)
    return Outcome(job.target, None, None, Tally())


def _read(source: _Source) -> Iterator[_Read]:
    """Yield each frame with the packets before it, and None with those after the last."""
    packets: list[av.Packet] = []
    for timed in source.frames(packets.append):
        yield packets.copy(), timed
        packets.clear()
    yield packets, None


def _without_packets(read: Iterator[_Read], on_packet: _OnPacket) -> Iterator[TimedFrame]:
    for packets, timed in read:
        if on_packet is not None:
            for packet in packets:
                on_packet(packet)
        if timed is not None:
            yield timed


def _check_target(job: Job, writing: Writing) -> None:
    """Raise InputError before any work is done where the output could not be written."""
    if job.format is OutputFormat.FOLDER:
        check_new_folder(job.target, overwrite=writing.overwrite)
        return
    check_output(job.target, overwrite=writing.overwrite)
    if job.format is OutputFormat.ANIMATION and job.images_rate is not None:
        assert not isinstance(job.mode, Compare)
        check_animation_rate(job.target, job.mode.rate(job.images_rate))


def _open(job: Job, writing: Writing) -> _Source:
    def format_of(has_alpha: bool) -> str:
        codec = writing.codec or default_codec(job.target, has_alpha=has_alpha)
        return format_of_images(codec, has_alpha=has_alpha)

    form = format_of if job.format is OutputFormat.VIDEO else None
    if job.images_rate is None:
        return open_video(job.sources[0], form)
    return ImageSequence(job.sources, job.images_rate, form)
