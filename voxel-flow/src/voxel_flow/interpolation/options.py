"""What the command line asks for: arguments, and which inputs become which outputs."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vision_shared.inputs import (
    VIDEO_OUTPUTS,
    VIDEO_SUFFIXES,
    CommandParser,
    InputError,
    natural_order,
)
from vision_shared.video.rates import parse_rate

DEFAULT_TIMES = 2
STILLS_RATE = Fraction(25)
ANIMATIONS = (".gif", ".webp")
FIGURES = (".png", ".jpg", ".webp")

EPILOG = """\
INPUT is videos (animated GIF, WebP and PNG, too) or a folder of them, two or more images in order,
or a folder of numbered images; folders in folders are looked into.
OUT is then a video, a .gif or .webp (of images), or a folder: of videos, or of the images 00001.png
and so on, the inputs among them. Scene cuts are not morphed, and duplicated frames are made anew.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


@dataclass(frozen=True)
class Job:
    """One output and what it is made of.

    Attributes:
        sources: a video, or images in order.
        target: a file; or a folder, for images.
        kind: what the sources are.
    """

    sources: tuple[Path, ...]
    target: Path
    kind: Literal["video", "images"]

    @property
    def makes_video(self) -> bool:
        """Whether the output is a video, unless a figure was asked for."""
        return not self.makes_folder and self.target.suffix.lower() in VIDEO_OUTPUTS

    @property
    def makes_folder(self) -> bool:
        """Whether the output is a folder of images, unless a figure was asked for."""
        is_folder = self.target.is_dir() or not self.target.suffix
        return self.kind == "images" and is_folder


