"""Console command ``fashion``."""

from typing import NoReturn

from vision_shared.console import run_console

COMMANDS = {
    "index": "fashion.index",
    "search": "fashion.search",
    "spot": "fashion.spot",
    "check-data": "fashion.check_data",
    "prepare-data": "fashion.data.prepare",
}
"""Commands besides those of every task."""


def main() -> NoReturn:
    """Run the command that the command line names."""
    run_console("fashion", COMMANDS)


if __name__ == "__main__":
    main()
