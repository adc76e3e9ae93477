"""From archives that a user has got to data that is read, and the table of where they are from."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation.data.prepare import main
from segmentation.data.registry import DATA_SETS
from segmentation.data.sources import SOURCES
from vision_shared.testing import expect_sound_sources


def test_table_is_sound() -> None:
    expect_sound_sources(SOURCES, {name: data_set.root for name, data_set in DATA_SETS.items()})


def test_cityscapes_archives_are_unpacked_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "cityscapes"
    assert main(["cityscapes", str(root)]) == 2
    assert "register (free) and get leftImg8bit_trainvaltest.zip" in capsys.readouterr().err
    ids = np.arange(34, dtype=np.uint8).reshape(2, 17)
    for split in ("train", "val"):
        name = "aachen_000000_000019"
        images, masks = (tmp_path / f / split / "aachen" for f in ("leftImg8bit", "gtFine"))
        for folder in (images, masks):
            folder.mkdir(parents=True)
        Image.new("RGB", (17, 2)).save(images / f"{name}_leftImg8bit.png")
        Image.fromarray(ids).save(masks / f"{name}_gtFine_labelIds.png")
    for name in ("leftImg8bit", "gtFine"):
        archive = str(root / f"{name}_trainvaltest")
        shutil.make_archive(archive, "zip", tmp_path, name)
    assert main(["cityscapes", str(root)]) == 0
    assert f"{root}: no faults" in capsys.readouterr().out
