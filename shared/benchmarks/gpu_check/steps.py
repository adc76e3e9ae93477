"""The steps of the check, what of them matters first in front: each a command with a limit."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

HERE, BENCHMARKS = Path(__file__).parent, Path(__file__).parents[1]
ROOT = HERE.parents[2]
Command = Callable[[Path, Path, str], Sequence[object]]
"""A folder to work in, the file that rows go to, and the device -> arguments of Python."""


class Step(NamedTuple):
    """A step.

    Attributes:
        limit: seconds, on a fast GPU.
        on_cuda: what is run.
        on_cpu: in a dry run; None where there is nothing to run.
        folder: where it runs.
    """

    limit: float
    on_cuda: Command
    on_cpu: Command | None
    folder: Path = ROOT


def script(name: str) -> Command:
    """Return the command of a script beside this file, which runs tiny on a CPU."""
    return lambda work, rows, device: (HERE / f"{name}.py", "--device", device, "--json", rows)


def both(limit: float, name: str) -> Step:
    return Step(limit, script(name), script(name))


def bench(limit: float, name: str, *, repeats: int) -> Step:
    """Return a benchmark's CUDA part; on a CPU it says that there is none."""

    def command(work: Path, rows: Path, device: str) -> Sequence[object]:
        del work, device
        where = ("--device", "cuda", "--json", rows, "--repeats", repeats)
        return (BENCHMARKS / f"bench_{name}.py", *where)

    return Step(limit, command, command)


def tests(limit: float, project: str, *names: str) -> Step:
    """Return the tests of a project that need CUDA; the interpreter's are not among them."""
    folder = ROOT / project
    files = [folder / "tests" / f"test_{name}.py" for name in names]
    # other versions of the libraries deprecate other things
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", "-k", "cuda", *files)

    def command(work: Path, rows: Path, device: str) -> Sequence[object]:
        del work, rows, device
        return words

    return Step(limit, command, command, folder)


TESTED = (
    "sampling_triton",
    "region_triton",
    "region_operators",
    "sampling_operators",
    "region_graphs",
)

STEPS = {
    "machine": both(40, "machine"),
    "tests": tests(60, "shared", *TESTED),
    "tests of segmentation": tests(20, "segmentation", "local_convolution_triton"),
    "kernels": both(50, "kernels"),
    "networks": both(60, "networks"),
    "sampling": bench(40, "sampling", repeats=20),
    "region kernel": bench(45, "region_kernel", repeats=20),
    "clip": both(60, "clip"),
    "trainings": both(110, "trainings"),
    "region stage": bench(60, "region_stage", repeats=5),
    "compiled training": both(60, "compiled_training"),
}
