"""Adding folders of pictures to an index, and making a large one quick."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from fashion.garment import Garment, Picture, Recogniser, whole_picture
from fashion.retrieval.exact import find_faiss
from fashion.retrieval.inverted import LISTS_FROM, SAMPLE, InvertedIndex
from fashion.retrieval.storage import IndexFiles, Inverted
from fashion.retrieval.thumbnails import cut_out
from fashion.retrieval.writing import Entry, IndexWriter
from vision_shared.images import READABLE, read_image
from vision_shared.inputs import ExitCode, InputError, process_each
from vision_shared.progress import show_progress

COMMITTED = 32
"""Pictures between two points to which a command that is killed goes back."""

LEAST_GROWTH = 0.1
"""Share of garments outside the approximate index from which on it is made anew."""


def find_pictures(paths: Iterable[Path], index: Path) -> list[Path]:
    """Return all pictures in folders and the folders in them, but those of an index, sorted.

    Raises:
        InputError: a path is not there, or a folder holds no picture.
    """
    index, found = index.resolve(), dict[Path, None]()
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        path = path.resolve()
        inside = [path] if path.is_file() else sorted(path.rglob("*"))
        pictures = [file for file in inside if path.is_file() or _is_picture(file, path)]
        pictures = [file for file in pictures if not file.is_relative_to(index)]
        if not pictures:
            raise InputError(f"{path}: a folder without a picture in it")
        found |= dict.fromkeys(pictures)
    return list(found)


def _is_picture(file: Path, root: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return file.suffix.lower() in READABLE and not is_hidden and file.is_file()


def indexed_files(files: IndexFiles) -> set[str]:
    """Return the pictures that have a garment in an index."""
    return {line["file"] for line in files.all_lines()}


class PictureAdder:
    """Adds the garments of pictures to an index, some pictures at a time.

    Args:
        writer: of the index.
        recogniser: finds and describes them.
    """

    def __init__(self, writer: IndexWriter, recogniser: Recogniser) -> None:
        self._writer = writer
        self._recogniser = recogniser
        self._waiting: list[Entry] = []
        self._pictures = 0

    def add(self, path: Path) -> None:
        """Look at a picture.

        Raises:
            InputError: it cannot be read, or there is no garment in it.
        """
        image = read_image(path)
        garments = recognise(self._recogniser, image, whole=self._writer.manifest.whole)
        if not garments:
            raise InputError(f"{path}: no garment was found in it")
        self._waiting += [Entry(str(path), g, cut_out(image, g.box)) for g in garments]
        self._pictures += 1
        if self._pictures % COMMITTED == 0:
            self.flush()

    def flush(self) -> None:
        """Make what was looked at count."""
        self._writer.add(self._waiting)
        self._waiting = []


def recognise(recogniser: Recogniser, image: Picture, *, whole: bool) -> list[Garment]:
    """Return a picture's garments, found, or the one that the whole picture is."""
    return recogniser(image, whole_picture(image)) if whole else recogniser(image)


def add_pictures(
    writer: IndexWriter,
    recogniser: Recogniser,
    pictures: Sequence[Path],
    report: Callable[[str], None],
) -> ExitCode:
    """Add pictures, with a progress bar; what cannot be used is reported and counted."""
    adder = PictureAdder(writer, recogniser)
    with show_progress(writer.folder.name, len(pictures), "pictures") as advance:

        def process(path: Path) -> None:
            try:
                adder.add(path)
            finally:
                advance()

        code = process_each(pictures, process, report)
    adder.flush()
    return code


def remove_pictures(writer: IndexWriter, paths: Collection[Path]) -> int:
    """Remove the garments of pictures and of folders' pictures; return how many.

    Raises:
        InputError: the index has nothing of one of the paths.
    """
    wanted = [path.resolve() for path in paths]
    lines = [Path(line["file"]) for line in IndexFiles(writer.folder).all_lines()]
    leaves = np.zeros(len(lines), bool)
    for path in wanted:
        concerned = [file.is_relative_to(path) for file in lines]
        if not any(concerned):
            raise InputError(f"{path}: {writer.folder} has no garment of it")
        leaves |= concerned
    writer.remove(leaves)
    return int(leaves.sum())


def finish(writer: IndexWriter, lists_from: int = LISTS_FROM, sample: int = SAMPLE) -> str:
    """Make or leave the approximate index; return a line about how the index is searched.

    Args:
        writer: of the index.
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
    if settings is None or _outside(files, settings) > LEAST_GROWTH * number:
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
