"""Console command ``voxel-flow``."""

from typing import NoReturn

from vision_shared.console import run_console

COMMANDS = {
    "check-data": "voxel_flow.check_data",
    "prepare-data": "voxel_flow.data.prepare",
    "blink": "voxel_flow.blink",
    "features": "voxel_flow.features",
    "import-weights": "voxel_flow.import_weights",
    "study": "voxel_flow.study",
}
"""Commands besides those of every task."""


def main() -> NoReturn:
    """Run the command that the command line names."""
    run_console("voxel-flow", COMMANDS)


if __name__ == "__main__":
    main()
