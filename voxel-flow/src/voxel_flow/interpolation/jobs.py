"""Which inputs become which outputs, and how they are written."""

# Nothing heavy is imported here: --help and errors about arguments have to be quick.
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vision_shared.inputs import VIDEO_OUTPUTS, VIDEO_SUFFIXES, InputError, natural_order
from voxel_flow.interpolation.modes import Compare, Mode
from voxel_flow.interpolation.output_formats import SUFFIXES, OutputFormat, find_format


@dataclass(frozen=True)
class Writing:
    """How outputs are written.

    Attributes:
        codec: a video encoder's name; None is the container's usual one.
        keeps_audio: carry a video's audio over.
        overwrite: whether to replace existing outputs.
        resume: whether to keep what is finished of a video where the command ends early, and go on
            from there.
    """

    codec: str | None = None
    keeps_audio: bool = True
    overwrite: bool = False
    resume: bool = False


@dataclass(frozen=True)
class Job:
    """One output and what it is made of.

    Attributes:
        sources: a video, or images in order.
        target: a file; or a folder, for images.
        mode: kind of output.
        images_rate: images per second that the sources are taken for; None of a video.
    """

    sources: tuple[Path, ...]
    target: Path
    mode: Mode | Compare
    images_rate: Fraction | None = None

    @property
    def format(self) -> OutputFormat:
        """The output's format."""
        compares, of_images = isinstance(self.mode, Compare), self.images_rate is not None
        return find_format(self.target, compares=compares, of_images=of_images)


@dataclass(frozen=True)
class Sources:
    """Inputs, found: videos or images.

    Attributes:
        videos: videos with the folder that each was found in, if the user named a folder.
        sequences: images in order, by name.
    """

    videos: Mapping[Path, Path | None]
    sequences: Mapping[str, Sequence[Path]]


def find_sources(
    inputs: Sequence[Path], output: Path, report: Callable[[str], None] = lambda line: None
) -> Sources:
    """Return what inputs stand for; folders are looked into, but for ``output``.

    Raises:
        InputError: there are both videos and images, or both images and folders of images.
    """
    from vision_shared.video.animation import is_image

    videos: dict[Path, Path | None] = {}
    sequences: dict[str, Sequence[Path]] = {}
    named: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside, images = _inside(path, output, report)
            for file in inside or ([] if images else [path]):
                videos.setdefault(file, path if inside else None)
            for name, files in _sequences(path, images):
                if name in sequences:
                    raise InputError(f"{path}: two folders are called {name}")
                sequences[name] = files
        elif is_image(path):
            named.append(path)
        else:
            videos.setdefault(path, None)
    if named and sequences:
        raise InputError("expected either images or folders of images, got both")
    if named:
        sequences = {named[0].stem: named}
    if videos and sequences:
        raise InputError("expected either videos or images, got both")
    return Sources(videos, sequences)


def _inside(
    folder: Path, output: Path, report: Callable[[str], None]
) -> tuple[list[Path], list[Path]]:
    """Return the videos in a folder, or else the images; one of both is empty."""
    from vision_shared.folders import find_files
    from vision_shared.images import READABLE
    from vision_shared.video.animation import is_video

    found = find_files(folder, VIDEO_SUFFIXES | READABLE, output)
    if found.notice is not None:
        report(found.notice)
    videos = [file for file in found.files if is_video(file)]
    images = [file for file in found.files if file not in set(videos)]
    if videos and images:
        report(f"{folder}: its {len(images)} images left out: there are videos beside them")
        return videos, []
    return videos, images


