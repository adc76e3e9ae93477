"""Words that the packages avoid, and the standard terms to use instead: ``python docs/words.py``.

All text of the sources is searched, and for `HELP` what ``--help`` prints.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

WORDS = {
    r"\blearnt": "learned",
    r"\bsurest": "sorted by score, descending",
    r"(?<!\")\bnobody\b(?![\".])": "no one",
    r"\bbegins anew": "is reinitialised",
    r"\bmost_named\b": "max_names",
    r"\bleast_sightings\b": "min_track_length",
}
HELP = {
    r"(?i)\bpictures?\b": "image",
    r"\btold\b": "predicted, reported",
    r"\banswers?\b": "prediction, output",
}
PARSERS = ("predict_parser", "validation_parser")


def main() -> int:
    """Print each hit with its line; return 1 if there is one."""
    hits = [hit for path in sorted(ROOT.glob("**/src/**/*.py")) for hit in _hits(path)]
    print("\n".join(hits) if hits else "no word to avoid")
    return int(bool(hits))


def _hits(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    helped = {line for node in _help_nodes(ast.parse(text)) for line in _lines_of(node)}
    for number, line in enumerate(lines, 1):
        for pattern, term in (WORDS | HELP if number in helped else WORDS).items():
            if found := re.search(pattern, line):
                yield f"{path.relative_to(ROOT)}:{number}: {found[0]!r}: use {term!r}"


def _help_nodes(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EPILOG":
            yield node.value
        if isinstance(node, ast.Call):
            yield from (k.value for k in node.keywords if k.arg in ("help", "description"))
            if getattr(node.func, "id", "") in PARSERS:
                yield from node.args


def _lines_of(node: ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


if __name__ == "__main__":
    sys.exit(main())
