"""Spot the garments of videos: python -m fashion.spot INDEX VIDEO... -o OUT"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import math
import sys
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_shared.commands import run_command
from vision_shared.inputs import (
    VIDEO_SUFFIXES,
    CommandParser,
    ExitCode,
    process_each,
)
from vision_shared.prediction import answer

if TYPE_CHECKING:
    from fashion.retrieval.identity import Load

EPILOG = """\
VIDEO is videos and folders of them; OUT is a folder. Of a video NAME it gets
  NAME_timeline.json  its garments: first and last time of each, its best frame, and the similar
                      garments of the index
  NAME_spots.html     the same as a page with small images, and the video, in which a click on a
                      bar or an image seeks; it refers to the video where that is now, and browsers
                      play MP4 and WebM
A garment is tracked from frame to frame by its position and appearance, also if it is hidden for
two seconds.

Exit codes: 0 all done; 2 nothing done; 3 some videos, or the rest of a damaged one, left out;
130 interrupted."""


def main(arguments: Sequence[str] | None = None, load: Load | None = None) -> int:
    """Do what the command line names; return the exit code.

    Args:
        arguments: arguments of the command line.
        load: function that makes recognisers, in place of
            `fashion.retrieval.identity.load_recogniser`.
    """
    return answer(lambda: _spot(_parse(arguments), load), _report)


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="python -m fashion.spot",
        description="Find the garments of videos, and those of an index that they are like.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("index", type=Path, metavar="INDEX", help="index made by fashion.index")
    add("videos", nargs="+", type=Path, metavar="VIDEO", help="see below")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="a folder, see below")
    add(
        "--top",
        type=int,
        choices=range(1, 51),
        default=5,
        metavar="K",
        help="number of similar garments",
    )
    add(
        "--per-second",
        type=_rate,
        default=2.0,
        metavar="N",
        help="frames processed per second of video (default: 2)",
    )
    add("--checkpoint", metavar="CKPT", help="checkpoint of the index's network, if it moved")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--overwrite", action="store_true", help="replace existing outputs")
    return parser.parse_args(arguments)


def _rate(value: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise ArgumentTypeError(f"expected a number above 0, got {value!r}")
    return rate


def _spot(options: Namespace, load: Load | None) -> ExitCode:
    from fashion.retrieval.identity import open_with_network
    from fashion.retrieval.spotting import Spotter, spot_video
    from vision_shared.folders import expand_into_folder

    names = expand_into_folder(options.videos, VIDEO_SUFFIXES, options.output, _report)
    index, recogniser = open_with_network(
        options.index, options.checkpoint, options.device, load, _report
    )
    spotter = Spotter(index, recogniser, options.top, options.per_second)

    def process(video: Path) -> str | None:
        name = options.output / names[video]
        timeline, damage = spot_video(video, spotter, name, overwrite=options.overwrite)
        print(f"{video}: {len(timeline['garments'])} garments in {timeline['seconds']:.1f} s")
        return damage

    code = process_each(list(names), process, _report)
    if index.changes is not None:
        _report(index.changes)
    return code


def _report(line: str) -> None:
    print(f"spot: {line}", file=sys.stderr)


if __name__ == "__main__":
    run_command(main)
