"""The command line of ``predict``, and what it asks for."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vision_shared.inputs import CommandParser, InputError
from vision_shared.prediction import predict_parser
from vision_shared.video.rates import parse_rate
from voxel_flow.interpolation.jobs import Job, Writing, find_sources, plan
from voxel_flow.interpolation.modes import (
    Compare,
    Extrapolate,
    Mode,
    Multiply,
    Resample,
    SlowDown,
)

if TYPE_CHECKING:
    from voxel_flow.interpolation.interpolator import Estimation

DEFAULT_TIMES = 2
STILLS_RATE = Fraction(25)

EPILOG = """\
INPUT is videos (animated GIF, WebP and PNG, too) or a folder of them, two or more images in order,
or a folder of numbered images; nested folders are searched, too.
OUT is then a video, a .gif or .webp (of images), or a folder: of videos, or of the images 00001.png
and so on, the inputs among them. Scene cuts are not morphed; duplicated frames are interpolated.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        jobs: one or more jobs, all of one mode.
        checkpoint: a path, ``last``, or None for the weights that come with the package.
        estimation: options of the motion estimation, as `FrameInterpolator.from_checkpoint` takes
            it.
        writing: options of the outputs.
        adapt: minutes of fine-tuning on each video; None for none.
        as_json: whether a summary as JSON is all that is printed.
    """

    jobs: Sequence[Job]
    checkpoint: str | None
    estimation: Estimation
    writing: Writing
    adapt: float | None
    as_json: bool


def parse(
    arguments: Sequence[str] | None, report: Callable[[str], None] = lambda line: None
) -> Request:
    """Parse the command line; exits with one line on an error of its grammar.

    Args:
        arguments: arguments without the command's name; None for those of this process.
        report: function that takes a line for the user about what was found in a folder, or left
            out.

    Raises:
        InputError: a value out of range; or inputs, output and options do not go together.
    """
    return request(parse_options(arguments), report)


def parse_options(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line; exits with one line on an error of its grammar."""
    return _parser().parse_args(arguments)


def request(options: Namespace, report: Callable[[str], None]) -> Request:
    """Return the request of parsed options; see `parse`."""
    _check_ranges(options)
    sources = find_sources(options.inputs, options.output, report)
    are_images = bool(sources.sequences)
    _check_options(options, are_images=are_images)
    mode = _mode(options, are_images=are_images)
    writing = Writing(options.codec, options.audio != "drop", options.overwrite, options.resume)
    rate = _images_rate(options, mode) if are_images else None
    return Request(
        jobs=plan(sources, options.output, mode, writing, rate),
        checkpoint=options.checkpoint,
        estimation=_estimation(options),
        writing=writing,
        adapt=options.adapt,
        as_json=options.json,
    )


def _mode(options: Namespace, *, are_images: bool) -> Mode | Compare:
    if options.compare:
        return Compare()
    if options.slow_motion is not None:
        return SlowDown(options.slow_motion)
    if options.extrapolate is not None:
        return Extrapolate(options.extrapolate)
    if options.fps is not None and not are_images:
        return Resample(parse_rate(options.fps))
    return Multiply(DEFAULT_TIMES if options.times is None else options.times)


def _images_rate(options: Namespace, mode: Mode | Compare) -> Fraction:
    """Return images per second such that what is made of them plays at the rate asked for."""
    played = STILLS_RATE if options.fps is None else parse_rate(options.fps)
    return played if isinstance(mode, Compare) else played / mode.rate(Fraction(1))


def _estimation(options: Namespace) -> Estimation:
    chosen: Estimation = {
        "device": options.device,
        "precision": options.precision,
        "scale": options.scale,
        "quality": options.quality,
    }
    if options.tile is not None:
        chosen["tile"] = options.tile
    return chosen


