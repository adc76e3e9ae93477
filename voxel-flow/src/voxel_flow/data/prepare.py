"""Fetch, unpack and check a data set: python -m voxel_flow.data.prepare [DATA [ROOT]]"""

from collections.abc import Sequence

from vision_shared.commands import run_command
from vision_shared.prepare import prepare
from voxel_flow.check_data import main as check_data
from voxel_flow.data.sources import SOURCES


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare what the command line names; return the exit code: 0, or 2 for any fault."""
    return prepare(SOURCES, check_data, arguments)


if __name__ == "__main__":
    run_command(main)
