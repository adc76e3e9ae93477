"""Three real photographs through VOC's reader: python segmentation/benchmarks/voc_examples.py

They come, with masks in VOC's classes, in Debian's package labelme-examples (9.7 MB), which is
fetched once and arranged as a small VOC 2012; nothing of it is part of this repository.
"""

import argparse
import hashlib
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import IO

from segmentation.data.sets import SegmentationSet
from segmentation.data.voc import voc_set
from vision_shared.inputs import InputError, check_input, new_folder
from vision_shared.tables import Table, print_tables

MIRROR = "https://deb.debian.org/debian"
PACKAGE = "pool/main/l/labelme/labelme-examples_5.1.1-1_all.deb"  # of Debian 12
SHA256 = "acf0f5be435c8899098397eb9f0e46b4c1be080e0c1202f128609d6391179e23"
INSIDE = "usr/share/doc/labelme-examples/examples/semantic_segmentation/data_dataset_voc"
NAMES = ("2011_000003", "2011_000006", "2011_000025")
FILES = {
    **{f"JPEGImages/{name}.jpg": f"JPEGImages/{name}.jpg" for name in NAMES},
    **{f"SegmentationClassPNG/{name}.png": f"SegmentationClass/{name}.png" for name in NAMES},
}
"""Their paths in VOC2012, by those in the package."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Read three real photographs of VOC.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="default: data")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--deb", type=Path, help="the package, where it is at hand")
    source.add_argument("--folder", type=Path, help="where the package is unpacked, / if installed")
    parser.add_argument("--mirror", default=MIRROR, help=f"of Debian; default: {MIRROR}")
    options = parser.parse_args()
    root = options.data / "segmentation" / "voc-examples"
    try:
        if not (root / "VOCdevkit").is_dir():
            arrange(root, find_files(options))
        part = voc_set(root, "val")
        part.check()
        print_tables([measure(part, root)])
    except (InputError, OSError) as error:
        print(f"voc_examples: {error}", file=sys.stderr)
        return 2
    return 0


def measure(part: SegmentationSet, root: Path) -> Table:
    """Read every photograph and its mask; name the classes in it."""
    rows = []
    for index, sample in enumerate(part.samples):
        image, mask = part.read(index)
        shares = {name: (mask == number).mean() for number, name in enumerate(part.classes.names)}
        seen = ", ".join(f"{name} {share:.1%}" for name, share in shares.items() if share)
        height, width = image.shape[:2]
        rows.append([sample.name, f"{width}x{height}", f"{(mask == 255).mean():.1%}", seen])
    return Table("Three photographs of VOC", ["", "pixels", "ignored", "classes"], rows, str(root))


def find_files(options: argparse.Namespace) -> dict[str, bytes]:
    """The contents of images and masks, by their path in VOC2012.

    Raises:
        InputError: no network, or another package than expected.
    """
    if options.folder is not None:
        paths = {new: options.folder / INSIDE / old for old, new in FILES.items()}
        for path in paths.values():
            check_input(path, "image")
        return {new: path.read_bytes() for new, path in paths.items()}
    with tempfile.TemporaryFile() as file:
        file.write(options.deb.read_bytes() if options.deb else download(options.mirror))
        find_data(file)
        return unpack(file)


def arrange(root: Path, files: dict[str, bytes]) -> None:
    with new_folder(root) as temporary:
        folder = temporary / "VOCdevkit" / "VOC2012"
        names = "".join(f"{name}\n" for name in NAMES).encode()
        lists = {f"ImageSets/Segmentation/{split}.txt": names for split in ("train", "val")}
        for path, content in {**files, **lists}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def download(mirror: str) -> bytes:
    url = f"{mirror}/{PACKAGE}"
    print(f"fetching {url} (9.7 MB)", flush=True)
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            content = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise InputError(f"{url}: {error}; try another --mirror, or --deb FILE") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(f"{url}: another file than expected; try another --mirror")
    return content


def find_data(file: IO[bytes]) -> None:
    """Move to data.tar.xz in a .deb: an ar archive, 8 bytes and then 60 before each member."""
    file.seek(8)
    while header := file.read(60):
        if header.startswith(b"data.tar.xz"):
            return
        size = int(header[48:58])
        file.seek(size + size % 2, 1)
    raise InputError("expected data.tar.xz in the package, found none")


def unpack(file: IO[bytes]) -> dict[str, bytes]:
    names = {str(PurePosixPath(INSIDE) / old): new for old, new in FILES.items()}
    files = {}
    with tarfile.open(fileobj=file, mode="r|xz") as archive:
        for member in archive:
            new = names.get(member.name.removeprefix("./"))
            content = archive.extractfile(member) if new else None
            if new and content:
                files[new] = content.read()
    if len(files) < len(names):
        raise InputError(f"expected {len(names)} files below {INSIDE}, found {len(files)}")
    return files


if __name__ == "__main__":
    sys.exit(main())
