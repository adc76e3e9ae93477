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

from segmentation.calibrate import main as calibrate
from segmentation.module import SegmentationModule
from segmentation.thresholds import SWEEP, Point, Target, refine, sweep
from vision_shared.checkpoints import Checkpoint, CheckpointError, read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.export import export
from vision_shared.inputs import InputError
from vision_shared.run import build, make, train

Config = Callable[..., DictConfig]
TINY = ("experiment=smoke", "data.size=32", "data.crop_size=32", "module.network.trunk.width=8")
"""Of the people that all tests share."""
NETWORKS = ("adelaide", "cascade", "crf_rnn", "deeplab", "dpn", "fcn")


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
    for text in ("mIoU", "everywhere", "multiply-adds", "glasses", "best.ckpt"):  # long names wrap
        assert text in printed
    assert ("exits" in printed) == (network == "cascade")
    assert "test/miou" in json.loads((tmp_path / "results.json").read_text())
    assert list((tmp_path / "panels").glob("val_parsing_*.png"))
    assert 0 <= score <= 1


@pytest.mark.parametrize(
    ("trunk", "network", "model"),
    [
        ("timm", "deeplab", "test_efficientnet"),
        ("timm", "deeplab", "mobilenetv3_small_050"),
        ("timm", "deeplab", "test_convnext"),
        ("timm", "cascade", "resnet26"),
        ("pyramid", "cascade", "test_efficientnet"),
        ("pyramid", "cascade", "mobilenetv2_050"),
        ("pyramid", "cascade", "test_convnext"),
    ],
)
def test_trunks_of_timm_train(
    config: Config, people: Path, tmp_path: Path, trunk: str, network: str, model: str
) -> None:
    key = "module.network.trunk"
    choices = (f"trunk={trunk}", f"module={network}", f"{key}.model={model}")
    sizes = ("data.size=32", "data.crop_size=32", f"{key}.pretrained=false")
    train(config("segmentation", TINY[0], *choices, *sizes, f"data.root={people}"))
    assert (tmp_path / "results.json").is_file()


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
    printed = capsys.readouterr().out
    stored = read_checkpoint(tmp_path / "checkpoints/last-calibrated.ckpt")
    rho = stored.state_dict["net.rho"].tolist()
    assert len(rho) == 2 and stored.hyper_parameters["network"]["rho"] == pytest.approx(rho)
    assert " stored in " in printed
    assert (tmp_path / "checkpoints/last-calibrated.png").stat().st_size > 1000
    assert calibrate([str(best)]) == 2
    assert "exists already" in capsys.readouterr().err


def point(rho: float | tuple[float, float], miou: float, milliseconds: float, macs: float) -> Point:
    pair = (rho, rho) if isinstance(rho, float) else rho
    return Point(pair, miou, milliseconds, macs, (1.0, 0.5, 0.5))


POINTS = [point(0.5, 60.0, 5.0, 5e9), point(0.9, 70.2, 8.0, 8e9), point(1.0, 70.0, 12.0, 12e9)]


def test_target_chooses_the_threshold() -> None:
    assert Target(0.3).choose(POINTS).rho == (0.9, 0.9)
    assert Target(0.1).choose([POINTS[0], POINTS[2]]).rho == (1.0, 1.0)
    assert Target(None, 9.0).choose(POINTS).rho == (0.9, 0.9)
    with pytest.raises(InputError, match=r"fastest takes 5\.0 ms"):
        Target(None, 4.0).choose(POINTS)


def test_loss_counts_from_the_best_of_the_sweep() -> None:
    points = [point(0.9, 69.8, 8.0, 8e9), point(0.95, 70.2, 9.0, 9e9), point(1.0, 70.0, 12.0, 12e9)]
    assert Target(0.3).choose(points).rho == (0.95, 0.95)


def test_of_equal_points_the_highest_threshold_is_chosen() -> None:
    equal = [point(rho, 70.0, 12.0, 12e9) for rho in (0.5, 0.9, 1.0)]
    assert Target(0.3).choose(equal).rho == (1.0, 1.0)
    assert Target(None, 20.0).choose(equal).rho == (1.0, 1.0)


def test_each_stage_gets_a_threshold_of_its_own() -> None:
    """The second stage may let go sooner than the first, by the best of all combinations."""

    def measure(rho: tuple[float, ...]) -> Point:
        first, second = rho
        miou = 70.0 - 10 * (first < 0.92) - 10 * (second < 0.7)
        return Point(rho, miou, 1.0, 5.0 + 4 * first + 2 * second, (1.0, 1.0, 1.0))

    points = sweep(measure, SWEEP, 2)
    assert Target(0.3).choose(points).rho == (0.92, 0.92)
    assert refine(measure, points, Target(0.3)).rho == (0.92, 0.7)


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
