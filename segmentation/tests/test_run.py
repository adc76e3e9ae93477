"""The whole: compose, train, resume, evaluate, export, calibrate."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning import Callback, LightningModule, Trainer

from segmentation.calibrate import Point, choose
from segmentation.calibrate import main as calibrate
from segmentation.module import SegmentationModule
from vision_shared.checkpoints import Checkpoint, CheckpointError, read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.export import export
from vision_shared.inputs import InputError
from vision_shared.run import build, make, train

Config = Callable[..., DictConfig]
TINY = ("experiment=smoke", "data.size=32", "data.crop_size=32", "module.network.trunk.width=8")
"""Of the people that all tests share."""
NETWORKS = ("cascade", "crf_rnn", "deeplab", "dpn", "fcn")


@pytest.fixture
def smoke(config: Config, people: Path) -> Config:
    """``smoke("module=dpn", ...)``: a tiny training on people that all tests share."""
    return lambda *overrides: config("segmentation", *TINY, f"data.root={people}", *overrides)


def choices(group: str) -> list[str]:
    folder = files("segmentation.conf") / group
    names = (f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    return sorted(name.removesuffix(".yaml") for name in names if name != "base.yaml")


def state(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt").state_dict


CHOICES = [
    f"{group}={choice}"
    for group in ("data", "module", "trunk", "experiment")
    for choice in choices(group)
]


@pytest.mark.parametrize("override", CHOICES)
@pytest.mark.parametrize("trainer", ["default", "gpu", "ddp"])
def test_every_choice_composes(config: Config, override: str, trainer: str) -> None:
    cfg = config("segmentation", override, f"trainer={trainer}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_trains_and_tells_its_results(
    smoke: Config, tmp_path: Path, capsys: pytest.CaptureFixture, network: str
) -> None:
    score = train(smoke(f"module={network}"))
    printed = capsys.readouterr().out
    for text in ("mIoU", "background everywhere", "multiply-adds", "glasses", "best.ckpt"):
        assert text in printed
    assert ("without the cascade" in printed) == (network == "cascade")
    assert "test/miou" in json.loads((tmp_path / "results.json").read_text())
    assert list((tmp_path / "panels").glob("val_parsing_*.png"))
    assert 0 <= score <= 1


@pytest.mark.parametrize("trunk", ["inception", "vgg16"])
def test_paper_sized_trunks_build(config: Config, trunk: str) -> None:
    network = {"inception": "cascade", "vgg16": "dpn"}[trunk]
    with torch.device("meta"):
        module = build(config("segmentation", f"trunk={trunk}", f"module={network}")).module
    assert isinstance(module, SegmentationModule)
    assert sum(p.numel() for p in module.net.parameters()) > 15_000_000


def test_checkpoint_alone_gives_the_same_numbers(smoke: Config, tmp_path: Path) -> None:
    train(smoke())
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    tables = evaluate(checkpoint, ["trainer=smoke"])
    results = (tmp_path / "results.md").read_text()
    assert tables[1].markdown() in results  # the IoUs; the first table holds times


class StopAfterFirstEpoch(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize("network", ["cascade", "dpn"])
def test_resumed_run_equals_uninterrupted(smoke: Config, tmp_path: Path, network: str) -> None:
    """Interrupted in one phase, resumed into the next."""
    common = (f"module={network}", "trainer.max_epochs=3")
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


def test_best_weights_are_of_the_last_phase(smoke: Config, tmp_path: Path) -> None:
    """The metric of tiny runs hardly moves: an earlier phase's would stay the best."""
    train(smoke("trainer.max_epochs=3"))
    best = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    assert bool(best.state_dict["net._extra_state"])  # cascaded


def test_training_starts_from_given_weights(smoke: Config, tmp_path: Path) -> None:
    train(smoke(f"output_dir={tmp_path}/first"))
    first = tmp_path / "first/checkpoints/last.ckpt"
    module: Any = build(smoke(f"weights={first}")).module
    given = read_checkpoint(first).weights()
    assert all(torch.equal(value, given[name]) for name, value in module.net.state_dict().items())
    with pytest.raises(CheckpointError, match="not the weights of this network"):
        build(smoke(f"weights={first}", "module=fcn"))


@pytest.mark.parametrize("network", ["cascade", "dpn"])
def test_exported_program_equals_the_network(smoke: Config, tmp_path: Path, network: str) -> None:
    train(smoke(f"module={network}"))
    program = tmp_path / "network.pt2"
    assert export(read_checkpoint(tmp_path / "checkpoints/best.ckpt"), program) < 1e-4


def test_calibration_stores_the_threshold(
    smoke: Config, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    train(smoke())
    best = tmp_path / "checkpoints/last.ckpt"
    assert calibrate([str(best), "--lose", "100", "trainer=smoke"]) == 0
    assert "rho 0.5 stored" in capsys.readouterr().out
    stored = read_checkpoint(tmp_path / "checkpoints/last-calibrated.ckpt")
    assert stored.state_dict["net.rho"].tolist() == [0.5, 0.5]
    assert (tmp_path / "checkpoints/last-calibrated.png").stat().st_size > 1000
    assert calibrate([str(best)]) == 2
    assert "exists already" in capsys.readouterr().err


POINTS = [
    Point(0.5, 60.0, 5.0, 5e9, (1.0, 0.2)),
    Point(0.9, 69.8, 8.0, 8e9, (1.0, 0.5)),
    Point(1.0, 70.0, 12.0, 12e9, (1.0, 1.0)),
]


def test_target_chooses_the_threshold() -> None:
    assert choose(POINTS, 0.3, None).rho == 0.9
    assert choose(POINTS, 0.1, None).rho == 1.0
    assert choose(POINTS, None, 9.0).rho == 0.9
    with pytest.raises(InputError, match=r"fastest takes 5\.0 ms"):
        choose(POINTS, None, 4.0)


@pytest.mark.parametrize("network", ["deeplab", "fcn"])
def test_networks_with_a_size_or_a_batch_of_their_own_are_exported(
    smoke: Config, tmp_path: Path, network: str
) -> None:
    classes = {"names": ["a", "b"], "palette": [[0, 0, 0], [9, 9, 9]]}
    module = make(smoke(f"module={network}").module, classes=classes)
    checkpoint = Checkpoint(
        tmp_path / "best.ckpt", "segmentation", dict(module.hparams), module.state_dict(), {}
    )
    assert export(checkpoint, tmp_path / "network.pt2") < 1e-4
