"""How a checkpoint reaches the disk: whole or not at all, whatever happens meanwhile."""

import io
import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from vision_shared.inputs import new_file


class AtomicCheckpointIO(TorchCheckpointIO):
    """Save beside the target and rename; what had the name before survives every failure.

    Lightning's own saves to TMPDIR and moves, which is a copy where that is another file system:
    a half-written checkpoint under its final name, or a torn one in the place of a good one.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint; it is on the disk, not in a cache, when this returns.

        Raises:
            OSError: it could not be written, a full disk for example; names ``path``.
        """
        if storage_options is not None:
            raise ValueError(f"expected no storage options, got {storage_options!r}")
        content = io.BytesIO()  # torch.save hides the errors of a disk that it writes to
        torch.save(checkpoint, content)
        path = Path(path)
        try:
            with new_file(path, overwrite=True) as temporary, temporary.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, a renamed file's for example."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
