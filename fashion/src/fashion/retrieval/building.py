"""Adding folders of images to an index, and making a large one quick."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from fashion.garment import Garment, Picture, Recogniser, whole_picture
from fashion.retrieval.exact import find_faiss
from fashion.retrieval.inverted import LISTS_FROM, SAMPLE, InvertedIndex
from fashion.retrieval.stamps import FileStamp
from fashion.retrieval.storage import IndexFiles, Inverted
from fashion.retrieval.thumbnails import crop_box
from fashion.retrieval.writing import Entry, IndexWriter
from vision_shared.folders import find_files
from vision_shared.images import READABLE, read_image
from vision_shared.inputs import ExitCode, InputError, process_each
from vision_shared.progress import show_progress

COMMITTED = 32
"""Images between two points to which a command that is killed goes back."""

MIN_GROWTH = 0.1
"""Share of garments outside the approximate index from which on it is made again."""


def find_pictures(paths: Iterable[Path], index: Path, report: Callable[[str], None]) -> list[Path]:
    """Return all images in folders and the folders in them, but those of an index.

    Args:
        paths: files and folders that the user named; see `vision_shared.folders.find_files`.
        index: the index's folder.
        report: function that takes a line for the user about what was found in a folder, or left
            out.

    Raises:
        InputError: a path is not there, or a folder holds no image.
    """
    pictures = dict[Path, None]()
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if not path.is_dir():
            pictures[real_name(path)] = None
            continue
        found = find_files(path, READABLE, index)
        if not found.files:
            raise InputError(f"{path}: a folder without an image in it")
        if found.notice is not None:
            report(found.notice)
        pictures |= dict.fromkeys(real_name(file) for file in found.files)
    return list(pictures)


def real_name(path: Path) -> Path:
    """Return what an index calls a file: one name, whichever links to its folder led there."""
    return _real_folder(path.parent) / path.name


@lru_cache(maxsize=1024)
def _real_folder(folder: Path) -> Path:
    return folder.resolve()


class PictureAdder:
    """Adds the garments of images to an index, some images at a time.

    Args:
        writer: writer of the index.
        recogniser: recogniser that finds and describes them.
    """

    def __init__(self, writer: IndexWriter, recogniser: Recogniser) -> None:
        self._writer = writer
        self._recogniser = recogniser
        self._waiting: list[Entry] = []
        self._pictures = 0

    def add(self, path: Path) -> None:
        """Look at an image.

        Raises:
            InputError: it cannot be read, or there is no garment in it.
        """
        stamp = FileStamp.of(path)  # first: what replaces the file from here on is noticed later
        image = read_image(path)
        garments = recognise(self._recogniser, image, whole=self._writer.manifest.whole)
        if not garments:
            raise InputError(f"{path}: no garment was found in it")
        self._waiting += [Entry(str(path), stamp, g, crop_box(image, g.box)) for g in garments]
        self._pictures += 1
        if self._pictures % COMMITTED == 0:
            self.flush()

    def flush(self) -> None:
        """Make what was looked at count."""
        self._writer.add(self._waiting)
        self._waiting = []


def recognise(recogniser: Recogniser, image: Picture, *, whole: bool) -> list[Garment]:
    """Return an image's garments, found, or the one that the whole image is."""
    return recogniser(image, whole_picture(image)) if whole else recogniser(image)


def add_pictures(
    writer: IndexWriter,
    recogniser: Recogniser,
    pictures: Sequence[Path],
    report: Callable[[str], None],
) -> ExitCode:
    """Add images, with a progress bar; what cannot be used is reported and counted."""
    adder = PictureAdder(writer, recogniser)
    with show_progress(writer.folder.name, len(pictures), "images") as advance:

        def process(path: Path) -> None:
            try:
                adder.add(path)
            finally:
                advance()

        code = process_each(pictures, process, report)
    adder.flush()
    return code


def known_pictures(files: IndexFiles) -> dict[str, FileStamp | None]:
    """Return the images that have a garment in an index, as they were then, where it is known."""
    return {line["file"]: FileStamp.read(line) for line in files.all_lines()}


