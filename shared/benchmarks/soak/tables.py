"""Tables of docs/reliability.md, each between two marks that its command writes again."""

from collections.abc import Iterator, Sequence
from pathlib import Path


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; columns of numbers are on the right."""
    columns = list(zip(heading, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    is_number = [all(cell.isdigit() for cell in column[1:]) for column in columns]
    rules = [
        "-" * (width - 1) + (":" if is_right else "-")
        for width, is_right in zip(widths, is_number, strict=True)
    ]
    for cells in (heading, rules, *rows):
        padded = (
            f"{cell:>{width}}" if is_right else f"{cell:<{width}}"
            for cell, width, is_right in zip(cells, widths, is_number, strict=True)
        )
        yield f"| {' | '.join(padded)} |"


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
