"""What is written beside an exported model."""

from pathlib import Path

import pytest
import torch

from face_attributes.model_card import TERMS, model_card, terms
from face_attributes.models import build_network
from vision_shared.checkpoints import read_checkpoint, write_checkpoint
from vision_shared.export import main

NAMES = ["Attractive", "Smiling"]
LITE = {"name": "lite", "channels": [4, 4, 4, 4, 4]}


def write(path: Path, choice: str = "celeba") -> Path:
    torch.manual_seed(0)
    net = build_network(num_outputs=len(NAMES), **LITE)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(
        path,
        task="face-attributes",
        hyper_parameters={
            **{"attributes": NAMES, "network": LITE, "learning_rate": 0.1, "weight_decay": 0.0},
            "localizer": {"score": "contrast", "image_side": None},
        },
        state_dict={f"net.{name}": value for name, value in net.state_dict().items()},
        data={"choice": choice, "values": {"region": "whole", "size": [64, 64]}},
    )
    return path


@pytest.mark.parametrize("suffix", [".pt2", ".safetensors"])
def test_card_is_written_beside_every_exported_model(tmp_path: Path, suffix: str) -> None:
    checkpoint, model = write(tmp_path / "a.ckpt"), tmp_path / f"network{suffix}"
    assert main([str(checkpoint), "-o", str(model)]) == 0
    card = (tmp_path / f"network{suffix}.md").read_text()
    assert card == model_card(read_checkpoint(checkpoint))
    for text in ("Attractive, Smiling", "not facts about a person", "Non-commercial research only"):
        assert text in card
    for title in ("Attributes", "Data", "Licences", "Limits", "Metrics"):
        assert f"\n## {title}\n" in card
    assert "region=whole" in card and "prints them" in card


def test_existing_card_keeps_the_model_from_being_written(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    checkpoint, model = write(tmp_path / "a.ckpt"), tmp_path / "network.safetensors"
    (tmp_path / "network.safetensors.md").write_text("mine")
    assert main([str(checkpoint), "-o", str(model)]) == 2
    assert not model.exists() and "exists already" in capsys.readouterr().err
    assert main([str(checkpoint), "-o", str(model), "--overwrite"]) == 0
    assert model.exists() and "Model card" in (tmp_path / "network.safetensors.md").read_text()


def test_metrics_are_those_of_the_run_that_chose_the_checkpoint(tmp_path: Path) -> None:
    best = write(tmp_path / "run/checkpoints/best.ckpt", "people")
    last = write(tmp_path / "run/checkpoints/last.ckpt", "people")
    (tmp_path / "run/results.md").write_text("**Each attribute**\n\n| 92.1 |\n")
    card = model_card(read_checkpoint(best))
    assert card.endswith("**Each attribute**\n\n| 92.1 |\n")
    assert "92.1" not in model_card(read_checkpoint(last))
    assert "none of them exists" in card


def test_data_that_is_not_known_has_no_terms() -> None:
    assert terms(["lfwa"])[0]["weights"] == TERMS["lfwa"].weights
    assert terms(["somebody's"])[0]["licence of the data"] == "Not known here"
