"""Result tables: printed at the end of a run, written beside it, pasted into the docs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """Rows of results under a title.

    Attributes:
        title: name of what was measured.
        columns: one name per column; the first column names the row.
        rows: one cell per column; numbers come formatted, to the digits that mean something.
        note: note below the table: on what data, under which protocol.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """Return the table as Markdown, its title in bold above it, its note below."""
        lines = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        body = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        note = f"\n{self.note}\n" if self.note else ""
        return f"**{self.title}**\n\n{body}\n{note}"


def print_tables(tables: Iterable[Table], console: Console | None = None) -> None:
    """Print tables for a person to read, on a terminal as in a log."""
    console = console or Console()
    if not console.is_terminal:
        console.width = 120  # a log has no width of its own; rich would cut cells at 80
    for table in tables:
        console.print(f"\n[bold]{escape(table.title)}[/bold]", highlight=False)
        drawn = RichTable(box=SIMPLE_HEAD)
        for index, column in enumerate(table.columns):
            drawn.add_column(escape(column), justify="right" if index else "left", no_wrap=True)
        for row in table.rows:
            drawn.add_row(*(escape(cell) for cell in row))
        console.print(drawn)
        if table.note:
            console.print(f"[dim]{escape(table.note)}[/dim]", highlight=False)
