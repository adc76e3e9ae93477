"""Unpack the photographs of gcompris: python unpack_rcc.py DIR/gcompris-qt-data

Debian's package keeps them in Qt's resource files (rcc), whose tree of names this follows.
"""

import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

ACTIVITIES = "gcompris/src/activities/"
COMPRESSED, FOLDER = 1, 2


def read_rcc(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of a resource file of version 2 or later."""
    _, _, tree, contents, names = struct.unpack(">4sIIII", data[:20])

    def walk(node: int, folder: str) -> Iterator[tuple[str, bytes]]:
        name_at, flags, first, second = struct.unpack_from(">IHII", data, tree + node * 22)
        length = struct.unpack_from(">H", data, names + name_at)[0] if node else 0
        start = names + name_at + 6
        name = folder + data[start : start + 2 * length].decode("utf-16-be")
        if flags & FOLDER:
            for child in range(second, second + first):
                yield from walk(child, name + "/" if node else "")
            return
        at = contents + second  # of a file: country and language, then where its bytes are
        size = struct.unpack_from(">I", data, at)[0]
        content = data[at + 4 : at + 4 + size]
        yield name, zlib.decompress(content[4:]) if flags & COMPRESSED else content

    yield from walk(0, "")


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for path in sorted(root.glob("usr/share/gcompris-qt/rcc/*.rcc")):
        for name, content in read_rcc(path.read_bytes()):
            if name.endswith((".jpg", ".jpeg", ".webp")):
                target = root / name.removeprefix(ACTIVITIES)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
