"""Write what a test server takes: python -m segmentation.submit voc DIR -o OUT [--checkpoint CKPT]

Segments every image of a part of VOC 2012 or Cityscapes, by default of the test, and writes the
results in the names and numbers that its server asks for; all of them, or none.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.data.registry import DATA_SETS
from vision_shared.commands import run_command
from vision_shared.faults import stop
from vision_shared.inputs import CommandParser, ExitCode, InputError
from vision_shared.prediction import ModelError, answer, check_checkpoint, find_checkpoint

if TYPE_CHECKING:
    from segmentation.data.masks import Mask
    from segmentation.data.sets import SegmentationSet
    from segmentation.segmenter import Segmenter

TASK = "segmentation"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, segment, write; return the exit code."""
    return answer(lambda: _submit(_parse(arguments)), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m segmentation.submit",
        description="Write the results of a test in the form that its server takes.",
    )
    add = parser.add_argument
    add("data", choices=[name for name, data_set in DATA_SETS.items() if data_set.has_server])
    add("folder", type=Path, metavar="DIR", help="of the data set, in its official layout")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder")
    add("--checkpoint", metavar="CKPT", default="last", help="default: the newest under ./runs")
    add("--split", choices=("test", "val"), default="test")
    add("--competition", choices=("comp5", "comp6"), default="comp6", help="of VOC")
    add(
        "--window",
        type=int,
        metavar="PIXELS",
        help="side of the window that slides over larger images",
    )
    add("--mirrored", action="store_true", help="average with the mirrored image")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args(arguments)


def _submit(options: Namespace) -> ExitCode:
    check_checkpoint(options.checkpoint, TASK)

    from segmentation.evaluation.submission import write_cityscapes_submission, write_voc_submission

    is_voc = options.data == "voc"
    part = DATA_SETS[options.data].load(options.folder, options.split, stop)
    results = _results(_load(options, part), part)
    if is_voc:
        place = write_voc_submission(
            options.output, results, competition=options.competition, split=options.split
        )
    else:
        place = write_cityscapes_submission(options.output, results)
    print(f"{len(part)} results in {place}")
    return ExitCode.DONE


def _load(options: Namespace, part: SegmentationSet) -> Segmenter:
    from segmentation.inference import Inference
    from segmentation.segmenter import Segmenter

    path = find_checkpoint(options.checkpoint, TASK)
    try:
        inference = Inference(options.window, mirrored=options.mirrored)
        segmenter = Segmenter.from_checkpoint(path, options.device, inference)
    except (ValueError, OSError) as error:
        raise ModelError(str(error)) from error
    if segmenter.classes.names != part.classes.names:
        raise InputError(
            f"{path}: expected the {len(part.classes)} classes of the data set, got "
            f"{', '.join(segmenter.classes.names)}: train with data={options.data}"
        )
    return segmenter


def _results(segmenter: Segmenter, part: SegmentationSet) -> Iterator[tuple[str, Mask]]:
    from vision_shared.images import read_image
    from vision_shared.progress import show_progress

    with show_progress("segmenting", len(part), "images") as advance:
        for sample in part.samples:
            yield sample.name, segmenter(read_image(sample.image_path)).labels
            advance()


def _report(line: str) -> None:
    print(f"submit: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
