"""What decoding ahead and encoding behind gains `predict` on a CPU.

    python voxel-flow/benchmarks/predict_threads.py [--repeats 5] [--size 480 854]

Both ways double the frames of one synthetic clip by turns, in one process, with two threads of the
network; the ratio is of the two runs of a turn, so that what else the machine does is in both.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from vision_shared.tables import Table, print_tables
from voxel_flow.interpolation import conversion
from voxel_flow.predict import main as predict

NUM_FRAMES = 12


class InPlace:
    """Work that is done where it is given."""

    def __enter__(self) -> "InPlace":
        return self

    def __exit__(self, *_: object) -> None: ...

    def do(self, work: Callable[..., object], *arguments: Any) -> None:
        work(*arguments)


@contextmanager
def as_taken(items: Iterable[Any]) -> Iterator[Iterator[Any]]:
    yield iter(items)


WAYS: dict[str, tuple[Any, Any]] = {
    "threads of their own": (conversion.ahead, conversion.Behind),
    "one thread": (as_taken, InPlace),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time predict with and without its threads.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 854), help="height and width")
    options = parser.parse_args()
    torch.set_num_threads(2)
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, *options.size)
        for turn in range(options.repeats + 1):
            for way in list(WAYS)[:: 1 if turn % 2 else -1]:
                seconds = time_once(way, clip)
                taken[way] += [seconds] if turn else []  # the first turn warms up
    print_tables([table(taken, options.size)])


def time_once(way: str, clip: Path) -> tuple[float, float]:
    """Return the wall and CPU seconds of one run."""
    conversion.ahead, conversion.Behind = WAYS[way]
    wall, cpu = time.perf_counter(), time.process_time()
    out = str(clip.with_name("out.mp4"))
    if predict([str(clip), "-o", out, "--device", "cpu", "--overwrite"]):
        raise RuntimeError("predict did not end well")
    return time.perf_counter() - wall, time.process_time() - cpu


def table(taken: dict[str, list[tuple[float, float]]], size: tuple[int, int]) -> Table:
    """Lay out medians, and the median of the turns' ratios to one thread."""
    base = taken["one thread"]
    rows = []
    for way, runs in taken.items():
        cells = [f"{statistics.median(column):.1f}" for column in zip(*runs, strict=True)]
        pairs = [
            [a / b for a, b in zip(*both, strict=True)] for both in zip(runs, base, strict=True)
        ]
        ratios = [f"{statistics.median(column):.2f}" for column in zip(*pairs, strict=True)]
        rows.append([way, *cells, *ratios])
    return Table(
        f"predict of {NUM_FRAMES} frames of {size[1]}x{size[0]}, doubled",
        ["decoding and encoding in", "wall s", "CPU s", "wall, of one thread", "CPU, likewise"],
        rows,
        f"medians of {len(base)} turns; ratios are of the two runs of a turn",
    )


def write_clip(path: Path, height: int, width: int) -> None:
    """Write smooth texture that moves by three pixels a frame."""
    coarse = np.random.default_rng(0).integers(0, 255, (height // 16 + 1, width // 16 + 8, 3))
    wide = coarse.astype(np.uint8).repeat(16, 0).repeat(16, 1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(NUM_FRAMES):
            image = np.ascontiguousarray(wide[:height, 3 * i : 3 * i + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
