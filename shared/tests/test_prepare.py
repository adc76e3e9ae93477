"""From a data set's name to its files: fetched from a server here, or put there by the user."""

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from vision_shared.downloads import File
from vision_shared.prepare import Source, prepare


def zip_bytes(**members: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


LIST = b"a\nb\n"
IMAGES = zip_bytes(**{"images/a.txt": "a", "images/b.txt": "b", "README": "1"})
LABELS = zip_bytes(**{"labels_v2/images/labels.txt": "ab", "labels_v2/README": "2"})


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "images.zip").write_bytes(IMAGES)
    (folder / "list.txt").write_bytes(LIST)
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        Thread(target=running.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def is_checked(arguments: Sequence[str]) -> int:
    name, root = arguments
    print(f"checked {name}: {sorted(path.name for path in Path(root).iterdir())}")
    return 0


def run(source: Source, root: Path, *arguments: str) -> int:
    return prepare({"letters": source}, is_checked, ["letters", str(root), *arguments])


def letters(server: str) -> Source:
    digest = f"sha256:{hashlib.sha256(IMAGES).hexdigest()}"
    files = (
        File("images.zip", "images", f"{server}/images.zip", digest, len(IMAGES)),
        File("list.txt", "lists/list.txt", f"{server}/list.txt", is_archive=False),
    )
    return Source(root=Path("data"), page="https://example.org", licence="MIT", files=files)


def with_check(source: Source) -> Source:
    return Source(source.root, source.page, source.licence, source.files, checks=("letters",))


def test_an_open_data_set_is_fetched_unpacked_and_checked(
    server: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(with_check(letters(server)), root) == 0
    assert (root / "images" / "b.txt").read_text() == "b"
    assert (root / "lists" / "list.txt").read_bytes() == LIST
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "https://example.org: MIT"
    known = f"sha256:{hashlib.sha256(LIST).hexdigest()}"
    assert any(known in line and "do not publish" in line for line in lines)
    assert lines[-1] == "checked letters: ['README', 'images', 'lists']"  # and no archive


def test_what_is_there_is_left_alone(
    server: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "images").mkdir(parents=True)
    (root / "lists").mkdir()
    (root / "lists" / "list.txt").write_text("own")
    assert run(letters("http://127.0.0.1:9"), root) == 0
    assert (root / "lists" / "list.txt").read_text() == "own"
    assert capsys.readouterr().out.count("there already") == 2


def test_an_archive_is_kept_where_that_is_asked_for(server: str, root: Path) -> None:
    assert run(letters(server), root, "--keep") == 0
    assert (root / "images.zip").read_bytes() == IMAGES


def test_a_form_is_explained_and_what_the_user_has_got_is_prepared(
    server: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = (*letters(server).files, File("labels.zip", "images/labels.txt"))
    source = Source(Path("data"), "https://example.org", "MIT", files, request="ask for labels.zip")
    assert run(source, root) == 2
    assert capsys.readouterr().err == (
        f"{root}: without labels.zip: at https://example.org, ask for labels.zip; put what you "
        f"get into {root} and repeat the command\n"
    )
    assert not root.exists()
    (root / "archives").mkdir(parents=True)
    (root / "archives" / "labels.zip").write_bytes(LABELS)
    assert run(source, root) == 0
    # its folder was nested, and is merged with the other's
    assert {path.name for path in (root / "images").iterdir()} == {"a.txt", "b.txt", "labels.txt"}
    assert (root / "archives" / "labels.zip").exists()  # it is the user's


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (LABELS, "its sum is sha256:"),
        (b"no archive", "its sum is sha256:"),
    ],
    ids=["another archive", "no archive"],
)
def test_a_users_archive_that_is_another_is_one_line(
    server: str, root: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    root.mkdir()
    (root / "images.zip").write_bytes(content)
    assert run(letters(server), root) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert [path.name for path in root.iterdir()] == ["images.zip"]


def test_an_archive_without_what_it_should_hold_leaves_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.mkdir()
    (root / "images.zip").write_bytes(LABELS)
    source = Source(Path("data"), "https://example.org", "MIT", (File("images.zip", "photos"),))
    assert run(source, root) == 2
    assert "holds no photos: is it another archive" in capsys.readouterr().err
    assert [path.name for path in root.iterdir()] == ["images.zip"]


def test_a_server_that_is_away_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    source = letters("http://127.0.0.1:9")
    assert run(source, root) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "images.zip cannot be fetched" in line and "the same command goes on" in line


def test_without_a_name_all_are_listed(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare({"letters": letters(server)}, is_checked, []) == 0
    out = capsys.readouterr().out
    assert "letters" in out and "open" in out and "0.0 MB +" in out
