"""The whole: compose, train, resume, sweep, distribute, evaluate, export, install."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vision_shared.checkpoints import CheckpointError, read_checkpoint
from vision_shared.evaluate import evaluate
from vision_shared.evaluate import main as evaluate_main
from vision_shared.export import export
from vision_shared.inputs import InputError
from vision_shared.run import build, train
from vision_shared.wandb_mode import choose_wandb_mode
from voxel_flow.module import VoxelFlowModule

Config = Callable[..., DictConfig]
TINY = ("experiment=smoke", "data.size=64")


def choices(group: str) -> list[str]:
    folder = files("voxel_flow.conf") / group
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def run_module(module: str, *arguments: str, cwd: Path, **env: str) -> CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def state(folder: Path, name: str = "last.ckpt") -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / "checkpoints" / name).state_dict


CHOICES = [f"{g}={c}" for g in ("data", "module", "experiment") for c in choices(g)]


@pytest.mark.parametrize("override", CHOICES)
@pytest.mark.parametrize("trainer", ["default", "smoke", "ddp"])
def test_every_choice_composes_and_builds(config: Config, override: str, trainer: str) -> None:
    cfg = config("voxel_flow", override, f"trainer={trainer}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if trainer == "smoke":
        assert isinstance(build(cfg).module, VoxelFlowModule)


def test_gpu_trainer_composes(config: Config) -> None:
    cfg = config("voxel_flow", "trainer=gpu")
    assert (cfg.trainer.precision, cfg.compile, cfg.channels_last) == ("half", True, True)
    assert cfg.trainer.max_epochs == config("voxel_flow").trainer.max_epochs
    assert cfg.loads_by_cores


def test_as_many_load_as_cores_allow_where_a_run_asks_for_it(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vision_shared.loaders.usable_cores", lambda: 12)
    for asked, given, expected in ((False, 2, 2), (True, 2, 11), (True, 0, 0), (True, 14, 14)):
        cfg = config("voxel_flow", f"loads_by_cores={asked}", f"data.num_workers={given}")
        data: Any = build(cfg).data
        assert data.num_workers == expected


def test_training_leaves_everything_a_run_promises(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    cfg = config("voxel_flow", *TINY, "logger=[csv,tensorboard]", "seed=3")
    score = train(cfg)

    printed = capsys.readouterr().out
    for text in ("frame average", "DIS flow", "ours", "rendered", "best.ckpt"):
        assert text in printed
    assert (tmp_path / "results.md").read_text().count("| ours |") == 2  # images and flow
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"test/psnr", "test/ssim", "test/epe"} <= results.keys()
    assert list((tmp_path / "panels").glob("val_synthesis_*.png"))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    (entry,) = (b for n, b in events.summary_metadata.items() if n == "_hparams_/experiment")
    assert b"test/psnr" in entry.SerializeToString()  # beside the hyper-parameters
    scalars: Any = events.Tags()["scalars"]
    assert "hp_metric" not in scalars
    header = (tmp_path / "csv/metrics.csv").read_text()
    throughput = ("train/samples_per_second", "train/peak_memory_mib")
    for name in ("train/loss", "val/psnr", *throughput, "lr-"):
        assert name in header
    recorded = OmegaConf.load(tmp_path / "config.yaml")
    assert recorded.seed == 3
    assert "commit" in recorded
    best = read_checkpoint(tmp_path / "checkpoints/best.ckpt", task="voxel-flow")
    assert best.data["choice"] == "rendered"
    assert "_target_" not in json.dumps([best.data, best.hyper_parameters])
    assert 5 < score < 60


def test_checkpoint_alone_gives_the_same_numbers(config: Config, tmp_path: Path) -> None:
    train(config("voxel_flow", *TINY))
    checkpoint = read_checkpoint(tmp_path / "checkpoints/best.ckpt")
    tables = evaluate(checkpoint, ["trainer=smoke"])
    assert "\n".join(t.markdown() for t in tables) == (tmp_path / "results.md").read_text()
    other = evaluate(checkpoint, ["trainer=smoke", "seed=7", "data.size=32"])
    assert other[0].rows != tables[0].rows


def test_evaluate_takes_overrides_wherever_they_stand(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    train(config("voxel_flow", *TINY))
    best = str(tmp_path / "checkpoints/best.ckpt")
    capsys.readouterr()
    assert evaluate_main([best, "--task", "voxel-flow", "trainer=smoke", "data.size=32"]) == 0
    assert "rendered-32" in capsys.readouterr().out
    assert evaluate_main([best, "data.nothing=32"]) == 2
    assert "data.nothing" in capsys.readouterr().err


def test_evaluate_refuses_another_tasks_checkpoint(config: Config, tmp_path: Path) -> None:
    train(config("voxel_flow", *TINY))
    with pytest.raises(CheckpointError, match="of voxel-flow, expected one of fashion"):
        read_checkpoint(tmp_path / "checkpoints/best.ckpt", task="fashion")


def test_exported_program_equals_the_network(config: Config, tmp_path: Path) -> None:
    train(config("voxel_flow", *TINY))
    program = tmp_path / "network.pt2"
    assert export(read_checkpoint(tmp_path / "checkpoints/best.ckpt"), program) < 1e-5
    with pytest.raises(InputError, match=r"network\.pt2"):
        export(read_checkpoint(tmp_path / "checkpoints/best.ckpt"), program)


class StopAfterFirstEpoch(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize("num_workers", [0, 1])
def test_resumed_run_equals_uninterrupted(config: Config, tmp_path: Path, num_workers: int) -> None:
    common = (*TINY, "trainer.max_epochs=3", f"data.num_workers={num_workers}")
    interrupted = config("voxel_flow", *common, f"output_dir={tmp_path}/half")
    with open_dict(interrupted):
        interrupted.callbacks.stop = {"_target_": f"{__name__}.StopAfterFirstEpoch"}
    train(interrupted)
    train(config("voxel_flow", *common, f"output_dir={tmp_path}/whole"))
    half = f"resume={tmp_path}/half/checkpoints/last.ckpt"
    train(config("voxel_flow", *common, f"output_dir={tmp_path}/rest", half))
    whole, rest = state(tmp_path / "whole"), state(tmp_path / "rest")
    assert whole.keys() == rest.keys()
    for name in whole:
        assert torch.equal(whole[name], rest[name]), name


def test_resume_last_finds_the_newest_run(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs" / "my" / "own"  # a run's files say whose it is, not its folder
    train(config("voxel_flow", *TINY, f"output_dir={runs}/one"))
    resumed = (f"output_dir={tmp_path}/two", "resume=last", "trainer.max_epochs=2")
    train(config("voxel_flow", *TINY, *resumed))
    content = torch.load(tmp_path / "two/checkpoints/last.ckpt", weights_only=True)
    assert content["global_step"] == 4  # two epochs of two steps, the first of them before


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    common = (
        "experiment=smoke", "data.size=64", "logger=csv", "data.eval_batch_size=2",
        "trainer.limit_train_batches=3", "trainer.precision=64-true",
    )  # fmt: skip
    one = ("data.batch_size=4", f"hydra.run.dir={tmp_path}/one")
    ddp = ("trainer.strategy=ddp", "trainer.devices=2")
    two = ("data.batch_size=2", f"hydra.run.dir={tmp_path}/two", *ddp)
    run_module("voxel_flow.train", *common, *one, cwd=tmp_path)
    done = run_module("voxel_flow.train", *common, *two, cwd=tmp_path)
    assert done.stdout.count("frame average") == 1  # the table is printed once
    whole, halves = state(tmp_path / "one"), state(tmp_path / "two")
    for name in whole:
        torch.testing.assert_close(whole[name], halves[name], atol=1e-9, rtol=1e-9)


def test_multirun_keeps_its_jobs_apart(tmp_path: Path) -> None:
    run_module(
        "voxel_flow.train", "--multirun", "seed=0,1", *TINY, "hydra.sweep.dir=sweep", cwd=tmp_path
    )
    first, second = state(tmp_path / "sweep/0"), state(tmp_path / "sweep/1")
    assert any(not torch.equal(first[name], second[name]) for name in first)
    for job in ("0", "1"):  # one wandb run each
        assert len(list((tmp_path / "sweep" / job / "wandb").glob("offline-run-*"))) == 1


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        (["+trainer.fast_dev_run=true"], "the weights at the end of training are tested"),
        (["trainer.limit_val_batches=0"], "the last one is tested"),
        (["callbacks.checkpoint=null", "trainer.limit_test_batches=0"], "no test: "),
        (["~logger", "~callbacks", "trainer.max_epochs=0"], "are tested"),
    ],
)
def test_switches_leave_out_what_cannot_be_done_and_say_so(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture, switches: list[str], said: str
) -> None:
    cfg = config("voxel_flow", *TINY, *switches)
    assert math.isnan(train(cfg))
    printed = capsys.readouterr().out
    assert said in printed
    assert (tmp_path / "results.md").exists() == ("no test" not in printed)
    assert (tmp_path / "checkpoints/last.ckpt").exists() == ("limit_val_batches=0" in switches[0])


def test_online_run_needs_a_key_and_the_environment_wins(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    cfg = config("voxel_flow", *TINY, "logger=wandb", "logger.wandb.offline=false")
    with pytest.raises(InputError, match="no key; run `wandb login` or set WANDB_API_KEY"):
        train(cfg)
    monkeypatch.setenv("WANDB_MODE", "offline")
    choose_wandb_mode(cfg)
    assert cfg.logger.wandb.offline
    monkeypatch.setenv("WANDB_MODE", "disabled")
    choose_wandb_mode(cfg)
    assert not cfg.logger.wandb.offline  # which the logger would otherwise force on wandb
    monkeypatch.setenv("WANDB_MODE", "of")
    with pytest.raises(InputError, match="WANDB_MODE=of: expected one of online"):
        choose_wandb_mode(cfg)


def test_sweep_runs_each_of_its_jobs_on_two_processes(tmp_path: Path) -> None:
    ddp = ("trainer.strategy=ddp", "trainer.devices=2", "trainer.limit_test_batches=0")
    sweep = ("-m", "seed=0,1", "hydra.sweep.dir=sweep", "data.eval_batch_size=2")
    done = run_module("voxel_flow.train", *sweep, *TINY, *ddp, "logger=csv", cwd=tmp_path)
    assert done.stdout.count("no test: ") == 2
    assert {path.name for path in tmp_path.iterdir()} <= {"sweep", "data"}
    for job in ("0", "1"):
        header = (tmp_path / "sweep" / job / "csv/metrics.csv").read_text()
        assert "val/psnr" in header and state(tmp_path / "sweep" / job)


def test_terminated_command_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voxel_flow.train", *TINY, "logger=csv", "hydra.run.dir=a"]
    training = subprocess.Popen(
        [*command, "trainer.max_epochs=1000"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    last = tmp_path / "a/checkpoints/last.ckpt"
    while training.poll() is None and not last.exists():
        time.sleep(0.1)
    training.terminate()
    _, said = training.communicate()
    assert training.returncode == 143
    assert "SIGTERM at step" in said and "resume=a/checkpoints/last.ckpt" in said
    assert {path.name for path in last.parent.iterdir()} == {"best.ckpt", "last.ckpt"}


def test_bad_resume_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "voxel_flow.train", *TINY, "resume=nothing.ckpt"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "train: nothing.ckpt: no such checkpoint; train one with `make train`"
    ]


def test_wheels_train_from_another_directory(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    site = tmp_path / "site"
    for project in ("shared", "voxel-flow"):
        pip = [sys.executable, "-m", "pip", "--quiet"]
        wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, root / project]
        subprocess.run(wheel, check=True)
    wheels = [str(path) for path in tmp_path.glob("*.whl")]
    subprocess.run([*pip, "install", "--no-deps", "--target", site, *wheels], check=True)
    where = "import voxel_flow, vision_shared; print(voxel_flow.__file__, vision_shared.__file__)"
    env = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", where]
    found = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert found.stdout.count(str(site)) == 2
    done = run_module("voxel_flow.train", *TINY, "logger=csv", cwd=tmp_path, PYTHONPATH=str(site))
    assert "frame average" in done.stdout
    assert list(tmp_path.glob("runs/voxel-flow/*/checkpoints/best.ckpt"))
