"""The best of a burst: python -m voxel_flow.blink INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode, InputError
from vision_shared.prediction import Summary, predict_parser, to_stderr
from vision_shared.runner import Runner, predict_command
from voxel_flow.interpolation.jobs import find_sources
from voxel_flow.predict import TASK
from voxel_flow.weights import SHIPPED

if TYPE_CHECKING:
    from vision_shared.face_scores import FaceScorer
    from voxel_flow.interpolation.interpolator import FrameInterpolator

EPILOG = """\
INPUT is bursts: a folder of images, two or more images in order, or a short clip; several
folders and clips are several bursts. OUT is a folder; a burst NAME becomes
  OUT/NAME_best.png    the best shot at full size (an image file is copied as it is)
  OUT/NAME_loop.gif    a loop that closes without a jump, held still
  OUT/NAME_sheet.png   a contact sheet: every frame with its scores
Where a package is installed that detects open eyes and smiles, faces count.

Exit codes: 0 all done; 2 nothing done; 3 some bursts left out; 130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return predict_command(lambda: _parse(arguments), _blink)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = predict_parser(
        "python -m voxel_flow.blink",
        "Make the best shot, a smooth loop and a contact sheet of a burst.",
        EPILOG,
        has_weights=True,
    )
    formats = ("gif", "webp", "mp4")
    parser.add_argument(
        "--loop", choices=formats, default="gif", help="format of the loop (default: gif)"
    )
    return parser.parse_args(arguments)


def _blink(options: Namespace, summary: Summary) -> ExitCode:
    if options.output.exists() and not options.output.is_dir():
        raise InputError(f"{options.output}: is a file, expected the name of a folder")
    found = find_sources(options.inputs, options.output, to_stderr)
    bursts = {paths[0]: (name, paths) for name, paths in found.sequences.items()}
    bursts |= {path: (path.stem, [path]) for path in found.videos}
    run = _Run(options, summary, bursts, are_images=bool(found.sequences))
    return summary.process_each(list(bursts), run.process, _line)


class _Run:
    """Does bursts with one model, loaded when the first has been read."""

    def __init__(
        self,
        options: Namespace,
        summary: Summary,
        bursts: dict[Path, tuple[str, Sequence[Path]]],
        *,
        are_images: bool,
    ) -> None:
        self._options, self._bursts, self._are_images = options, bursts, are_images
        self._scorer: FaceScorer | None = None
        self._runner = Runner(summary, options.checkpoint, TASK, SHIPPED, self._load)

    def process(self, first: Path) -> tuple[dict[str, Any], None]:
        """Do a burst; return what `Summary.process_each` asks for."""
        from voxel_flow.burst.outputs import Targets, write_burst
        from voxel_flow.burst.reading import read_burst

        options, (name, paths) = self._options, self._bursts[first]
        suffix = first.suffix.lower() if self._are_images else ".png"
        targets = Targets.of(options.output / name, suffix, f".{options.loop}")
        self._runner.summary.claim(first, targets, overwrite=options.overwrite)
        burst = read_burst(paths, are_images=self._are_images)
        model = self._runner.model
        return write_burst(burst, targets, model, self._scorer, overwrite=options.overwrite), None

    def _load(self, path: str) -> FrameInterpolator:
        from vision_shared.face_scores import find_face_scorer
        from voxel_flow.interpolation.interpolator import FrameInterpolator

        model = FrameInterpolator.from_checkpoint(path, device=self._options.device)
        try:
            self._scorer = find_face_scorer()
        except InputError as error:
            to_stderr(f"faces are left out of the scores: {error}")
        self._runner.summary.facts["faces"] = self._scorer is not None
        return model


def _line(path: Path, facts: dict[str, Any]) -> str:
    loop = "there and back" if facts["goes_back"] else f"closed in {facts['closing']} steps"
    held = "" if facts["is_stabilised"] else "; not held still: too little is common to all frames"
    return (
        f"{path}: {facts['frames']} frames; best is number {facts['best']} "
        f"({facts['scores'][facts['best'] - 1]['total']:.2f}); "
        f"a loop of {facts['loop_frames']} frames, {loop}{held}"
    )


if __name__ == "__main__":
    run_command(main)
