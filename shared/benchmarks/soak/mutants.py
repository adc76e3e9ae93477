"""Mutation testing of the core: does a test fail when the code that it is about is broken?

    python shared/benchmarks/soak/mutants.py [--only NAME...] [--write docs/reliability.md]

`mutmut` makes the mutants and runs the tests on each; here is what it mutates (`CORE`), and what it
lacks: mutants without one of the calls (``file.truncate(size)`` that is not done), and those of a
``@contextmanager``. Messages are not mutated. Each project is mutated in a copy of its folder.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tables import markdown_table, write_section

REPOSITORY = Path(__file__).parents[3]
KILLED = {"killed", "timeout", "segfault"}
"""What mutmut calls a mutant that a test, the clock or the system has ended."""

SETTINGS = """
[tool.mutmut]
only_mutate = {files}
pytest_add_cli_args_test_selection = {tests}
do_not_mutate_patterns = ["raise [A-Za-z.]+Error"]
timeout_constant = 20
use_git_change_detection = false
"""
"""For a project's pyproject.toml."""


@dataclass(frozen=True)
class Module:
    """A module of the core.

    Attributes:
        what: it does, for the table.
        project: its folder.
        path: of it in the project's ``src``.
        tests: the files that test it, in the project's ``tests``.
        names: the functions and methods that are mutated; empty for all.
    """

    what: str
    project: str
    path: str
    tests: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name to a user of this command."""
        return self.path.removesuffix(".py").replace("/", ".")


ATOMIC = (
    *("new_file", "new_folder", "replace_folder"),
    *("check_output", "check_new_folder", "_is_numbered"),
)
OUTPUTS = ("test_inputs.py", "test_unfinished.py")
INDEX = ("test_retrieval_search.py", "test_index.py")
RESULTS, LOCALIZE = ("test_results.py",), ("test_localize.py",)
CORE = (
    Module("sampling", "shared", "vision_shared/layers/sampling.py", ("test_sampling.py",)),
    Module("atomic writes", "shared", "vision_shared/inputs.py", OUTPUTS, ATOMIC),
    Module("unfinished outputs", "shared", "vision_shared/unfinished.py", OUTPUTS),
    Module("checkpoints", "shared", "vision_shared/checkpoints.py", ("test_checkpoints.py",)),
    Module("average precision", "shared", "vision_shared/ranking.py", ("test_ranking.py",)),
    Module("metrics", "segmentation", "segmentation/evaluation/results.py", RESULTS),
    Module("boundaries", "segmentation", "segmentation/evaluation/boundaries.py", RESULTS),
    Module("objects", "segmentation", "segmentation/evaluation/objects.py", RESULTS),
    Module(
        "cropping",
        "face-attributes",
        "face_attributes/data/framing.py",
        ("test_data_framing.py",),
    ),
    Module("crops", "face-attributes", "face_attributes/localize/crops.py", LOCALIZE),
    Module("thresholds", "face-attributes", "face_attributes/localize/threshold.py", LOCALIZE),
    Module(
        "hit@k", "fashion", "fashion/evaluation/retrieval.py", ("test_evaluation_retrieval.py",)
    ),
    Module("index writer", "fashion", "fashion/retrieval/writing.py", INDEX),
)


@dataclass(frozen=True)
class Verdicts:
    """What became of a module's mutants.

    Attributes:
        module: it.
        killed: how many failed a test.
        survivors: their names and what is changed.
    """

    module: Module
    killed: int
    survivors: dict[str, str]

    @property
    def total(self) -> int:
        return self.killed + len(self.survivors)


def main() -> int:
    """Mutate, test, print a table; return 1 where less than nine in ten mutants are killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", nargs="*", metavar="NAME", help=f"of {', '.join(m.label for m in CORE)}")
    add("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="tests at a time")
    add("--write", type=Path, metavar="FILE", help="put the table into this document")
    options = parser.parse_args()
    chosen = [m for m in CORE if not options.only or m.label in options.only]
    verdicts = [test_mutants(module, options.jobs) for module in chosen]
    table = "\n".join(report(verdicts))
    print(table)
    if options.write is not None:
        write_section(options.write, "mutants", table)
    killed, total = sum(v.killed for v in verdicts), sum(v.total for v in verdicts)
    return 0 if killed >= 0.9 * total else 1


def test_mutants(module: Module, jobs: int) -> Verdicts:
    """Mutate one module in a copy of its project.

    Raises:
        SystemExit: the tests fail without a mutant, too.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        folder = Path(temporary) / module.project
        _copy_project(module, folder)
        names = [f"{module.label}.{_mangled(name)}__mutmut_*" for name in module.names]
        environment = {**os.environ, "PYTHONPATH": _python_path(folder)}
        command = [sys.executable, __file__, "run", "--max-children", str(jobs), *names]
        print(f"{module.label}: ", end="", flush=True)
        log = Path(temporary) / "log"
        with log.open("w") as output:
            code = subprocess.run(
                command, cwd=folder, env=environment, stdout=output, stderr=output, check=False
            ).returncode
        if code:
            sys.exit(f"mutmut failed\n{log.read_text()[-3000:]}")
        verdicts = _verdicts(module, folder)
        print(f"{verdicts.killed} of {verdicts.total} killed", flush=True)
        for name, change in verdicts.survivors.items():
            print(f"  survives: {name}: {change}", flush=True)
        return verdicts


def report(verdicts: Sequence[Verdicts]) -> Iterator[str]:
    """Yield the lines of the table."""
    killed, total = sum(v.killed for v in verdicts), sum(v.total for v in verdicts)
    yield f"Of {date.today()}: {killed} of {total} mutants killed ({killed / total:.1%})."
    yield ""
    rows = [
        [v.module.what, f"`{v.module.label}`", str(v.total), str(v.killed), str(len(v.survivors))]
        for v in verdicts
    ]
    yield from markdown_table(["what", "module", "mutants", "killed", "survive"], rows)


def _copy_project(module: Module, folder: Path) -> None:
    project = REPOSITORY / module.project
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    for name in ("src", "tests"):
        shutil.copytree(project / name, folder / name, ignore=ignored)
    settings = SETTINGS.format(
        files=[f"src/{module.path}"], tests=[f"tests/{name}" for name in module.tests]
    )
    (folder / "pyproject.toml").write_text((project / "pyproject.toml").read_text() + settings)
    (folder / "mutants" / "src").mkdir(parents=True)  # else Python remembers that it is not there
    source = folder / "src" / module.path
    source.write_text(_undecorated(source.read_text()))


def _undecorated(source: str) -> str:
    """Make context managers by a call at the end, for mutmut leaves decorated functions out."""
    source, names = re.subn(r"^@contextmanager\n(?=def )", "@_managed\n", source, flags=re.M)
    found = re.findall(r"^@_managed\ndef (\w+)", source, flags=re.M)
    assert len(found) == names
    calls = "".join(f"\n\n{name} = contextmanager({name})\n" for name in found)
    return source.replace("@_managed\n", "") + calls


def _python_path(folder: Path) -> str:
    """Return the copy's mutated source, for commands that tests start, and the other projects'."""
    others = sorted(REPOSITORY.glob("*/src")) + sorted(REPOSITORY.glob("*/*/src"))
    own = Path(folder.name) / "src"
    kept = [path for path in others if path.relative_to(REPOSITORY) != own]
    return os.pathsep.join(map(str, [folder / "mutants" / "src", *kept]))


def _mangled(name: str) -> str:
    owner, _, method = name.rpartition(".")
    return f"xǁ{owner}ǁ{method}" if owner else f"x_{name}"


def _verdicts(module: Module, folder: Path) -> Verdicts:
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    meta = json.loads((folder / "mutants" / "src" / f"{module.path}.meta").read_text())
    status = {
        name: status_by_exit_code[code]
        for name, code in meta["exit_code_by_key"].items()
        if code is not None  # not of the chosen functions
    }
    survivors = {}
    with contextlib.chdir(folder):
        for name, verdict in status.items():
            if verdict not in KILLED:
                change = _change(get_diff_for_mutant(name, path=f"src/{module.path}"))
                survivors[name.rpartition(".")[2]] = f"{change} ({verdict})"
    return Verdicts(module, len(status) - len(survivors), survivors)


def _change(diff: str) -> str:
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+])", line)]
    return " => ".join(" ".join(line[1:].split()) for line in lines)


def run_mutmut() -> None:
    """Run mutmut's own command line, with other mutants: see this file's first lines."""
    import libcst
    from mutmut.__main__ import cli
    from mutmut.mutation.mutators import mutation_operators, operator_string

    def change_word(node: libcst.BaseString) -> Iterable[libcst.BaseString]:
        is_message = isinstance(node, libcst.SimpleString) and " " in node.value
        return () if is_message else operator_string(node)

    def leave_out(node: libcst.Expr) -> Iterator[libcst.Pass]:
        if isinstance(node.value, libcst.Call):  # not a docstring, nor a yield
            yield libcst.Pass()

    operators: list = mutation_operators  # type: ignore[assignment]
    operators[operators.index((libcst.BaseString, operator_string))] = (
        libcst.BaseString,
        change_word,
    )
    operators.append((libcst.Expr, leave_out))
    cli()


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:  # as `test_mutants` calls it
        run_mutmut()
    sys.exit(main())
