"""From archives that a user has got to data that is read, and the table of where they are from."""

import re
import shutil
from pathlib import Path
from pkgutil import resolve_name

import pytest

from fashion.data.prepare import main
from fashion.data.registry import ROOTS
from fashion.data.sources import SOURCES


def test_table_is_sound() -> None:
    for name, source in SOURCES.items():
        assert set(source.checks) <= set(ROOTS)
        assert all(source.root == ROOTS[check] for check in source.checks)
        for file in source.files:
            assert (file.address or source.request) and not Path(file.makes).is_absolute(), name
            assert file.address is None or file.address.startswith(("http://", "https://"))
            assert file.digest is None or re.fullmatch(
                r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.digest
            )
        for function in (source.convert, *(file.arrange for file in source.files)):
            assert function is None or callable(resolve_name(function))


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
