"""From archives that a user has got to data that is read, and the table of where they are from."""

import re
import shutil
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest
from PIL import Image

from segmentation.data.prepare import main
from segmentation.data.registry import DATA_SETS
from segmentation.data.sources import SOURCES


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
