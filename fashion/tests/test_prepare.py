"""From archives that a user has got to data that is read, and the table of where they are from."""

import shutil
from pathlib import Path

import pytest

from fashion.data.prepare import main
from fashion.data.registry import ROOTS
from fashion.data.sources import SOURCES
from vision_shared.testing import expect_sound_sources


def test_table_is_sound() -> None:
    expect_sound_sources(SOURCES, ROOTS)


def test_lists_and_archive_of_inshop_are_prepared_and_checked(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "inshop"
    assert main(["inshop", str(root)]) == 2
    assert "ask for the password of In-shop" in capsys.readouterr().err
    for name in ("Anno", "Eval"):
        shutil.copytree(rendered / "inshop" / name, root / name)
    shutil.copytree(rendered / "img", tmp_path / "img")
    (root / "Img").mkdir()
    shutil.make_archive(str(root / "Img" / "img"), "zip", tmp_path, "img")
    assert main(["inshop", str(root)]) == 0
    assert f"{root}: no faults" in capsys.readouterr().out