def parse(arguments: Sequence[str] | None) -> Namespace:
    """Parse the command line; exits with one line on an error.

    ``times``, ``slow_motion``, ``extrapolate`` and ``compare``: at most one is set. ``rate``
    is ``fps`` as a fraction.

    Raises:
        InputError: a value out of range.
    """
    options = _parser().parse_args(arguments)
    for name, least in (("times", 2), ("slow_motion", 2), ("extrapolate", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            flag = name.replace("_", "-")
            raise InputError(f"expected --{flag} of at least {least}, got {value}")
    if options.adapt is not None and not options.adapt > 0:
        raise InputError(f"expected --adapt above 0 minutes, got {options.adapt:g}")
    if not 0 < options.scale <= 1:
        raise InputError(f"expected --scale above 0 and up to 1, got {options.scale:g}")
    options.rate = None if options.fps is None else parse_rate(options.fps)
    return options


def plan(options: Namespace, report: Callable[[str], None] = lambda line: None) -> list[Job]:
    """Return the jobs that the options name, all of one kind.

    Args:
        options: from `parse`.
        report: takes a line for the user about what was found in a folder, or left out.

    Raises:
        InputError: inputs, output and options do not go together.
    """
    videos, sequences = _find(options, report)
    if videos and sequences:
        raise InputError("expected either videos or images, got both")
    _check_options(options, "images" if sequences else "video")
    if sequences:
        jobs = [
            Job(tuple(paths), _target(options, name, len(sequences), ""), "images")
            for name, paths in sequences.items()
        ]
    else:
        jobs = [
            Job((path,), _target(options, name, len(videos), _suffix(path, options)), "video")
            for path, name in _video_names(videos, options).items()
        ]
    for job in jobs:
        _check_job(job, options)
    _check_distinct(jobs)
    return jobs


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m voxel_flow.predict",
        description="Make the frames between the frames of videos or images, or after them.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="see below")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="see below")
    parser.add_argument(
        "--checkpoint",
        metavar="CKPT",
        help="a checkpoint, or `last`: the newest under ./runs (default: the weights shipped with "
        "the package)",
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
        help="go on with the next N frames. Checkpoints trained to interpolate do it badly: of use "
        "are one or two frames of slow movement",
    )
    what.add_argument(
        "--compare",
        action="store_true",
        help="OUT is a picture instead (.png), for each moment: the inputs, the result beside the "
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
    group.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    group.add_argument("--json", action="store_true", help="print a summary as JSON, nothing else")


def _add_estimation(parser: CommandParser) -> None:
    group = parser.add_argument_group("how motion is estimated")
    group.add_argument(
        "--adapt",
        type=float,
        metavar="MINUTES",
        help="first fine-tune on the video itself, whose frames are their own truth; the gain on "
        "its held-out last fifth is printed",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    group.add_argument(
        "--precision", choices=("fp32", "fp16", "bf16"), default="fp32", help="(default: fp32)"
    )
    group.add_argument(
        "--scale",
        type=float,
        default=1.0,
        metavar="S",
        help="on pictures of S times the size, e.g. 0.5: faster, and reaches further; frames are "
        "still read at full size",
    )
    group.add_argument(
        "--tile",
        type=int,
        metavar="PIXELS",
        help="in overlapping tiles, where a side is longer: bounds memory (default: 2048)",
    )


def _find(
    options: Namespace, report: Callable[[str], None]
) -> tuple[dict[Path, Path | None], dict[str, list[Path]]]:
    """Return the videos with the folder that each was found in, and sequences of images by name."""
    from vision_shared.folders import find_files
    from vision_shared.images import READABLE
    from vision_shared.video.animation import is_image, is_video

    videos: dict[Path, Path | None] = {}
    named: list[Path] = []
    sequences: dict[str, list[Path]] = {}
    for path in options.inputs:
        if path.is_dir():
            found = find_files(path, VIDEO_SUFFIXES | READABLE, options.output)
            if found.notice is not None:
                report(found.notice)
            inside = [file for file in found.files if is_video(file)]
            images = [file for file in found.files if file not in set(inside)]
            if inside and images:
                report(f"{path}: its {len(images)} images left out: there are videos beside them")
            for file in inside or ([] if images else [path]):
                videos.setdefault(file, path if inside else None)
            for name, files in _sequences(path, [] if inside else images):
                if name in sequences:
                    raise InputError(f"{path}: two folders are called {name}")
                sequences[name] = files
        elif is_image(path):
            named.append(path)
        else:
            videos.setdefault(path, None)
    if named and sequences:
        raise InputError("expected either images or folders of images, got both")
    return videos, {named[0].stem: named} if named else sequences


def _sequences(root: Path, images: Iterable[Path]) -> Iterator[tuple[str, list[Path]]]:
    """Yield a name and the images in order, for each folder that has some."""
    folders: dict[Path, list[Path]] = {}
    for path in images:
        folders.setdefault(path.parent, []).append(path)
    for folder, files in folders.items():
        # no folder of numbered images lies in another one, which could not be replaced
        yield "_".join([root.name, *folder.relative_to(root).parts]), natural_order(files)


def _video_names(videos: dict[Path, Path | None], options: Namespace) -> dict[Path, str]:
    """Name the outputs of videos; two of one name are none of a kind if their suffixes differ."""
    from vision_shared.folders import output_names

    names: dict[Path, str] = {}
    for suffix in {_suffix(path, options).lower() for path in videos}:
        alike = {p: root for p, root in videos.items() if _suffix(p, options).lower() == suffix}
        names |= output_names(alike)
    return {path: names[path] for path in videos}


def _suffix(source: Path, options: Namespace) -> str:
    if options.compare:
        return FIGURES[0]
    if options.codec:
        return ".mkv"  # takes every codec
    return source.suffix if source.suffix.lower() in VIDEO_OUTPUTS else ".mp4"


def _target(options: Namespace, name: str, count: int, suffix: str) -> Path:
    """Return the output of one of ``count`` inputs; ``suffix`` is empty for a folder of images."""
    output: Path = options.output
    is_folder = output.is_dir() or not output.suffix
    if not is_folder:
        if count > 1:
            raise InputError(f"{output}: expected a folder for {count} inputs")
        return output
    suffix = suffix or (FIGURES[0] if options.compare else "")
    return output if count == 1 and not suffix else output / f"{name}{suffix}"


def _check_options(options: Namespace, kind: str) -> None:
    """Raise InputError for options that do not go with each other or with what they are given."""
    modes = ("times", "slow_motion", "extrapolate", "compare")
    mode = next((name.replace("_", "-") for name in modes if getattr(options, name)), None)
    if kind == "video" and options.fps is not None and mode is not None:
        raise InputError(f"--fps: not allowed with --{mode}, for videos")
    if options.compare:
        for name in ("fps", "codec", "audio"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name}: not allowed with --compare, which writes a picture")
    if kind == "images":
        if options.slow_motion is not None:
            raise InputError("--slow-motion: images have no rate; use --times, and --fps to play")
        if options.audio is not None:
            raise InputError("--audio: images have none")
        if options.adapt is not None:
            raise InputError("--adapt: images are too few to learn from; it takes a video")


def _check_job(job: Job, options: Namespace) -> None:
    target, suffix = job.target, job.target.suffix.lower()
    is_folder = job.makes_folder and not options.compare
    is_real_video = job.sources[0].suffix.lower() in VIDEO_SUFFIXES
    allowed = VIDEO_OUTPUTS if is_real_video else (*VIDEO_OUTPUTS, *ANIMATIONS)
    if options.compare:
        allowed = FIGURES
    if not is_folder and suffix not in allowed:
        raise InputError(f"{target}: expected a folder or a name in {', '.join(allowed)}")
    if options.codec is not None and not job.makes_video and not options.compare:
        raise InputError(f"{target}: --codec is for videos ({', '.join(VIDEO_OUTPUTS)})")
    if is_folder and options.fps is not None:
        raise InputError(f"{target}: --fps: images in a folder have no rate")
    for source in job.sources:
        taken = source.parent if is_folder else source
        if target.exists() and taken.exists() and target.samefile(taken):
            raise InputError(f"{target}: the output is the input; choose another name or folder")


def _check_distinct(jobs: Sequence[Job]) -> None:
    sources: dict[Path, Path] = {}
    for job in jobs:
        other = sources.setdefault(job.target, job.sources[0])
        if other != job.sources[0]:
            raise InputError(f"{other} and {job.sources[0]} would both become {job.target}")
