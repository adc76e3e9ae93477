"""Console command of a task: ``voxel-flow predict ...`` is ``python -m voxel_flow.predict ...``."""

import ast
import re
import runpy
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from vision_shared.commands import run_command

EVERY_TASK = {
    "train": "{package}.train",
    "predict": "{package}.predict",
    "evaluate": "vision_shared.evaluate",
    "export": "vision_shared.export",
    "publish": "vision_shared.publish",
    "demo": "{package}.demo",
}


def run_console(task: str, others: Mapping[str, str]) -> NoReturn:
    """Run the command that the command line names, as ``python -m`` would.

    Args:
        task: name of the task and of its console command, e.g. ``voxel-flow``.
        others: the task's own commands: name and module.
    """
    run_command(lambda: _run(task, others))


def _run(task: str, others: Mapping[str, str]) -> int:
    package = task.replace("-", "_")
    modules = {name: module.format(package=package) for name, module in EVERY_TASK.items()}
    modules |= others
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(f"{task} COMMAND ...; `{task} COMMAND --help` lists the options\n")
        width = max(map(len, modules))
        for command, module in modules.items():
            print(f"  {command:{width}}  {_summary(module)}")
        return 0
    if name not in modules:
        print(f"{task}: expected one of {', '.join(modules)}, got {name!r}", file=sys.stderr)
        return 2
    # of these `last` is the task's newest
    takes_task = modules[name].startswith("vision_shared.") and "--task" not in arguments
    preset = ["--task", task] if takes_task else []
    sys.argv[1:] = [*preset, *arguments]
    runpy.run_module(modules[name], run_name="__main__", alter_sys=True)
    return 0


def _summary(module: str) -> str:
    """Return the first sentence of a module's docstring; the module is not imported."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return re.split(r":\s+`*python -m", text.splitlines()[0])[0].rstrip(".")
