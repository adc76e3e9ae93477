"""A start page of all runs: one table, newest first, with each run's best metric and images.

    python -m vision_shared.dashboard [RUNS] [-o RUNS/index.html]

`make dashboard` writes it and starts TensorBoard, where the curves are. The page is one file that
asks nothing of a network; whatever a run's files hold is shown as text.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import csv
import html
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vision_shared.commands import run_command
from vision_shared.inputs import CommandParser, ExitCode, new_file
from vision_shared.newest_checkpoint import IN_A_RUN
from vision_shared.prediction import answer

NUM_IMAGES = 3
"""Of each run's panels, the newest that are shown."""


@dataclass(frozen=True)
class Run:
    """What a run's folder says of it.

    Attributes:
        folder: folder of the run.
        task: its name.
        choices: the command line's overrides.
        monitor: the metric that chooses the best checkpoint.
        best: its best value so far; None before the first validation.
        step: optimiser steps so far.
        started: seconds since 1970.
        seconds: time from the start to the newest row of metrics.
        commit: commit of the code; None outside a checkout.
        scores: metrics of the test, by name; empty before it.
        images: panels, the newest first.
    """

    folder: Path
    task: str
    choices: str
    monitor: str
    best: float | None
    step: int
    started: float
    seconds: float
    commit: str | None
    scores: Mapping[str, float] = field(default_factory=dict)
    images: Sequence[Path] = ()


def find_runs(folder: Path) -> list[Run]:
    """Return the runs below a folder, the newest first; what cannot be read is no run."""
    found = (read_run(place) for place in _places(folder))
    return sorted((run for run in found if run is not None), key=lambda run: -run.started)


def _places(folder: Path) -> Iterator[Path]:
    for inside, names, files in os.walk(folder):
        if "config.yaml" in files and "csv" in names:
            yield Path(inside)
        names[:] = [name for name in names if name not in IN_A_RUN]


def read_run(folder: Path) -> Run | None:
    """Read a run's files; None where they are not those of a run, or are damaged."""
    from omegaconf import OmegaConf

    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=False)
        metrics = folder / "csv" / "metrics.csv"
        best, step = _best_of(metrics, config["monitor"], config["mode"] == "max")
        started = (folder / "config.yaml").stat().st_mtime
        return Run(
            folder=folder,
            task=str(config["task"]),
            choices=" ".join(str(config.get("command", "")).split(" ")[1:]),
            monitor=str(config["monitor"]),
            best=best,
            step=step,
            started=started,
            seconds=max(0.0, metrics.stat().st_mtime - started),
            commit=config.get("commit"),
            scores=_scores_of(folder / "results.json"),
            images=_images_of(folder / "panels"),
        )
    except Exception:  # whatever the readers raise for files that a kill or a person left
        return None


def _best_of(metrics: Path, monitor: str, is_larger_better: bool) -> tuple[float | None, int]:
    choose, best, step = max if is_larger_better else min, None, 0
    with metrics.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if not any(value and name.startswith("test/") for name, value in row.items()):
                step = max(step, 1 + int(row.get("step") or -1))  # the test's is no index
            value = float(row.get(monitor) or "nan")
            if not math.isnan(value):
                best = value if best is None else choose(best, value)
    return best, step


def _scores_of(results: Path) -> dict[str, float]:
    if not results.exists():
        return {}
    content = json.loads(results.read_text(encoding="utf-8"))
    return {name: float(value) for name, value in content.items()}


def _images_of(panels: Path) -> list[Path]:
    images = sorted(panels.glob("*.png"), key=lambda path: -path.stat().st_mtime)
    return images[:NUM_IMAGES]


def page(runs: Sequence[Run], root: Path) -> str:
    """Return the page as HTML; its links are relative to the folder ``root``."""
    rows = "\n".join(_row(run, root) for run in runs)
    heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return PAGE.format(heads=heads, rows=rows, number=len(runs))


COLUMNS = ("run", "task", "choices", "best so far", "test", "steps", "time", "commit", "images")


def _row(run: Run, root: Path) -> str:
    def link(path: Path, text: str) -> str:
        address = quote(Path(os.path.relpath(path, root)).as_posix())
        return f'<a href="{html.escape(address, quote=True)}">{text}</a>'

    name = Path(os.path.relpath(run.folder, root)).as_posix()
    best = "-" if run.best is None else f"{html.escape(run.monitor)} {run.best:.4g}"
    scores = "<br>".join(f"{html.escape(k)} {v:.4g}" for k, v in run.scores.items())
    results = run.folder / "results.md"
    test = f"<details><summary>{len(run.scores)} metrics</summary>{scores}</details>"
    if results.exists():
        test += link(results, "tables")
    images = " ".join(
        link(image, f'<img loading="lazy" alt="{html.escape(image.stem, quote=True)}" src='
             f'"{quote(Path(os.path.relpath(image, root)).as_posix())}">')
        for image in run.images
    )  # fmt: skip
    started = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M")
    cells = (
        f"{link(run.folder, html.escape(name))}<br>{started}",
        html.escape(run.task),
        f"<code>{html.escape(run.choices)}</code>",
        best,
        test if run.scores else "-",
        str(run.step),
        _duration(run.seconds),
        f"<code>{html.escape((run.commit or '-')[:10])}</code>",
        images,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Runs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem }}
tr {{ border-bottom: 1px solid #ddd }}
th {{ position: sticky; top: 0; background: #fff }}
code {{ overflow-wrap: anywhere }}
img {{ height: 72px }}
td:last-child {{ white-space: nowrap }}
input {{ font: inherit; padding: .3rem .5rem; width: 20rem; margin-bottom: .8rem }}
</style>
<h1>{number} runs</h1>
<input id="filter" placeholder="show rows that hold ..." aria-label="filter">
<table><thead><tr>{heads}</tr></thead><tbody>
{rows}
</tbody></table>
<script>
const filter = document.getElementById("filter");
filter.addEventListener("input", () => {{
  for (const row of document.querySelectorAll("tbody tr"))
    row.hidden = !row.textContent.toLowerCase().includes(filter.value.toLowerCase());
}});
</script>
</html>
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the page; return the exit code."""
    parser = CommandParser(
        prog="python -m vision_shared.dashboard",
        description="Write a page of all runs: best metric, time, commit, images.",
    )
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs"))
    parser.add_argument("-o", "--output", type=Path, help="default: RUNS/index.html")
    options = parser.parse_args(arguments)
    output = options.output or options.runs / "index.html"

    def work() -> ExitCode:
        runs = find_runs(options.runs)
        output.parent.mkdir(parents=True, exist_ok=True)
        with new_file(output, overwrite=True) as temporary:
            temporary.write_text(page(runs, output.parent), encoding="utf-8")
        print(f"{output}: {len(runs)} runs")
        return ExitCode.DONE

    return answer(work, lambda line: print(f"dashboard: {line}", file=sys.stderr))


if __name__ == "__main__":
    run_command(main)
