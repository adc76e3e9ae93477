"""Segment: python -m segmentation.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_shared.commands import run_command
from vision_shared.inputs import VIDEO_SUFFIXES, ExitCode, InputError
from vision_shared.prediction import (
    ModelError,
    Summary,
    answer,
    check_checkpoint,
    find_checkpoint,
    predict_parser,
    to_stderr,
)

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter

TASK = "segmentation"
SHIPPED = Path(__file__).parent / "weights" / "parsing.safetensors"

EPILOG = """\
INPUT is pictures, videos (animated GIF, WebP and PNG, too), and folders of them; OUT is a folder,
in which what comes of folders in folders keeps their names. Of a picture NAME it gets
  NAME.png           the class of each pixel, a PNG of indices with the classes' palette
  NAME_overlay.png   the classes' colours over the picture
  NAME_stages.png    how hard each pixel was: the stage of the cascade that decided it
  NAME.json          the share of each class
and of a video NAME_overlay.mp4, NAME_stages.mp4 and NAME.jsonl, a line for each frame. With
--compare it gets NAME_compare.mp4 of a video instead: two checkpoints side by side.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return answer(lambda: _predict(_parse(arguments)), to_stderr)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = predict_parser(
        "python -m segmentation.predict",
        "Give every pixel of pictures and videos a class.",
        EPILOG,
        has_weights=True,
    )
    add = parser.add_argument
    add("--compare", metavar="CKPT", help="a second checkpoint, for a video of both")
    add(
        "--milliseconds",
        type=float,
        metavar="MS",
        help="hold a cascade's network to a time an image: its thresholds adapt, of a video by the "
        "last frames",
    )
    add("--window", type=int, metavar="PIXELS", help="slide a window over larger pictures")
    add("--mirrored", action="store_true", help="look at the mirrored picture as well")
    options = parser.parse_args(arguments)
    if options.milliseconds is not None and not options.milliseconds > 0:
        parser.error(f"expected --milliseconds above 0, got {options.milliseconds:g}")
    return options


def _predict(options: Namespace) -> ExitCode:
    from segmentation.output_names import ENDINGS
    from vision_shared.folders import expand_into_folder
    from vision_shared.images import READABLE
    from vision_shared.video.animation import is_video

    names = expand_into_folder(
        options.inputs,
        READABLE | VIDEO_SUFFIXES,
        options.output,
        to_stderr,
        endings=ENDINGS,
        is_video=is_video,
    )
    check_checkpoint(options.checkpoint, TASK, SHIPPED)
    if options.compare is not None:
        check_checkpoint(options.compare, TASK)
    run = _Run(options, names)
    code = run.summary.process_each(list(names), run.segment, _line)
    run.summary.print(code)
    return code


class _Run:
    """Does inputs with one network, or two, loaded when the first input comes."""

    def __init__(self, options: Namespace, names: Mapping[Path, str]) -> None:
        self._options, self._names = options, names
        self._loaded: dict[str, Segmenter] = {}
        self.summary = Summary(as_json=options.json)

    def segment(self, path: Path) -> tuple[dict[str, Any], str | None]:
        """Do an input; return what `Summary.process_each` asks for."""
        from segmentation import outputs
        from segmentation.output_names import targets
        from vision_shared.inputs import check_input
        from vision_shared.video.animation import is_video

        options, moves = self._options, is_video(path)
        check_input(path, "video" if moves else "picture")
        if options.compare:
            if not moves:
                raise InputError(f"{path}: --compare takes videos")
            target = options.output / f"{self._names[path]}_compare.mp4"
            self.summary.claim(path, [target], overwrite=options.overwrite)
            return outputs.compare_video(
                path, target, self._segmenters(), overwrite=options.overwrite
            )
        segmenter = next(iter(self._segmenters().values()))
        written = targets(
            options.output / self._names[path], is_video=moves, has_stages=_has_stages(segmenter)
        )
        self.summary.claim(path, written.values(), overwrite=options.overwrite)
        if moves:
            return outputs.segment_video(path, written, segmenter, overwrite=options.overwrite)
        return outputs.segment_picture(path, written, segmenter, overwrite=options.overwrite), None

    def _segmenters(self) -> dict[str, Segmenter]:
        """Return the networks by the names that a comparison shows."""
        if not self._loaded:
            options = self._options
            compared = [] if options.compare is None else [options.compare]
            for named in (options.checkpoint, *compared):
                path = find_checkpoint(named, TASK, SHIPPED)
                self._loaded[_name(path, self._loaded)] = self._load(path)
        return self._loaded

    def _load(self, path: str) -> Segmenter:
        from segmentation.inference import Inference
        from segmentation.segmenter import Segmenter

        options = self._options
        self.summary.facts["checkpoints"].append(path)
        try:
            asked = options.window is not None or options.mirrored
            inference = Inference(options.window, mirrored=options.mirrored) if asked else None
            return Segmenter.from_checkpoint(path, options.device, inference, options.milliseconds)
        except (ValueError, OSError) as error:
            raise ModelError(str(error)) from error


def _has_stages(segmenter: Segmenter) -> bool:
    return segmenter.inference.looks_once and getattr(segmenter.network, "cascaded", False)


def _name(path: str, taken: dict[str, Any]) -> str:
    """Return the name of a run, or of a file elsewhere, that is not taken."""
    file = Path(path)
    name = file.parent.parent.name if file.parent.name == "checkpoints" else file.stem
    return name if name not in taken else f"{name} (2)"


def _line(path: Path, facts: dict[str, Any]) -> str:
    if "areas" not in facts:
        rates = ", ".join(f"{n}: {x:g} frames/s" for n, x in facts["frames_per_second"].items())
        return f"{path}: {facts['frames']} frames; {rates}"
    largest = sorted(facts["areas"].items(), key=lambda item: -item[1])[:4]
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in largest)
    frames = f"{facts['frames']} frames; " if "frames" in facts else ""
    return f"{path}: {frames}{shares}"


if __name__ == "__main__":
    run_command(main)
