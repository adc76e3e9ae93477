"""Segment: python -m segmentation.predict [--checkpoint CKPT] INPUT... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation.weights import SHIPPED
from vision_shared.commands import run_command
from vision_shared.inputs import ExitCode, InputError
from vision_shared.prediction import Summary, check_checkpoint, predict_parser
from vision_shared.runner import Runner, predict_command

if TYPE_CHECKING:
    from segmentation.segmenter import Segmenter

TASK = "segmentation"

EPILOG = """\
INPUT is images, videos (animated GIF, WebP and PNG, too), and folders of them; OUT is a folder,
in which the outputs of nested folders keep their names. Of an image NAME it gets
  NAME.png           the class of each pixel, a PNG of indices with the classes' palette
  NAME_overlay.png   the classes' colours over the image
  NAME_stages.png    the stage of the cascade that decided each pixel: its difficulty
  NAME.json          the share of each class
and of a video NAME_overlay.mp4, NAME_stages.mp4 and NAME.jsonl, a line for each frame. With
--compare it gets NAME_compare.mp4 of a video instead: two checkpoints side by side.

Exit codes: 0 all done; 2 nothing done; 3 some inputs, or the rest of a damaged one, left out;
130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names; return the exit code."""
    return predict_command(lambda: _parse(arguments), _predict)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = predict_parser(
        "python -m segmentation.predict",
        "Give every pixel of images and videos a class.",
        EPILOG,
        has_weights=True,
    )
    add = parser.add_argument
    add("--compare", metavar="CKPT", help="second checkpoint, for a video of both")
    add(
        "--milliseconds",
        type=float,
        metavar="MS",
        help="time budget per image of a cascade, whose thresholds adapt to it; of a video by "
        "the last frames",
    )
    add(
        "--window",
        type=int,
        metavar="PIXELS",
        help="side of the window that slides over larger images",
    )
    add("--mirrored", action="store_true", help="average with the mirrored image")
    options = parser.parse_args(arguments)
    if options.milliseconds is not None and not options.milliseconds > 0:
        parser.error(f"expected --milliseconds above 0, got {options.milliseconds:g}")
    return options


def _predict(options: Namespace, summary: Summary) -> ExitCode:
    from segmentation.output_names import ENDINGS

    if options.compare is not None:
        check_checkpoint(options.compare, TASK)
    run = _Run(options, summary)
    return run.runner.process_files(options, ENDINGS, run.segment, _line)


class _Run:
    """Segment inputs with one network, or with two side by side."""

    def __init__(self, options: Namespace, summary: Summary) -> None:
        self._options = options
        self._loaded: dict[str, Segmenter] = {}
        self.runner = Runner(summary, options.checkpoint, TASK, SHIPPED, self._load)

    def segment(self, path: Path, name: Path, is_video: bool) -> tuple[dict[str, Any], str | None]:
        """Segment an input; see `Runner.process_files`."""
        from segmentation import outputs
        from segmentation.output_names import targets

        claim, overwrite = self.runner.summary.claim, self._options.overwrite
        if self._options.compare:
            if not is_video:
                raise InputError(f"{path}: --compare takes videos")
            target = name.with_name(f"{name.name}_compare.mp4")
            claim(path, [target], overwrite=overwrite)
            return outputs.compare_video(path, target, self._segmenters(), overwrite=overwrite)
        segmenter = self.runner.model
        written = targets(name, is_video=is_video, has_stages=_has_stages(segmenter))
        claim(path, written.values(), overwrite=overwrite)
        if is_video:
            return outputs.segment_video(path, written, segmenter, overwrite=overwrite)
        return outputs.segment_picture(path, written, segmenter, overwrite=overwrite), None

    def _segmenters(self) -> dict[str, Segmenter]:
        """Return both networks by the names that a comparison shows."""
        if not self._loaded:
            both = [self.runner.model, self.runner.load(self._options.compare, self._load)]
            for path, segmenter in zip(self.runner.summary.facts["checkpoints"], both, strict=True):
                self._loaded[_name(path, self._loaded)] = segmenter
        return self._loaded

    def _load(self, path: str) -> Segmenter:
        from segmentation.inference import Inference
        from segmentation.segmenter import Segmenter

        options = self._options
        asked = options.window is not None or options.mirrored
        inference = Inference(options.window, mirrored=options.mirrored) if asked else None
        return Segmenter.from_checkpoint(path, options.device, inference, options.milliseconds)


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
