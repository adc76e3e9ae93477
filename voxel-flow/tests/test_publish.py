"""What is passed on of a checkpoint: it can be used again, and says what it is."""

import json
from pathlib import Path

import pytest
import torch

from vision_shared.checkpoints import read_checkpoint
from vision_shared.publish import main
from voxel_flow.weights import SHIPPED


def test_a_published_folder_holds_the_network_its_settings_and_its_card(tmp_path: Path) -> None:
    assert main([str(SHIPPED), str(tmp_path / "out")]) == 0
    ours, theirs = read_checkpoint(SHIPPED), read_checkpoint(tmp_path / "out/model.safetensors")
    assert theirs.task == "voxel-flow" and theirs.hyper_parameters == ours.hyper_parameters
    assert all(torch.equal(v, theirs.state_dict[n]) for n, v in ours.weights("").items())
    assert json.loads((tmp_path / "out/config.json").read_text())["data"] == ours.data
    card = (tmp_path / "out/README.md").read_text()
    assert card.startswith("---\nlibrary_name:")
    assert "# Model card: voxel-flow" in card and "package_clips.json" in card


def test_nothing_is_written_over_by_chance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("mine")
    assert main([str(SHIPPED), str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("hf://owner", "expected hf://owner/repository"),
        ("hf://owner/net/file.ckpt", "expected hf://owner/repository"),
        ("hf://owner/net", "not uploaded"),
    ],
)
def test_a_hub_that_does_not_take_it_is_one_line(
    target: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main([str(SHIPPED), target]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]
