"""Build a run from its config and drive it: fit, test the best checkpoint, print one table."""

import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from vision_shared import callbacks, checkpoints
from vision_shared.addresses import fetch, is_address
from vision_shared.compiling import compile_network
from vision_shared.final_test import best_score, checkpoint_to_test, test
from vision_shared.inputs import InputError
from vision_shared.newest_checkpoint import newest_checkpoint
from vision_shared.processes import processes_of_job, sweep_folder, wait_for_children
from vision_shared.resuming import expect_training_state, restoring
from vision_shared.signals import Terminated
from vision_shared.stopping import StopOnSignal, last_checkpoint
from vision_shared.threads import shared_threads
from vision_shared.training_command import say
from vision_shared.wandb_mode import choose_wandb_mode


@dataclass(frozen=True)
class Run:
    """The objects of one training, built from its config."""

    data: pl.LightningDataModule
    module: pl.LightningModule
    trainer: pl.Trainer


def train(cfg: DictConfig, *, tested: bool = True) -> float:
    """Fit, test the best checkpoint, report; return the best monitored value, or NaN without one.

    With ``resume`` the run goes on exactly where that checkpoint was written. One that is not to be
    ``tested`` reports nothing.

    Raises:
        FileNotFoundError: the checkpoint to resume from, or the data, is not there.
        CheckpointError: the checkpoint to resume from is not of this task.
        InputError: an online logger cannot log in.
        Terminated: a signal has ended it; what there is to go on from is said.
    """
    resume = find_resume(cfg)
    choose_wandb_mode(cfg)
    silence_libraries(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    run = build(cfg)
    log_config(cfg, run.trainer)
    try:
        with processes_of_job(), shared_threads(run.trainer.num_devices):
            fit(run, resume)
        if tested and run.trainer.is_global_zero:
            checkpoint = checkpoint_to_test(run.trainer, cfg.monitor)
            test(cfg, run.module, run.data, on_one_device(cfg, run.trainer), checkpoint)
        return best_score(run.trainer)
    finally:
        wandb = sys.modules.get("wandb")  # a run without its logger does not import it
        if wandb is not None and wandb.run is not None:  # else a sweep's next job would log into it
            wandb.finish()


def fit(run: Run, resume: str | None) -> None:
    """Fit with every process of the run; a signal ends it with a word about how to go on."""
    trainer: Any = run.trainer
    stop = next(c for c in trainer.callbacks if isinstance(c, StopOnSignal))
    try:
        with restoring(trainer, resume):
            trainer.fit(run.module, datamodule=run.data, ckpt_path=resume, weights_only=True)
        if stop.received is not None:  # too late to stop in the middle
            raise Terminated(stop.received)
    except BaseException as error:
        wait_for_children(trainer, kill=True)
        if isinstance(error, Terminated) and trainer.is_global_zero:
            say_how_to_go_on(error, trainer)
        raise
    wait_for_children(trainer)


def on_one_device(cfg: DictConfig, trainer: pl.Trainer) -> pl.Trainer:
    """Return a trainer of one process, in the first of several that have trained."""
    if trainer.world_size == 1:
        return trainer
    torch.distributed.destroy_process_group()
    one = {"devices": 1, "num_nodes": 1, "strategy": "auto", "enable_progress_bar": False}
    return make_trainer(cfg, trainer.loggers, [], **one)


def say_how_to_go_on(ended: Terminated, trainer: pl.Trainer) -> None:
    """Say what a signal has ended, and from where to go on."""
    last = last_checkpoint(trainer)
    if last is None:
        say(f"{ended} at step {trainer.global_step}: no checkpoint to go on from has been written")
    else:
        path = os.path.relpath(last)
        say(f"{ended} at step {trainer.global_step}: go on with the same command and resume={path}")


def build(cfg: DictConfig) -> Run:
    """Make the datamodule, the module and the trainer of a config.

    What a module has to know of its data, such as the names of the classes, the datamodule says in
    ``facts``: plain arguments of the module, which a checkpoint then records.
    """
    if cfg.trainer.get("overfit_batches"):
        raise InputError(
            "trainer.overfit_batches: orders and augmentations follow from the seed and the epoch; "
            "train on few batches with trainer.limit_train_batches=N"
        )
    data = make(cfg.data)
    module = make(cfg.module, **getattr(data, "facts", {}))
    start_from(cfg, module.net)
    prepare_network(module.net, compile=cfg.compile, channels_last=cfg.channels_last)
    record = checkpoints.record(cfg.task, data=data_record(cfg), commit=commit())
    bar = callbacks.progress()
    own = [bar, callbacks.CheckpointRecord(record), callbacks.ExactResume(cfg.seed), StopOnSignal()]
    has_bar = isinstance(bar, pl.callbacks.ProgressBar)
    loggers = make_all(cfg.get("logger"))
    return Run(data, module, make_trainer(cfg, loggers, own, enable_progress_bar=has_bar))


def make_trainer(
    cfg: DictConfig, loggers: Sequence[Any], own: Sequence[pl.Callback], **settings: Any
) -> pl.Trainer:
    """Make the trainer of a config, with callbacks and settings beside those that it names."""
    configured = usable_callbacks(cfg, make_all(cfg.get("callbacks")), loggers)
    return make(
        cfg.trainer,
        precision=precision(cfg.trainer.precision),
        callbacks=[*configured, *own],
        logger=loggers,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in configured),
        **settings,
    )


