"""From archives that a user has got to data that is read, and the table of where they are from."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import pytest

from celeba_layout import write_celeba
from face_attributes.data.prepare import main
from face_attributes.data.registry import DATA_SETS
from face_attributes.data.sources import SOURCES


def test_table_is_sound() -> None:
    for name, source in SOURCES.items():
        assert set(source.checks) <= set(DATA_SETS)
        assert all(source.root == DATA_SETS[check].root for check in source.checks)
        for file in source.files:
            assert (file.address or source.request) and not Path(file.makes).is_absolute(), name
            assert file.address is None or file.address.startswith(("http://", "https://"))
            assert file.digest is None or re.fullmatch(
                r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.digest
            )
        for function in (source.convert, *(file.arrange for file in source.files)):
            assert function is None or callable(resolve_name(function))


def test_celeba_is_unpacked_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_celeba(tmp_path / "celeba", people=(3, 1, 1), images=2, backgrounds=0)
    lists = root / "Anno"
    (lists / "list_landmarks_celeba.txt").rename(lists / "list_landmarks_align_celeba.txt")
    images = (root / "Img" / "img_celeba").rename(tmp_path / "img_align_celeba")
    shutil.make_archive(str(root / "img_align_celeba"), "zip", tmp_path, images.name)
    source = SOURCES["celeba"]  # other files than the real ones, with other sums
    files = tuple(replace(file, digest=None) for file in source.files)
    monkeypatch.setitem(SOURCES, "celeba", replace(source, files=files))
    assert main(["celeba", str(root)]) == 0
    assert len(list((root / "Img" / "img_align_celeba").iterdir())) == 10
    assert f"{root}: no faults" in capsys.readouterr().out
