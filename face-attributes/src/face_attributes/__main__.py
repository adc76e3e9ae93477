"""Console command ``face-attributes``."""

from typing import NoReturn

from vision_shared.console import run_console

COMMANDS = {
    "neurons": "face_attributes.neurons",
    "check-data": "face_attributes.check_data",
    "prepare-data": "face_attributes.data.prepare",
}
"""Commands besides those of every task."""


def main() -> NoReturn:
    """Run the command that the command line names."""
    run_console("face-attributes", COMMANDS)


if __name__ == "__main__":
    main()
