"""Folders of rendered data: made once, whole or not at all, and anew where the recipe changed."""

import logging
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from vision_shared.inputs import InputError

RECIPE = "recipe.json"

log = logging.getLogger(__name__)

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

    The folder appears whole or not at all. One with another recipe is replaced.

    Args:
        folder: of the data.
        recipe: what is rendered, as text; it is kept in the folder's recipe.json.
        render: renders it into a new folder, which is there.
        number: of what is rendered.
        what: it is, e.g. ``scenes``.

    Raises:
        InputError: the folder holds something else than rendered data, or is one in which nothing
            may be rendered.
    """
    if _holds(folder, recipe):
        return
    if folder.absolute() in _closed.get():
        raise InputError(
            f"{folder}: does not hold the {what} that the checkpoint names there; render them with "
            f"data.folder={folder}, or name another folder"
        )
    if folder.exists() and not (folder / RECIPE).exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder}: holds no rendered {what}, and is not overwritten: name another data.folder"
        )
    log.info("rendering %d %s into %s", number, what, folder)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir(parents=True)
        render(temporary)
        (temporary / RECIPE).write_text(recipe)
        if not _holds(folder, recipe):  # else another process was faster, and may read it
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _holds(folder: Path, recipe: str) -> bool:
    path = folder / RECIPE
    return path.exists() and path.read_text() == recipe