def plan(
    sources: Sources,
    output: Path,
    mode: Mode | Compare,
    writing: Writing,
    images_rate: Fraction | None = None,
) -> list[Job]:
    """Return the jobs that make ``output``, a file or a folder, of the sources.

    Args:
        sources: sources from `find_sources`.
        output: output as the user named it.
        mode: kind of output.
        writing: how.
        images_rate: images per second that images are taken for.

    Raises:
        InputError: sources, output and the rest do not go together.
    """
    suffix = SUFFIXES[OutputFormat.PLOT][0] if isinstance(mode, Compare) else ""
    if sources.sequences:
        count = len(sources.sequences)
        jobs = [
            Job(tuple(paths), _target(output, name, count, suffix), mode, images_rate)
            for name, paths in sources.sequences.items()
        ]
    else:
        suffixes = {p: suffix or _video_suffix(p, writing.codec) for p in sources.videos}
        names = _video_names(sources.videos, suffixes)
        jobs = [
            Job((path,), _target(output, name, len(names), suffixes[path]), mode)
            for path, name in names.items()
        ]
    for job in jobs:
        _check_job(job, writing)
    _check_distinct(jobs)
    return jobs


def _sequences(root: Path, images: Iterable[Path]) -> Iterator[tuple[str, list[Path]]]:
    """Yield a name and the images in order, for each folder that has some."""
    folders: dict[Path, list[Path]] = {}
    for path in images:
        folders.setdefault(path.parent, []).append(path)
    for folder, files in folders.items():
        # no folder of numbered images lies in another one, which could not be replaced
        yield "_".join([root.name, *folder.relative_to(root).parts]), natural_order(files)


def _video_names(
    videos: Mapping[Path, Path | None], suffixes: Mapping[Path, str]
) -> dict[Path, str]:
    """Name the outputs of videos; two of one name are none of a kind if their suffixes differ."""
    from vision_shared.folders import output_names

    names: dict[Path, str] = {}
    for suffix in {suffix.lower() for suffix in suffixes.values()}:
        alike = {p: root for p, root in videos.items() if suffixes[p].lower() == suffix}
        names |= output_names(alike)
    return {path: names[path] for path in videos}


def _video_suffix(source: Path, codec: str | None) -> str:
    if codec is not None:
        return ".mkv"  # takes every codec
    return source.suffix if source.suffix.lower() in VIDEO_OUTPUTS else ".mp4"


def _target(output: Path, name: str, count: int, suffix: str) -> Path:
    """Return the output of one of ``count`` inputs; ``suffix`` is empty for a folder of images."""
    is_folder = output.is_dir() or not output.suffix
    if not is_folder:
        if count > 1:
            raise InputError(f"{output}: expected a folder for {count} inputs")
        return output
    return output if count == 1 and not suffix else output / f"{name}{suffix}"


def _check_job(job: Job, writing: Writing) -> None:
    target, suffix = job.target, job.target.suffix.lower()
    is_real_video = job.sources[0].suffix.lower() in VIDEO_SUFFIXES
    allowed = SUFFIXES[OutputFormat.VIDEO]
    if job.format is OutputFormat.PLOT:
        allowed = SUFFIXES[OutputFormat.PLOT]
    elif not is_real_video:
        allowed += SUFFIXES[OutputFormat.ANIMATION]
    if job.format is not OutputFormat.FOLDER and suffix not in allowed:
        raise InputError(f"{target}: expected a folder or a name in {', '.join(allowed)}")
    if job.format in (OutputFormat.ANIMATION, OutputFormat.FOLDER):
        for option, is_set in (("codec", writing.codec is not None), ("resume", writing.resume)):
            if is_set:
                raise InputError(f"{target}: --{option} is for videos ({', '.join(VIDEO_OUTPUTS)})")
    for source in job.sources:
        taken = source.parent if job.format is OutputFormat.FOLDER else source
        if target.exists() and taken.exists() and target.samefile(taken):
            raise InputError(f"{target}: the output is the input; choose another name or folder")


def _check_distinct(jobs: Sequence[Job]) -> None:
    sources: dict[Path, Path] = {}
    for job in jobs:
        other = sources.setdefault(job.target, job.sources[0])
        if other != job.sources[0]:
            raise InputError(f"{other} and {job.sources[0]} would both become {job.target}")