def usable_callbacks(
    cfg: DictConfig, configured: Sequence[pl.Callback], loggers: Sequence[Any]
) -> list[pl.Callback]:
    """Return the callbacks that the rest of a config leaves something to do."""
    unusable: tuple[type[pl.Callback], ...] = ()
    if cfg.trainer.get("fast_dev_run") or not cfg.trainer.get("enable_checkpointing", True):
        unusable += (ModelCheckpoint,)
    if not loggers:
        unusable += (pl.callbacks.LearningRateMonitor,)
    return [callback for callback in configured if not isinstance(callback, unusable)]


def make(node: DictConfig, **kwargs: Any) -> Any:
    """Instantiate with plain Python containers: Lightning refuses to reload OmegaConf ones.

    Raises:
        InputError: what the target says of the user's values, without Hydra's frame around it.
    """
    try:
        return instantiate(node, _convert_="all", **kwargs)
    except InstantiationException as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise


def make_all(group: DictConfig | None) -> list[Any]:
    """Instantiate every entry of a config group that is not null."""
    return [make(node) for node in (group or {}).values() if node is not None]


def start_from(cfg: DictConfig, network: torch.nn.Module) -> None:
    """Give a network the weights of the checkpoint that the config names, if it names one.

    Layers whose names end in one of the network's ``replaceable`` may differ from the checkpoint's
    in shape, or be missing on either side: they are reported, and reinitialised.

    Raises:
        CheckpointError: it is of another task, or of another network.
        InputError: as `vision_shared.addresses.fetch`.
    """
    if cfg.weights is None:
        return
    path = fetch(cfg.weights) if is_address(cfg.weights) else cfg.weights
    checkpoint = checkpoints.read_checkpoint(path, task=cfg.task)
    weights, own = checkpoint.weights(), network.state_dict()
    differing = differing_layers(own, weights, getattr(network, "replaceable", ()))
    if differing:
        print(f"{cfg.weights}: not taken over, for they differ: {', '.join(sorted(differing))}")
    kept = {key: value for key, value in weights.items() if layer_of(key) not in differing}
    fresh = {key: value for key, value in own.items() if layer_of(key) in differing}
    try:
        network.load_state_dict(kept | fresh)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        message = f"{cfg.weights}: not the weights of this network: {reason}"
        raise checkpoints.CheckpointError(message) from error


