"""Words that the packages avoid, and the standard terms to use instead: ``python docs/words.py``.

All text of the sources is searched for `WORDS`, and what each command prints for ``--help`` for
`HELP`, too.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent

NO_NOUN = "of|what|where|how|who|which|from|that|takes|whose|returns"
WORDS = {
    r"\blearnt\b": "learned",
    r"\bsurest\b": "sorted by score, descending",
    r"(?<!\")\bnobody\b(?![\".])": "no one",
    r"\banew\b": "again",
    r"\bbest first\b": "sorted by score, descending",
    r"\bmost_named\b": "max_names",
    r"\bleast_(score|sightings|parts)\b(?![`\"])": "min_...",
    r"\bLEAST_\w+": "MIN_...",
    r"\bpictures_per_\w+(?!\")\b": "images_per_...",
    rf"^ {{8,}}(?!\w*Error)\w+: ({NO_NOUN}) \w": "a noun first",
}
HELP = {
    r"(?i)\bpictures?\b": "image",
    r"(?i)\b(told|tells?|said|says?)\b": "predicted, reported",
    r"(?i)\banswers?\b": "prediction, output",
    r"(?i)\basks?\b": "requires",
    r"(?i)\blook(s|ed)?\b": "has, detect, process",
    r"(?i)\bplaces?\b": "position, coordinates",
    r"(?i)\bleast\b": "min, lowest",
}
MAIN = 'if __name__ == "__main__"'
WITHOUT_HELP = ("console.py", "isolation.py", "threads.py")


def main() -> int:
    """Print each hit with its line; return 1 if there is one."""
    hits = [hit for path in sorted(ROOT.glob("**/src/**/*.py")) for hit in _hits_of_file(path)]
    print("\n".join(hits) if hits else "no word to avoid")
    return int(bool(hits))


def _hits_of_file(path: Path) -> Iterator[str]:
    name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    if path.name != "renamed_keys.py":
        yield from _hits(name, text, WORDS)
    if MAIN in text and path.name not in WITHOUT_HELP:
        module = name.partition("src/")[2].removesuffix(".py").replace("/", ".")
        yield from _hits(f"{module} --help", _help(module), WORDS | HELP)


def _help(module: str) -> str:
    command = [sys.executable, "-m", module.removesuffix(".__main__"), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _hits(name: str, text: str, words: Mapping[str, str]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, term in words.items():
            if found := re.search(pattern, line):
                yield f"{name}:{number}: {found[0]!r}: use {term!r}"


if __name__ == "__main__":
    sys.exit(main())
