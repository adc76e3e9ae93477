"""Time networks in onnxruntime beside PyTorch: ``python shared/benchmarks/bench_onnx.py``.

Each network whose weights come with a package is exported (a minute or two each), then both run
interleaved on one thread: seconds of CPU time, the median of several turns, and how far the
outputs differ. ``--onnx DIR`` keeps the files for the next time.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from vision_shared.checkpoints import read_checkpoint
from vision_shared.export import export
from vision_shared.onnx_export import open_session
from vision_shared.tables import Table, print_tables
from vision_shared.tasks import load_module

Arguments = tuple[Tensor, ...]


def frames(height: int, width: int) -> Arguments:
    """Return two smooth frames, the second a little moved, and the time midway."""
    picture = torch.nn.functional.interpolate(
        torch.rand(1, 3, height // 16, width // 16), size=(height, width), mode="bicubic"
    ).clamp(0, 1)
    return torch.stack([picture, picture.roll((1, 3), (2, 3))], 1), torch.tensor([0.5])


NETWORKS: dict[tuple[str, str], Callable[[], Arguments]] = {
    ("voxel_flow", "compact"): lambda: frames(720, 1280),
    ("segmentation", "parsing"): lambda: (torch.rand(1, 3, 384, 512),),
    ("face_attributes", "finder"): lambda: (torch.rand(1, 3, 480, 640),),
    ("face_attributes", "anet"): lambda: (torch.rand(8, 3, 128, 128),),
    ("fashion", "garments"): lambda: (torch.rand(8, 3, 128, 128),),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time networks in onnxruntime and in PyTorch.")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each")
    parser.add_argument("--onnx", type=Path, help="where the exported networks are kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with ExitStack() as stack:
        folder = options.onnx or Path(stack.enter_context(TemporaryDirectory()))
        rows = [line(*names, folder, options.repeats) for names in NETWORKS]
    columns = ["network", "input", "PyTorch s", "onnxruntime s", "times as fast", "differs by"]
    note = "CPU time of one thread, medians of interleaved turns."
    print_tables([Table("Networks in onnxruntime", columns, rows, note)])


@torch.no_grad()
def line(package: str, name: str, folder: Path, repeats: int) -> list[str]:
    """Return a row of the table."""
    checkpoint = read_checkpoint(Path(str(files(package) / f"weights/{name}.safetensors")))
    path = folder / f"{name}.onnx"
    if not path.exists():
        export(checkpoint, path)
    spec: Any = load_module(checkpoint).eval().export_spec()  # type: ignore[operator]
    session, arguments = open_session(path), NETWORKS[package, name]()
    inputs = {i.name: x.numpy() for i, x in zip(session.get_inputs(), arguments, strict=True)}
    ours, theirs = lambda: spec.network(*arguments), lambda: session.run(None, inputs)
    expected, found = ours(), theirs()
    seconds = [[_cpu_seconds(run) for run in (ours, theirs)] for _ in range(repeats)]
    slow, fast = map(statistics.median, zip(*seconds, strict=True))
    tensors = expected if isinstance(expected, tuple) else (expected,)
    difference = max(
        float((torch.from_numpy(a) - b).abs().max()) for a, b in zip(found, tensors, strict=True)
    )
    shape = "x".join(map(str, arguments[0].shape))
    return [f"{package} {name}", shape, f"{slow:.3f}", f"{fast:.3f}", f"{slow / fast:.2f}",
            f"{difference:.0e}"]  # fmt: skip


def _cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    main()
