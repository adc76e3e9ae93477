from pathlib import Path

import pytest

from vision_shared.inputs import InputError
from vision_shared.isolation import convert_each, convert_one

MODULE = """
import os, signal, time
from vision_shared.inputs import InputError

def convert(source, target):
    text = source.read_text()
    if text == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "sleep":
        time.sleep(60)
    if text == "memory":
        bytearray(1 << 60)
    if text == "fault":
        raise InputError(f"{source}: a fault")
    target.write_text(text.upper())
"""


@pytest.fixture
def convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "crashing_parser.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    import crashing_parser  # pyrefly: ignore[missing-import]

    return crashing_parser.convert


def make(folder: Path, texts: list[str]) -> list[tuple[Path, Path]]:
    pairs = []
    for number, text in enumerate(texts):
        source = folder / f"{number}.txt"
        source.write_text(text)
        pairs.append((source, source.with_suffix(".out")))
    return pairs


@pytest.mark.parametrize("num_workers", [1, 3])
def test_crash_is_a_line_with_the_files_name_and_the_rest_is_done(
    convert: object, tmp_path: Path, num_workers: int
) -> None:
    pairs = make(tmp_path, ["a", "crash", "b", "fault", "crash", "memory", "c"])
    faults = dict(convert_each(convert, pairs, num_workers))  # type: ignore[arg-type]
    reasons = {int(path.stem): fault for path, fault in faults.items()}
    assert [number for number in range(7) if reasons[number] is None] == [0, 2, 6]
    assert reasons[1] == f"{pairs[1][0]}: damaged: its reader crashed (SIGSEGV); get the file again"
    assert "a fault" in str(reasons[3]) and "memory" in str(reasons[5])
    assert [target.read_text() for _, target in pairs if target.exists()] == ["A", "B", "C"]


def test_file_that_keeps_its_reader_busy_is_given_up(
    convert: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vision_shared.isolation.MAX_SECONDS", 0.5)
    ((source, target),) = make(tmp_path, ["sleep"])
    with pytest.raises(InputError, match=r"0\.txt: damaged: its reader took more than"):
        convert_one(convert, source, target)  # type: ignore[arg-type]
