"""The files of folders as phones, Macs and shops leave them, and names for what they become."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vision_shared.inputs import InputError

NOT_THE_USERS = frozenset({"__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini"})
"""What Macs, network drives and Windows put beside a user's files; they hide the rest themselves:
``._photo.jpg`` and ``.thumbnails`` begin with a dot."""


@dataclass
class FolderFiles:
    """Files in a folder and the folders in it.

    Attributes:
        folder: folder to use.
        files: those that were looked for: of a folder by name, then those of the folders in it;
            what links lead to comes last.
        others: number of others, by suffix; hidden ones do not count.
        num_folders: number of folders that were looked into.
        links: links to folders that were followed.
        repeated: links to folders that were looked into already, as in a cycle.
    """

    folder: Path
    files: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    num_folders: int = 0
    links: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)

    @property
    def notice(self) -> str | None:
        """One line about what goes without saying of no folder; None where nothing does."""
        parts = []
        if self.num_folders > 1:
            parts.append(f"{_count(len(self.files), 'file')} in {self.num_folders} folders")
        if self.links:
            parts.append(f"{_count(len(self.links), 'link')} to a folder followed")
        if self.repeated:
            again = f"{_count(len(self.repeated), 'link')} to a folder that was read already"
            parts.append(f"{again} left out ({self.repeated[0]})")
        if self.others:
            suffixes = ", ".join(sorted(suffix or "no suffix" for suffix in self.others))
            parts.append(f"{_count(self.others.total(), 'other file')} left out ({suffixes})")
        return f"{self.folder}: {'; '.join(parts)}" if parts else None


def find_files(folder: Path, suffixes: Collection[str], skip: Path | None = None) -> FolderFiles:
    """Find files in a folder, in the folders in it, and in those that links lead to.

    Each folder is looked into once, under its own name where it has one below ``folder``.

    Args:
        folder: folder to use.
        suffixes: suffixes of the files, in lower case.
        skip: a folder that is left out with all in it: the output, say.
    """
    walk = _Walk(FolderFiles(folder), suffixes, None if skip is None else skip.resolve())
    walk.visit(folder)
    while walk.waiting:
        walk.visit(walk.waiting.pop(0))
    return walk.found


@dataclass
class _Walk:
    found: FolderFiles
    suffixes: Collection[str]
    skip: Path | None
    seen: set[Path] = field(default_factory=set)
    waiting: list[Path] = field(default_factory=list)  # links

    def visit(self, folder: Path) -> None:
        real, is_root = folder.resolve(), folder == self.found.folder
        if real == self.skip and not is_root:
            return
        if real in self.seen:
            self.found.repeated.append(folder)
            return
        self.seen.add(real)
        if folder.is_symlink() and not is_root:
            self.found.links.append(folder)
        self.found.num_folders += 1
        inside = sorted(entry for entry in folder.iterdir() if _is_the_users(entry))
        folders = [entry for entry in inside if entry.is_dir()]
        self._take(entry for entry in inside if entry.is_file())
        self.waiting += [entry for entry in folders if entry.is_symlink()]
        for entry in folders:
            if not entry.is_symlink():
                self.visit(entry)

    def _take(self, files: Iterable[Path]) -> None:
        for file in files:
            if file.suffix.lower() in self.suffixes:
                self.found.files.append(file)
            else:
                self.found.others[file.suffix.lower()] += 1


def _is_the_users(path: Path) -> bool:
    return not path.name.startswith(".") and path.name not in NOT_THE_USERS


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def expand_into_folder(
    paths: Iterable[Path],
    suffixes: Collection[str],
    output: Path,
    report: Callable[[str], None],
    *,
    endings: Iterable[str] = (),
    is_video: Callable[[Path], bool] = lambda path: False,
) -> dict[Path, str]:
    """Return the files that inputs stand for, and what each is called in the folder ``output``.

    Folders are replaced by the files in them: see `find_files`. What an earlier run made of other
    inputs is left out. A folder without a file is kept: whoever opens it says what is wrong.

    Args:
        paths: files and folders that the user named.
        suffixes: suffixes of files in folders, in lower case.
        output: a folder, which is not looked into where it lies in another one.
        report: function that takes a line for the user about what was found in a folder, or left
            out.
        endings: endings of outputs' names, e.g. ``_overlay.png``.
        is_video: whether a file becomes other outputs than the rest: then both may have one name.

    Returns:
        Names without a suffix, with ``/`` between folders; distinct, but for case, among videos and
        among the rest. See `output_names`.

    Raises:
        InputError: ``output`` is a file, or no such names can be found.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"{output}: is a file, expected the name of a folder")
    roots: dict[Path, Path | None] = {}
    for path in paths:
        if not path.is_dir():
            roots[path] = None
            continue
        found = find_files(path, suffixes, output)
        for file in found.files or [path]:
            roots.setdefault(file, path if found.files else None)
        if found.notice is not None:
            report(found.notice)
    made = _outputs_among(roots, output, tuple(endings))
    if made:
        report(f"{output}: {_count(len(made), 'output')} of an earlier run left out ({made[0]})")
    kept = {path: root for path, root in roots.items() if path not in set(made)}
    videos = {path for path in kept if is_video(path)}
    names = output_names({path: root for path, root in kept.items() if path in videos})
    names |= output_names({path: root for path, root in kept.items() if path not in videos})
    return {path: names[path] for path in kept}