def differing_layers(
    own: Mapping[str, Tensor], other: Mapping[str, Tensor], names: Sequence[str]
) -> set[str]:
    """Return the layers, of those that end in one of ``names``, of which two states differ."""
    shapes, others = ({key: v.shape for key, v in state.items()} for state in (own, other))
    return {
        layer_of(key)
        for key in {*own, *other}
        if layer_of(key).rpartition(".")[2] in names and shapes.get(key) != others.get(key)
    }


def layer_of(key: str) -> str:
    """Return the name of the layer that a tensor of a state dict belongs to."""
    return key.rpartition(".")[0]


def prepare_network(network: torch.nn.Module, *, compile: bool, channels_last: bool) -> None:
    """Compile in place (keeps the checkpoint's names) and choose the memory format."""
    if channels_last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compile:
        compile_network(network)


def precision(name: str) -> str:
    """Resolve ``half``: bf16-mixed where the GPU has it, else 16-mixed."""
    if name != "half":
        return name
    # GPUs before Ampere emulate bf16, which is slower than float32
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has_bf16 else "16-mixed"


def silence_libraries(cfg: DictConfig) -> None:
    """Keep the libraries' advice and deprecations out of the user's log."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)  # Lightning 2.6, torch 2.14
    # parts that are compiled by themselves are given what others have made
    warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf")
    # networks that train in steps keep parts in evaluation on purpose, also when resumed
    warnings.filterwarnings("ignore", ".*module\\(s\\) in eval mode at the start of training")
    wandb_logger = (cfg.get("logger") or {}).get("wandb")
    if wandb_logger and wandb_logger.offline:  # online it has a URL to show
        import wandb

        wandb.setup(wandb.Settings(silent=True, mode="offline"))


def find_resume(cfg: DictConfig) -> str | None:
    """Return the checkpoint to go on from, checked to be of this task; None for a new run."""
    if cfg.resume is None:
        return None
    path = cfg.resume
    if path == "last":
        folders = [Path("runs")]
        if Path(cfg.output_dir).absolute() != Path.cwd():  # named by the user, perhaps
            folders.append(Path(cfg.output_dir))
        sweep = sweep_folder()  # whose jobs do not go on from each other
        path = newest_checkpoint(cfg.task, *folders, name="last.ckpt", without=sweep)
        print(f"resuming from {path}")
    checkpoints.read_checkpoint(path, task=cfg.task)
    expect_training_state(str(path))
    return str(path)


def log_config(cfg: DictConfig, trainer: pl.Trainer) -> None:
    """Give the resolved config, the commit and the command line to every logger and to a file."""
    if not trainer.is_global_zero:
        return
    resolved = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(resolved, dict)
    facts = {"commit": commit(), "torch": str(torch.__version__), "command": " ".join(sys.argv)}
    for logger in trainer.loggers:
        logger.log_hyperparams({"config": resolved, **facts})
    folder = Path(cfg.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create({**resolved, **facts}), folder / "config.yaml")


def data_record(cfg: DictConfig) -> dict[str, Any]:
    """Return the choice and the plain values of the data config, for a checkpoint to keep."""
    values = OmegaConf.to_container(cfg.data, resolve=True)
    choices = HydraConfig.get().runtime.choices if HydraConfig.initialized() else {}
    return {"choice": choices.get("data"), "values": plain_values(values)}


def plain_values(node: Any) -> Any:
    """Drop what names code (``_target_`` and the like): a checkpoint names none."""
    if isinstance(node, dict):
        return {k: plain_values(v) for k, v in node.items() if not k.startswith("_")}
    return [plain_values(item) for item in node] if isinstance(node, list) else node


def commit() -> str | None:
    """Return the commit of the code that runs, ``-dirty`` if it differs; None outside a checkout.

    Asked of this very file: a wheel installed below some other project's checkout has no commit.
    """

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    try:
        if git("ls-files", "--error-unmatch", Path(__file__).name).returncode:
            return None
    except FileNotFoundError:  # no git here
        return None
    return git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*").stdout.strip()
