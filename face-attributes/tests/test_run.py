"""The whole: compose, train, resume, evaluate, export."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning import Callback, LightningModule, Trainer

from face_attributes.data import beside
from face_attributes.data.people import PEOPLE_ATTRIBUTES
from face_attributes.models import TagMaps
from face_attributes.models.face_layers import BackboneLayers
from vision_shared.checkpoints import read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.export import export
from vision_shared.run import build, train

Config = Callable[..., DictConfig]
NETWORKS = ("lnet", "anet")


def choices(group: str) -> list[str]:
    folder = files("face_attributes.conf") / group
    names = (f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    return sorted(name.removesuffix(".yaml") for name in names if name != "base.yaml")


def state(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt").state_dict


CHOICES = [
    f"{group}={choice}" for group in ("data", "module", "experiment") for choice in choices(group)
]


@pytest.fixture
def smoke(config: Config, rendered: Path) -> Config:
    """``smoke("module=anet", ...)``: the smoke run, on people that all tests share."""
    return lambda *overrides: config(
        "face_attributes", "experiment=smoke", f"data.root={rendered}", *overrides
    )


@pytest.mark.parametrize("override", CHOICES)
@pytest.mark.parametrize("trainer", ["default", "gpu", "ddp"])
def test_every_choice_composes(config: Config, override: str, trainer: str) -> None:
    cfg = config("face_attributes", override, f"trainer={trainer}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("network", choices("module"))
def test_every_network_builds_with_the_attributes_of_its_data(config: Config, network: str) -> None:
    with torch.device("meta"):
        cfg = config("face_attributes", f"module={network}")
        settings = cfg.module.network
        anet = settings.get("anet") or settings
        for node in (settings, settings.get("lnet_o"), anet.get("backbone")):
            if node is not None and "pretrained" in node:
                node.pretrained = False
        module: Any = build(cfg).module
    expected = len(cfg.data.attributes or PEOPLE_ATTRIBUTES)
    assert len(module.attributes) == expected
    head = module.learner.head
    has_face = isinstance(module.learner, TagMaps)
    assert len(head.weight) == expected + has_face


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_trains_and_tells_its_results(
    smoke: Config, tmp_path: Path, capsys: pytest.CaptureFixture, network: str
) -> None:
    score = train(smoke(f"module={network}"))
    printed = capsys.readouterr().out
    for text in ("majority class", "balanced accuracy", "Eyeglasses", "best.ckpt"):
        assert text in printed
    for text in ("centre box", "without training", "Is there a face?"):
        assert (text in printed) == (network == "lnet")
    results = json.loads((tmp_path / "results.json").read_text())
    assert 0 <= results["test/balanced_accuracy"] <= 1
    assert ("test/recall" in results) == (network == "lnet")
    assert list((tmp_path / "panels").glob("val_tagging_*.png"))
    assert 0 <= score <= 1


@pytest.mark.parametrize("model", ["test_efficientnet", "mobilenetv2_050", "test_convnext"])
def test_trunks_of_timm_train(smoke: Config, tmp_path: Path, model: str) -> None:
    lnet = (f"module.network.model={model}", "module.network.pretrained=false")
    train(smoke("module=timm", *lnet, "data.size=[32,32]"))
    assert (tmp_path / "results.json").is_file()


@pytest.mark.parametrize("model", ["test_efficientnet", "mobilenetv2_050", "test_convnext"])
def test_machines_take_maps_of_timm(model: str) -> None:
    layers = BackboneLayers(model).eval()
    assert layers(torch.rand(2, 3, 64, 64)).shape == (2, layers.width)


def test_checkpoint_holds_the_names_and_a_threshold_of_its_own(
    smoke: Config, tmp_path: Path
) -> None:
    train(smoke("module=lnet"))
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    assert checkpoint.hyper_parameters["attributes"] == list(PEOPLE_ATTRIBUTES)
    assert checkpoint.weights()["threshold"].isfinite()


def test_data_without_backgrounds_sets_the_threshold_by_what_lies_beside_faces(
    smoke: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(beside, "CLEAR", 1.0)
    monkeypatch.setattr(beside, "SMALLEST", 4)
    train(smoke("module=lnet", "data.backgrounds=null"))
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    assert checkpoint.weights()["threshold"].isfinite()
    assert "what lies beside the faces of the images stands in" in capsys.readouterr().out


@pytest.mark.parametrize("network", NETWORKS)
def test_checkpoint_alone_gives_the_same_numbers(
    smoke: Config, tmp_path: Path, network: str
) -> None:
    train(smoke(f"module={network}"))
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    tables = evaluate(checkpoint, ["trainer=smoke", f"data.root={tmp_path}"])
    results = (tmp_path / "results.md").read_text()
    assert "\n".join(table.markdown() for table in tables) == results


class StopAfterFirstEpoch(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize("network", NETWORKS)
def test_resumed_run_equals_uninterrupted(smoke: Config, tmp_path: Path, network: str) -> None:
    common = (f"module={network}", "trainer.max_epochs=2")
    interrupted = smoke(*common, f"output_dir={tmp_path}/half")
    with open_dict(interrupted):
        interrupted.callbacks.stop = {"_target_": f"{__name__}.StopAfterFirstEpoch"}
    train(interrupted)
    train(smoke(*common, f"output_dir={tmp_path}/whole"))
    half = f"resume={tmp_path}/half/checkpoints/last.ckpt"
    train(smoke(*common, f"output_dir={tmp_path}/rest", half))
    whole, rest = state(tmp_path / "whole"), state(tmp_path / "rest")
    assert whole.keys() == rest.keys()
    for name in whole:
        assert torch.equal(whole[name], rest[name]), name


@pytest.mark.parametrize("network", NETWORKS)
def test_exported_program_equals_the_network(smoke: Config, tmp_path: Path, network: str) -> None:
    train(smoke(f"module={network}"))
    program = tmp_path / "network.pt2"
    assert export(read_checkpoint(tmp_path / "checkpoints/best.ckpt"), program) < 1e-4