def _check_ranges(options: Namespace) -> None:
    for name, least in (("times", 2), ("slow_motion", 2), ("extrapolate", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            flag = name.replace("_", "-")
            raise InputError(f"expected --{flag} of at least {least}, got {value}")
    if options.adapt is not None and not options.adapt > 0:
        raise InputError(f"expected --adapt above 0 minutes, got {options.adapt:g}")
    if not 0 < options.scale <= 1:
        raise InputError(f"expected --scale above 0 and up to 1, got {options.scale:g}")
    if options.fps is not None:
        parse_rate(options.fps)


def _check_options(options: Namespace, *, are_images: bool) -> None:
    """Raise InputError for options that do not go with each other or with what they are given."""
    modes = ("times", "slow_motion", "extrapolate", "compare")
    mode = next((name.replace("_", "-") for name in modes if getattr(options, name)), None)
    if not are_images and options.fps is not None and mode is not None:
        raise InputError(f"--fps: not allowed with --{mode}, for videos")
    if options.compare:
        for name in ("fps", "codec", "audio", "resume"):
            if getattr(options, name):
                raise InputError(f"--{name}: not allowed with --compare, which writes an image")
    if options.resume and options.adapt is not None:
        raise InputError("--resume: not allowed with --adapt, whose weights are not kept")
    if are_images:
        _check_options_of_images(options)


def _check_options_of_images(options: Namespace) -> None:
    reasons = {
        "slow_motion": "images have no rate; use --times, and --fps to play",
        "audio": "images have none",
        "adapt": "images are too few to learn from; it takes a video",
    }
    for name, reason in reasons.items():
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: {reason}")
    is_folder = options.output.is_dir() or not options.output.suffix
    if is_folder and options.fps is not None:
        raise InputError(f"{options.output}: --fps: images in a folder have no rate")


def _parser() -> CommandParser:
    parser = predict_parser(
        "python -m voxel_flow.predict",
        "Make the frames between the frames of videos or images, or after them.",
        EPILOG,
        has_weights=True,
    )
    _add_modes(parser)
    _add_outputs(parser)
    _add_estimation(parser)
    return parser


def _add_modes(parser: CommandParser) -> None:
    what = parser.add_argument_group("what to make").add_mutually_exclusive_group()
    what.add_argument(
        "--times", type=int, metavar="N", help=f"N times the frame rate (default: {DEFAULT_TIMES})"
    )
    what.add_argument(
        "--slow-motion",
        type=int,
        metavar="K",
        help="K times the frames at the video's own rate: it lasts K times as long",
    )
    what.add_argument(
        "--extrapolate",
        type=int,
        metavar="N",
        help="predict the next N frames. Checkpoints trained to interpolate do it badly: of use "
        "are "
        "one or two frames of slow movement",
    )
    what.add_argument(
        "--compare",
        action="store_true",
        help="OUT is an image instead (.png), for each moment: the inputs, the result beside the "
        "true frame left out between them (of two images: their average) and 4 times the "
        "difference, the motion field and the selection mask",
    )
    parser.add_argument(
        "--fps",
        metavar="F",
        help="videos: frames per second, e.g. 60, 59.94, 24000/1001, instead of --times; images: "
        f"how fast the result plays (default: {STILLS_RATE})",
    )


def _add_outputs(parser: CommandParser) -> None:
    group = parser.add_argument_group("how it is written")
    group.add_argument(
        "--audio",
        choices=("keep", "drop"),
        help="keep (default) or drop it; slow motion keeps its pitch as well",
    )
    group.add_argument(
        "--codec", help="a video encoder (default: libx264); lossless: ffv1, in .mkv"
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="videos: where this command ended early, go on from there; OUT.parts keeps what is "
        "finished until then",
    )


def _add_estimation(parser: CommandParser) -> None:
    group = parser.add_argument_group("how motion is estimated")
    group.add_argument(
        "--adapt",
        type=float,
        metavar="MINUTES",
        help="first fine-tune on the video itself, whose frames are their own truth; the gain on "
        "its held-out last fifth is printed",
    )
    group.add_argument(
        "--quality",
        choices=("fast", "best"),
        default="fast",
        help="best: twice, as it is and turned by 180 degrees backwards in time, and averaged "
        "(default: fast)",
    )
    group.add_argument(
        "--precision", choices=("fp32", "fp16", "bf16"), default="fp32", help="(default: fp32)"
    )
    group.add_argument(
        "--scale",
        type=float,
        default=1.0,
        metavar="S",
        help="on images of S times the size, e.g. 0.5: faster, and reaches further; frames are "
        "still read at full size",
    )
    group.add_argument(
        "--tile",
        type=int,
        metavar="PIXELS",
        help="in overlapping tiles, where a side is longer: bounds memory (default: 2048)",
    )
