"""From archives that a user has got to data that is read, and the table of where they are from."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from celeba_layout import write_celeba
from face_attributes.data.prepare import main
from face_attributes.data.registry import DATA_SETS
from face_attributes.data.sources import SOURCES
from vision_shared.testing import expect_sound_sources


def test_table_is_sound() -> None:
    expect_sound_sources(SOURCES, {name: data_set.root for name, data_set in DATA_SETS.items()})


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
