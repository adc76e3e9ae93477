import os
from pathlib import Path

import pytest

from vision_shared.inputs import (
    CommandParser,
    ExitCode,
    InputError,
    check_input,
    check_new_folder,
    check_output,
    missing_files,
    natural_order,
    new_file,
    new_folder,
    process_each,
)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")


def process(path: Path) -> str | None:
    if path.name == "broken":
        raise InputError("broken: not a video")
    if path.name == "gone":
        path.read_bytes()
    return "cut: stops after 2 s" if path.name == "cut" else None


def test_folder_without_videos_is_refused_when_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder without a video file"):
        check_input(tmp_path, "video")


def test_missing_and_empty_inputs_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match=r"no\.mp4: no such file"):
        check_input(tmp_path / "no.mp4", "video")
    with pytest.raises(InputError, match=r"empty\.mp4: an empty file, expected a video"):
        check_input(tmp_path / "empty.mp4", "video")


@pytest.mark.parametrize(
    ("names", "code", "num_lines"),
    [
        (["one", "two"], ExitCode.DONE, 0),
        (["broken"], ExitCode.NOTHING_DONE, 1),
        (["one", "broken", "gone"], ExitCode.PARTLY_DONE, 3),  # one line each, and the count
        (["cut"], ExitCode.PARTLY_DONE, 1),
        (["broken", "gone"], ExitCode.NOTHING_DONE, 3),
    ],
)
def test_unusable_inputs_are_skipped_named_and_counted(
    names: list[str], code: ExitCode, num_lines: int
) -> None:
    lines: list[str] = []
    assert process_each([Path(name) for name in names], process, lines.append) is code
    assert len(lines) == num_lines
    assert not any("\n" in line for line in lines)


def test_skipped_inputs_do_not_stop_the_others() -> None:
    done: list[Path] = []

    def note(path: Path) -> None:
        process(path)
        done.append(path)

    process_each([Path("broken"), Path("gone"), Path("fine")], note, lambda _: None)
    assert done == [Path("fine")]


def test_new_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "made/for/it/out.mp4"
    with new_file(path) as temporary:
        assert temporary.suffix == path.suffix
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with new_file(path, overwrite=True) as one, new_file(path, overwrite=True) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the last to end
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_new_file_leaves_nothing_behind_on_failure(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("before")

    def write_half() -> None:
        with new_file(path, overwrite=True) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_new_file_refuses_to_replace_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("before")
    with pytest.raises(InputError, match="--overwrite"), new_file(path):
        pytest.fail("entered")
    with pytest.raises(InputError, match="is a folder"), new_file(tmp_path, overwrite=True):
        pytest.fail("entered")
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text("after")
    assert path.read_text() == "after"


def test_argument_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser(prog="tool")
    parser.add_argument("--times", type=int)
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--times", "many"])
    assert caught.value.code == ExitCode.NOTHING_DONE
    assert capsys.readouterr().err.splitlines() == [
        "tool: argument --times: invalid int value: 'many'"
    ]


def test_file_whose_name_looks_like_an_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "-old.mp4")
    parser = CommandParser(prog="tool")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("inputs", nargs="+")
    with pytest.raises(SystemExit):
        parser.parse_args(["-old.mp4", "-o", "out"])
    assert capsys.readouterr().err.endswith("; name the file -old.mp4 as ./-old.mp4\n")


def test_natural_order_counts() -> None:
    names = ["a10.png", "a2.png", "b1.png", "a02b.png"]
    ordered = [path.name for path in natural_order(Path(name) for name in names)]
    assert ordered == ["a2.png", "a02b.png", "a10.png", "b1.png"]


def test_new_folder_takes_its_name_in_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep/deeper/out"
    with new_folder(target) as temporary:
        (temporary / "00001.png").write_text("one")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["00001.png"]
    with new_folder(target, overwrite=True) as temporary:
        (temporary / "00002.png").write_text("two")
    assert [path.name for path in target.iterdir()] == ["00002.png"]
    assert list(target.parent.iterdir()) == [target]


def test_new_folder_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "out"
    touch(target / "00001.png")

    def fail() -> None:
        with new_folder(target, overwrite=True) as temporary:
            (temporary / "00002.png").write_text("two")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in target.iterdir()] == ["00001.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_folder_with_other_things_in_it_is_never_replaced(tmp_path: Path) -> None:
    touch(tmp_path / "file", tmp_path / "numbered/1.png", tmp_path / "own/letter.txt")
    cases = (
        ("file", True, "is a file"),
        ("numbered", False, "is not empty"),
        ("own", False, "is not empty"),
        ("own", True, "is not replaced, for it holds letter.txt"),
    )
    for name, overwrite, line in cases:
        context = new_folder(tmp_path / name, overwrite=overwrite)
        with pytest.raises(InputError, match=line), context:
            raise AssertionError("entered")
    assert (tmp_path / "own/letter.txt").exists()


def test_nothing_is_replaced_that_one_did_not_ask_to_replace(tmp_path: Path) -> None:
    touch(tmp_path / "file.png", tmp_path / "folder/1.png")
    with pytest.raises(InputError, match="--overwrite"):
        check_output(tmp_path / "file.png")
    with pytest.raises(InputError, match="--overwrite"):
        check_new_folder(tmp_path / "folder")
    with pytest.raises(InputError, match="--overwrite"), new_folder(tmp_path / "folder"):
        pytest.fail("entered")
    check_output(tmp_path / "file.png", overwrite=True)
    check_new_folder(tmp_path / "folder", overwrite=True)


def test_missing_files_are_found_in_every_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("top.jpg", "a/é.jpg"):
        (tmp_path / name).touch()
    names = [os.fsencode(n) for n in ("b/x.jpg", "top.jpg", "a/é.jpg", "a/top.jpg", "gone.jpg")]
    assert missing_files(tmp_path, names) == [0, 3, 4]
    assert missing_files(tmp_path / "nowhere", names) == [0, 1, 2, 3, 4]
