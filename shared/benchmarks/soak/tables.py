"""Tables of docs/reliability.md, each between two marks that its command writes anew."""

from collections.abc import Iterator, Sequence
from pathlib import Path


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; columns after the second are numbers, on the right."""
    widths = [max(len(cell) for cell in column) for column in zip(heading, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            f"{cell:<{width}}" if place < 2 else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    yield line(heading)
    rules = (
        "-" * width if place < 2 else "-" * (width - 1) + ":" for place, width in enumerate(widths)
    )
    yield f"| {' | '.join(rules)} |"
    yield from map(line, rows)


def write_section(document: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``.

    Raises:
        ValueError: the document has no such marks.
    """
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = document.read_text().partition(first)
    if not found or last not in rest:
        raise ValueError(f"{document}: expected the marks {first.strip()} and {last}")
    document.write_text(f"{before}{first}{text}\n{last}{rest.partition(last)[2]}")