def update_known(
    writer: IndexWriter,
    pictures: Sequence[Path],
    inputs: Iterable[Path],
    report: Callable[[str], None],
) -> list[Path]:
    """Remove the garments of images that were replaced; return the images to be added.

    Those that are gone are reported alone: perhaps a disk is not there.

    Args:
        writer: writer of the index.
        pictures: images that are there, of `find_pictures`.
        inputs: the folders that they were looked for in.
        report: function that takes a line for the user.
    """
    known = known_pictures(IndexFiles(writer.folder))
    there = {str(path) for path in pictures}
    replaced = [
        name
        for name, stamp in known.items()
        if name in there and stamp and stamp.change(Path(name))
    ]
    roots = [path.resolve() for path in inputs]
    gone = [
        name
        for name in known
        if not Path(name).exists() and any(Path(name).is_relative_to(root) for root in roots)
    ]
    if replaced:
        report(f"{_some(replaced)} replaced since the index has them; they are looked at again")
        remove_pictures(writer, [Path(name) for name in replaced])
    if gone:
        report(
            f"{_some(gone)} there no more, their garments still are: "
            f"`python -m fashion.index remove {writer.folder} PATH...`"
        )
    return [path for path in pictures if str(path) not in known or str(path) in set(replaced)]


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} images ({listed}) are" if len(names) > 1 else f"1 image ({listed}) is"


def remove_pictures(writer: IndexWriter, paths: Collection[Path]) -> int:
    """Remove the garments of images and of folders' images; return how many.

    Raises:
        InputError: the index has nothing of one of the paths.
    """
    lines = [Path(line["file"]) for line in IndexFiles(writer.folder).all_lines()]
    leaves = np.zeros(len(lines), bool)
    for path in paths:
        wanted = {real_name(path), path.resolve()}
        concerned = [not wanted.isdisjoint((file, *file.parents)) for file in lines]
        if not any(concerned):
            raise InputError(f"{path}: {writer.folder} has no garment of it")
        leaves |= concerned
    writer.remove(leaves)
    return int(leaves.sum())


def finish(writer: IndexWriter, lists_from: int = LISTS_FROM, sample: int = SAMPLE) -> str:
    """Make or leave the approximate index; return a line about how the index is searched.

    Args:
        writer: writer of the index.
        lists_from: garments from which on search is approximate.
        sample: garments that its recall is measured on.
    """
    writer.set_unfinished(())
    files, faiss = IndexFiles(writer.folder), find_faiss()
    number = len(files)
    if number < lists_from or faiss is None:
        if writer.manifest.inverted is not None and number < lists_from:
            writer.set_inverted(None)
        remedy = "; `pip install faiss-cpu` for approximate search" if number >= lists_from else ""
        return f"{number} garments, searched exactly{remedy}"
    settings = writer.manifest.inverted
    if settings is None or _outside(files, settings) > MIN_GROWTH * number:
        settings = _make_lists(writer, files, faiss, sample)
    if settings is None:
        return f"{number} garments, searched exactly: they are too unlike for approximate search"
    return (
        f"{number} garments; approximate search looks into {settings.num_probes} of "
        f"{settings.num_lists} lists and finds the nearest other garment of "
        f"{100 * settings.recall:.1f} % of {min(sample, number // 2)} garments of this index, "
        "compared with exact search"
    )


def _make_lists(
    writer: IndexWriter, files: IndexFiles, faiss: object, sample: int
) -> Inverted | None:
    ids = files.rows["id"].copy()
    manifest = writer.manifest
    name = f"inverted.{manifest.generation}.{manifest.next_id}.lists"
    path = writer.folder / name
    index = InvertedIndex.build(path, files.vector_blocks, ids, manifest.dimension, faiss)
    recall = index.tune(files.vector_blocks, ids, sample)
    if recall is None:
        writer.set_inverted(None)  # which removes the file
        return None
    settings = Inverted(name, manifest.next_id, index.num_lists, index.num_probes, recall)
    writer.set_inverted(settings)
    return settings


def _outside(files: IndexFiles, settings: Inverted) -> int:
    return int((files.rows["id"] >= settings.covers).sum())
