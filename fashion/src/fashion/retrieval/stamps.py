"""What an image's file was when it was indexed, to notice that another has taken its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

KEY = "stamp"
"""Of a garment's line in an index."""

Change = Literal["replaced", "missing"]


@dataclass(frozen=True)
class FileStamp:
    """A file at a time.

    Attributes:
        size: bytes.
        modified: nanoseconds since 1970.
        digest: SHA-256 of its content, in hexadecimal.
    """

    size: int
    modified: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return what a file is now.

        Raises:
            OSError: it cannot be read.
        """
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns, _digest(path))

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self | None:
        """Return the stamp in a garment's line; indexes of earlier versions have none."""
        return cls(*line[KEY]) if KEY in line else None

    def write(self) -> dict[str, Any]:
        """Return what a garment's line keeps."""
        return {KEY: [self.size, self.modified, self.digest]}

    def change(self, path: Path) -> Change | None:
        """Return what became of the file; one that was only touched, or copied, is the same."""
        try:
            stat = path.stat()
            if (stat.st_size, stat.st_mtime_ns) == (self.size, self.modified):
                return None
            is_same = stat.st_size == self.size and _digest(path) == self.digest
        except OSError:
            return "missing"
        return None if is_same else "replaced"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
