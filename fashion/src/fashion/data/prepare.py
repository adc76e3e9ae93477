"""Fetch, unpack and check a data set: python -m fashion.data.prepare [DATA [ROOT]]"""

from collections.abc import Sequence

from fashion.check_data import main as check_data
from fashion.data.sources import SOURCES
from vision_shared.commands import run_command
from vision_shared.prepare import prepare


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare what the command line names; return the exit code: 0, or 2 for any fault."""
    return prepare(SOURCES, check_data, arguments)


if __name__ == "__main__":
    run_command(main)
