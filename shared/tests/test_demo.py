"""What the pages of tasks share, without gradio."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision_shared.demo import LONGEST_SIDE, demo_command, demo_parser, read_upload
from vision_shared.inputs import ExitCode, InputError


def test_large_photographs_are_reduced(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (LONGEST_SIDE * 2, 100), (200, 0, 0)).save(path)
    photograph = read_upload(str(path))
    assert photograph.shape == (50, LONGEST_SIDE, 3)
    assert np.array_equal(photograph[0, 0], (200, 0, 0))


def test_no_photograph_and_no_image_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="upload one first"):
        read_upload(None)
    (tmp_path / "broken.png").write_text("not an image")
    with pytest.raises(InputError, match=r"broken.png: not an image"):
        read_upload(str(tmp_path / "broken.png"))


def test_a_page_without_gradio_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = tmp_path / "weights.safetensors"
    shipped.touch()
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "")
    parser = demo_parser("demo", "A page.")

    def build(options: object, path: str) -> None:
        raise AssertionError("built without gradio")

    code = demo_command("segmentation", lambda: parser.parse_args([]), shipped, build)  # type: ignore
    assert code == ExitCode.NOTHING_DONE
    assert "pip install 'segmentation[demo]'" in capsys.readouterr().err
