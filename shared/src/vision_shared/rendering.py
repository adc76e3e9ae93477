"""Folders of rendered data: made once, whole or not at all, and again where the recipe changed."""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from vision_shared.inputs import InputError, replace_folder
from vision_shared.unfinished import try_lock, unfinished

RECIPE = "recipe.json"

log = logging.getLogger(__name__)

_in_use: dict[Path, int] = {}
"""The recipes of the data that this process reads, by folder: files kept open, and locked so that
no other process replaces the data."""

_closed: ContextVar[Collection[Path]] = ContextVar("closed", default=())


@contextmanager
def nothing_rendered_in(folders: Collection[Path]) -> Iterator[None]:
    """Render nothing into these folders, which somebody else's file names, within the block."""
    token = _closed.set([folder.absolute() for folder in folders])
    try:
        yield
    finally:
        _closed.reset(token)


def render_once(
    folder: Path, recipe: str, render: Callable[[Path], None], number: int, what: str
) -> None:
    """Render data into a folder that does not hold just this.

    The folder appears whole or not at all. One with another recipe is replaced, unless another
    process that asked for it still runs. Of processes that ask at once one renders.

    Args:
        folder: folder of the data.
        recipe: description of the data, as text; it is kept in the folder's recipe.json.
        render: renders it into a new folder, which is there.
        number: number of images that are rendered.
        what: it is, e.g. ``scenes``.

    Raises:
        InputError: the folder holds something else than rendered data, is in use, or is one in
            which nothing may be rendered.
    """
    folder = folder.absolute()
    if not _holds(folder, recipe):
        if folder in _closed.get():
            raise InputError(
                f"{folder}: does not hold the {what} that the checkpoint names there; render them "
                f"with data.folder={folder}, or name another folder"
            )
        _check_replaceable(folder, what)
        with _one_at_a_time(folder, what):
            if not _holds(folder, recipe):  # else another process has just rendered it
                log.info("rendering %d %s into %s", number, what, folder)
                with unfinished(folder) as temporary:
                    temporary.mkdir()
                    render(temporary)
                    (temporary / RECIPE).write_text(recipe)
                    _check_replaceable(folder, what)
                    replace_folder(folder, temporary)
    _use(folder)


class PeopleRecipe(Protocol):
    """A data set of `synthetic_people` in a task's layout."""

    def text(self) -> str:
        """Return the content of recipe.json."""
        ...

    def number(self) -> int:
        """Return the number of images of people."""
        ...

    def write(self, folder: Path, sets: Path) -> None:
        """Write the data set into a new folder from samples that `sets` keeps."""
        ...


def render_people(folder: Path, recipe: PeopleRecipe, sets: Path) -> None:
    """Write synthetic people into a folder that does not hold just these.

    Args:
        folder: folder of the data set; it appears whole or not at all, one of another recipe is
            replaced.
        recipe: content of the data set.
        sets: folder of rendered samples, in shards: an interrupted rendering goes on from there.

    Raises:
        InputError: the folder holds something else than synthetic people, or no photographs.
    """
    render_once(
        folder, recipe.text(), lambda new: recipe.write(new, sets), recipe.number(), "people"
    )


@contextmanager
def renderer_errors() -> Iterator[None]:
    """Report what the renderer refuses, a folder of photographs for example, as an InputError."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise InputError(str(error)) from None


def _holds(folder: Path, recipe: str) -> bool:
    path = folder / RECIPE
    return path.exists() and path.read_text() == recipe


def _check_replaceable(folder: Path, what: str) -> None:
    path = folder / RECIPE
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise InputError(
                f"{folder}: holds no rendered {what}, and is not overwritten: name another "
                "data.folder"
            )
        return
    _stop_using(folder)
    recipe = os.open(path, os.O_RDWR)
    try:
        if try_lock(recipe) is False:
            raise InputError(
                f"{folder}: holds {what} of another recipe that another process reads: wait for "
                "it, or name another data.folder"
            )
    finally:
        os.close(recipe)


def _use(folder: Path) -> None:
    _stop_using(folder)
    _in_use[folder] = os.open(folder / RECIPE, os.O_RDONLY)
    try_lock(_in_use[folder], shared=True)


def _stop_using(folder: Path) -> None:
    if folder in _in_use:
        os.close(_in_use.pop(folder))


@contextmanager
def _one_at_a_time(folder: Path, what: str) -> Iterator[None]:
    """Wait until no other process renders into a folder; have others wait during the block."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path, waits = folder.with_name(f".{folder.name}.lock"), False
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        is_free = try_lock(lock) is not False
        if is_free and _is_open_at(lock, path):  # else its last holder has removed it
            break
        os.close(lock)
        if not is_free:
            if not waits:
                log.info("waiting: another process renders %s into %s", what, folder)
            waits = True
            time.sleep(0.2)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _is_open_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
