"""Console command ``segmentation``."""

from typing import NoReturn

from vision_shared.console import run_console

COMMANDS = {
    "validate": "segmentation.validate",
    "calibrate": "segmentation.calibrate",
    "submit": "segmentation.submit",
    "import-weights": "segmentation.import_weights",
    "check-data": "segmentation.check_data",
    "prepare-data": "segmentation.data.prepare",
}
"""Commands besides those of every task."""


def main() -> NoReturn:
    """Run the command that the command line names."""
    run_console("segmentation", COMMANDS)


if __name__ == "__main__":
    main()