def output_names(roots: Mapping[Path, Path | None]) -> dict[Path, str]:
    """Return distinct names, without a suffix, for what inputs become; ``/`` between folders.

    A name is the input's path from the folder that the user named. Where that is two inputs' name
    it begins further up, and where they lie in one folder suffixes are added to it.

    Args:
        roots: the folder that each input was found in; None of a file that the user named.

    Raises:
        InputError: no such names can be found.
    """
    names = {path: _name(path, root) for path, root in roots.items()}
    for group in _alike(names):
        base = Path(os.path.commonpath([path.absolute().parent for path in group]))
        from_base = {path: _name(path.absolute(), base) for path in group}
        longer = {p: max(names[p], name, key=_depth) for p, name in from_base.items()}
        names |= longer
        for alike in _alike(longer):
            names |= {path: _with_suffix(longer[path], path) for path in alike}
    for one, other, *_ in _alike(names):
        raise InputError(f"{one} and {other} would both become {names[one]}*; rename one")
    return {path: name.as_posix() for path, name in names.items()}


def _name(path: Path, root: Path | None) -> Path:
    return (Path(path.name) if root is None else path.relative_to(root)).with_suffix("")


def _depth(name: Path) -> int:
    return len(name.parts)


def _with_suffix(name: Path, path: Path) -> Path:
    return name.with_name(f"{name.name}_{path.suffix.lstrip('.')}")


def _alike(named: Mapping[Path, Path]) -> Iterator[Sequence[Path]]:
    """Yield the inputs that have one name; Macs and Windows take ``A`` and ``a`` for one."""
    groups: dict[str, list[Path]] = {}
    for path, name in named.items():
        groups.setdefault(str(name).casefold(), []).append(path)
    return (group for group in groups.values() if len(group) > 1)


def _outputs_among(
    roots: Mapping[Path, Path | None], output: Path, endings: Sequence[str]
) -> list[Path]:
    """Return the inputs that are outputs of others; not those that the user named."""
    made_of: dict[Path, set[Path]] = {}
    for path, root in roots.items():
        name = _name(path, root)
        for stem in (name, _with_suffix(name, path)):
            for end in endings:
                made_of.setdefault((output / f"{stem}{end}").absolute(), set()).add(path)
    return [
        path
        for path, root in roots.items()
        if root is not None and made_of.get(path.absolute(), set()) - {path}
    ]
