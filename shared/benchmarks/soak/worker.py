"""Reads damaged files, one after another, in a process that may die of them.

worker.py FORMAT FOLDER INPUTS makes a sound sample, prints the files that are to be damaged, reads
it once, then again for every line of its standard input, and prints what became of it as JSON.
"""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, TextIO

from file_samples import Read, all_formats

from vision_shared.inputs import InputError
from vision_shared.prediction import ModelError

FINE, ONE_LINE, SEVERAL, TRACEBACK = "fine", "one line", "several lines", "traceback"


def main() -> None:
    name, folder, inputs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # readers print
    with tempfile.TemporaryFile("w+") as printed:
        os.dup2(printed.fileno(), 1)
        sample = all_formats()[name](folder, inputs)
        os.dup2(printed.fileno(), 2)
        first = outcome(sample.read, printed)
        print(json.dumps({"files": [str(f) for f in sample.files], **first}), file=answers)
        for _ in sys.stdin:
            print(json.dumps(outcome(sample.read, printed)), file=answers)


def outcome(read: Read, printed: TextIO) -> dict[str, Any]:
    """Read; return ``outcome``, one of four, and ``why``."""
    printed.seek(0)
    printed.truncate()
    try:
        code = read()
    except (InputError, ModelError, OSError) as error:
        lines = str(error).count("\n") + 1
        return {"outcome": ONE_LINE if lines == 1 else SEVERAL, "why": str(error)[:300]}
    except SystemExit as error:
        code = int(error.code or 0)
    except Exception as error:
        own = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f[0]]
        at = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
        return {"outcome": TRACEBACK, "why": f"{type(error).__name__} at {at}: {error}"[:300]}
    sys.stdout.flush()
    printed.seek(0)
    said = printed.read().strip()
    return {"outcome": ONE_LINE if code == 2 else FINE, "why": said[-300:]}


if __name__ == "__main__":
    main()
