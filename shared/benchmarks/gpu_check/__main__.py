"""Show in minutes whether everything works on a GPU, and how fast: ``make gpu-check``.

Each step is a process of its own with a limit of its own; one that fails or hangs ends no other.
After each, ``gpu.json`` and ``gpu.md`` are written again, so that what is known survives whatever
happens. Packages that the machine lacks come from the folder that ``make gpu-wheels`` fills; ours
are used from the sources. ``--device cpu`` is a dry run: every step that does not need CUDA runs
tiny, the others say that they were skipped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
sys.path.insert(0, str(HERE))

from site_folder import environment  # noqa: E402  # pyrefly: ignore[missing-import]
from steps import STEPS, Step  # noqa: E402  # pyrefly: ignore[missing-import]

TOTAL = 390  # seconds for all steps
PATIENCE = 10  # times a step's limit, in a dry run
LEAST = 8  # seconds that are left for a step to begin


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu-check")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=TOTAL, help="for all steps together")
    parser.add_argument("--only", nargs="*", default=[], help=f"of {', '.join(STEPS)}")
    options = parser.parse_args(arguments)
    unknown = set(options.only) - set(STEPS)
    if unknown:
        parser.error(f"expected steps among {', '.join(STEPS)}, got {', '.join(unknown)}")
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        variables = environment(ROOT, Path(work))
        return check(options, Path(work), variables)


def check(options: argparse.Namespace, work: Path, variables: dict[str, str]) -> int:
    """Take the steps; return 0 if each was taken, and every bar met."""
    end, done = time.monotonic() + options.seconds, []
    for name, step in STEPS.items():
        if options.only and name not in options.only:
            continue
        done.append(take(name, step, options.device, work, variables, end - time.monotonic()))
        write(options.out, done)
        print(f"{name}: {done[-1]['outcome']}, {done[-1]['seconds']:.0f} s", flush=True)
    return int(any(each["outcome"] not in ("passed", "skipped") for each in done))


def take(
    name: str, step: Step, device: str, work: Path, variables: dict[str, str], left: float
) -> dict[str, Any]:
    """Take a step; return what became of it."""
    found: dict[str, Any] = {"step": name, "seconds": 0.0, "rows": [], "note": ""}
    if device == "cpu" and step.on_cpu is None:
        return found | {"outcome": "skipped", "note": "no CUDA"}
    if left < LEAST:
        return found | {"outcome": "out of time"}
    command = step.on_cpu if device == "cpu" else step.on_cuda
    rows = work / f"{name}.json"
    words = [str(word) for word in command(work, rows, device)]  # type: ignore[misc]
    began = time.monotonic()
    limit = step.limit if device == "cuda" else PATIENCE * step.limit
    outcome, log = run([sys.executable, *words], step.folder, variables, min(limit, left))
    found["seconds"] = time.monotonic() - began
    if rows.exists():
        found["rows"] = json.loads(rows.read_text())
    missed = [row["what"] for row in found["rows"] if row.get("met") is False]
    if outcome in ("passed", "failed") and missed:
        outcome = "missed"
    return found | {"outcome": outcome, "note": last_words(log), "log": log[-6000:]}


def run(
    command: list[str], folder: Path, variables: dict[str, str], limit: float
) -> tuple[str, str]:
    """Return how a command ended, and what it said; at its limit it and its children are killed."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=said, stderr=said, start_new_session=True
        )
        try:
            code = process.wait(limit)
            outcome = "passed" if code == 0 else "failed"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            outcome = f"killed after {limit:.0f} s"
        said.seek(0)
        return outcome, said.read()


def last_words(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def write(folder: Path, done: list[dict[str, Any]]) -> None:
    """Write all that is known, as JSON with the ends of the logs, and as tables."""
    (folder / "gpu.json").write_text(json.dumps(done, indent=1, default=str))
    lines = ["| step | outcome | seconds | last words |", "| --- | --- | --- | --- |"]
    for each in done:
        note = each["note"].replace("|", "/")
        lines.append(f"| {each['step']} | {each['outcome']} | {each['seconds']:.0f} | {note} |")
    lines += ["", "| step | what | value | bar |", "| --- | --- | --- | --- |"]
    for each in done:
        for row in each["rows"]:
            verdict = {True: "met", False: "MISSED", None: ""}[row.get("met")]
            bar = "" if row.get("bar") is None else f"{row['bar']:g} {verdict}"
            value = row["value"]
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(f"| {each['step']} | {row['what']} | {shown} | {bar} |")
    (folder / "gpu.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
