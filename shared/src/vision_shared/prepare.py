"""What every task's ``data.prepare`` command shares: from a data set's name to data that is read.

python -m TASK.data.prepare [DATA [ROOT]]

A data set that is open to all is fetched; of one behind a form, the command says what to request
where, and takes what the user has put into its folder. Archives are unpacked beside it and moved
there whole; what is there already is left alone, so that the same command goes on after a fault.
"""

# Nothing heavy is imported before the arguments are known to be good: --help has to be quick.
from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

from vision_shared.downloads import File, check_sum, download
from vision_shared.inputs import CommandParser, ExitCode, InputError
from vision_shared.signals import Terminated, ending_signals
from vision_shared.unfinished import unfinished

MAX_RATIO, FREE_BYTES = 20, 2**30
"""An archive may unpack to so many times its size, and a gibibyte besides."""

Check = Callable[[Sequence[str]], int]
"""The main function of a task's ``check_data``."""


@dataclass(frozen=True)
class Source:
    """Where a data set is from.

    Attributes:
        root: folder in which it lies unless another folder is named.
        page: page of its authors.
        licence: terms of its authors, in a few words.
        files: files it consists of.
        request: instructions for one behind a form: what to ask for at the page, and what to put
            into the root.
        convert: ``module:function`` of what is called with the root, once all files are there.
        checks: names of it for ``check_data``, which ends the command; none where nothing reads it.
    """

    root: Path
    page: str
    licence: str
    files: tuple[File, ...]
    request: str | None = None
    convert: str | None = None
    checks: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        """Size of the files, at least, where not all of them are known; ``-`` where none is."""
        sizes = [file.num_bytes for file in self.files]
        num_bytes = sum(size or 0 for size in sizes)
        unit, factor = ("GB", 1e9) if num_bytes >= 1e9 else ("MB", 1e6)
        more = " +" if None in sizes else ""
        return f"{num_bytes / factor:.1f} {unit}{more}" if num_bytes else "-"


def prepare(
    sources: Mapping[str, Source], check: Check | None, arguments: Sequence[str] | None = None
) -> int:
    """Prepare the data set that the command line names; without a name, list them all.

    Args:
        sources: by the names of their data sets.
        check: function that takes the arguments of ``check_data``, name and root.
        arguments: those of the command line; None is the process's own.

    Returns:
        The exit code: that of ``check_data``, or 2 for what could not be prepared.
    """
    options = _parse(sources, arguments)
    if options.data is None:
        _print_list(sources)
        return ExitCode.DONE
    source = sources[options.data]
    root = options.root or source.root
    try:
        with ending_signals():
            prepare_files(source, root, keep=options.keep)
            if source.convert is not None:
                resolve_name(source.convert)(root)
    except KeyboardInterrupt:
        print("prepare: interrupted; the same command goes on", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Terminated as ended:
        print(f"prepare: ended by {ended}; the same command goes on", file=sys.stderr)
        return ended.exit_code
    except InputError as error:
        print(error, file=sys.stderr)
        return ExitCode.NOTHING_DONE
    except OSError as error:
        print(f"{error.filename or root}: {error.strerror or error}", file=sys.stderr)
        return ExitCode.NOTHING_DONE
    codes = [check([name, str(root)]) for name in source.checks] if check else []
    return max(codes, default=ExitCode.DONE)


def prepare_files(source: Source, root: Path, *, keep: bool = False) -> None:
    """Bring the files of a data set into its folder, unpacked.

    Args:
        source: source of the data set.
        root: its folder.
        keep: whether fetched archives stay once they are unpacked; the user's own always do.

    Raises:
        InputError: a file that is neither there nor can be fetched, or is not what it should be.
        OSError: the folder cannot be written to.
    """
    print(f"{source.page}: {source.licence}", flush=True)
    missing = [file for file in source.files if not (root / file.makes).exists()]
    given = {file: _given(file, root) for file in missing}
    absent = [file.name for file in missing if file.address is None and given[file] is None]
    if absent:
        raise InputError(
            f"{root}: without {', '.join(absent)}: at {source.page}, {source.request}; put what "
            f"you get into {root} and repeat the command"
        )
    for file in source.files:
        if file not in missing:
            print(f"{root / file.makes}: there already")
            continue
        own = given[file]
        if own is not None:
            check_sum(file, own)
        fetched = own or _fetch(file, root)
        if file.is_archive:
            _unpack(file, fetched, root)
            if own is None and not keep:
                fetched.unlink()


def _given(file: File, root: Path) -> Path | None:
    """Return the archive where the user, or an earlier command, has put it."""
    if not file.is_archive or not root.is_dir():
        return None
    folders = (root, *(path for path in root.iterdir() if path.is_dir()))
    return next((path for folder in folders if (path := folder / file.name).is_file()), None)


def _fetch(file: File, root: Path) -> Path:
    target = root / (file.name if file.is_archive else file.makes)
    digest = download(file, target)
    unknown = "" if file.digest else ", which its authors do not publish: compare it with others'"
    print(f"{target}: fetched, {digest}{unknown}", flush=True)
    return target


def _unpack(file: File, archive: Path, root: Path) -> None:
    from vision_shared.archives import unpack

    def ask_password() -> str:
        try:
            return getpass.getpass(
                f"password of {archive} (not kept; `unzip` by hand is faster than this): "
            )
        except EOFError as error:
            raise InputError(f"{archive}: its password is asked for in a terminal") from error

    with unfinished(root / file.name) as folder:
        folder.mkdir()
        max_bytes = MAX_RATIO * archive.stat().st_size + FREE_BYTES
        unpack(archive, folder, max_bytes=max_bytes, ask_password=ask_password)
        if file.arrange is not None:
            resolve_name(file.arrange)(folder)
        _move(folder, root, file, archive)
    print(f"{root / file.makes}: unpacked from {archive.name}")


def _move(folder: Path, root: Path, file: File, archive: Path) -> None:
    """Move what was unpacked below the root: what the archive is known by comes last."""
    inside = (path for pattern in ("*/", "*/*/") for path in folder.glob(pattern))
    known = Path(file.makes).relative_to(file.into)
    origin = next((path for path in (folder, *inside) if (path / known).exists()), None)
    if origin is None:
        raise InputError(f"{archive}: holds no {known}: is it another archive of that name?")
    target, last = root / file.into, root / file.makes
    for source, path in sorted(
        _moves(origin, target), key=lambda pair: pair[1] == last or pair[1] in last.parents
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        source.replace(path)


def _moves(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Return what to rename so that a folder is merged into another."""
    if not (source.is_dir() and target.is_dir()):
        return [(source, target)]
    return [pair for path in source.iterdir() for pair in _moves(path, target / path.name)]


def _parse(sources: Mapping[str, Source], arguments: Sequence[str] | None) -> Namespace:
    parser = CommandParser(
        prog="prepare", description="Fetch a data set, unpack and check it; without a name, list."
    )
    parser.add_argument("data", nargs="?", choices=sources, metavar="DATA", help=", ".join(sources))
    parser.add_argument(
        "root", nargs="?", type=Path, metavar="ROOT", help="where it shall lie (else below data/)"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep fetched archives once they are unpacked"
    )
    return parser.parse_args(arguments)


def _print_list(sources: Mapping[str, Source]) -> None:
    from vision_shared.tables import Table, print_tables

    rows = [
        [name, source.size, "form" if source.request else "open", source.licence]
        for name, source in sources.items()
    ]
    columns = ["data set", "download", "access", "licence"]
    print_tables([Table("data sets: prepare DATA [ROOT]", columns, rows)])
