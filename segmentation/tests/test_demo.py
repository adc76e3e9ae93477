"""The page, without gradio: what it shows of a photograph."""

import numpy as np
import pytest

from segmentation.demo import main, segment
from segmentation.segmenter import Segmenter


def test_a_photograph_is_segmented_at_any_threshold() -> None:
    segmenter = Segmenter.shipped("cpu")
    rho = segmenter.network.get_buffer("rho").tolist()
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    answer = segment(segmenter, image, 0.3)
    assert np.array_equal(answer.compared[0], image)
    assert answer.compared[1].shape == image.shape
    assert answer.stages is not None
    assert answer.stages.shape == image.shape
    assert sum(answer.areas.values()) == pytest.approx(1)
    assert "100.0 % of the pixels alike" in segment(segmenter, image, 1.0).words
    assert segmenter.network.get_buffer("rho").tolist() == rho


def test_a_checkpoint_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--checkpoint", "none.ckpt"]) == 2
    assert capsys.readouterr().err.startswith("demo: none.ckpt: no such checkpoint")
