"""Build a run from its config and drive it: fit, test the best checkpoint, print one table."""

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import wandb
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from vision_shared import callbacks, checkpoints
from vision_shared.inputs import InputError
from vision_shared.resuming import expect_training_state, restoring
from vision_shared.tables import print_tables


@dataclass(frozen=True)
class Run:
    """The objects of one training, built from its config."""

    data: pl.LightningDataModule
    module: pl.LightningModule
    trainer: pl.Trainer


def main(cfg: DictConfig, steps: Callable[[DictConfig], float] | None = None) -> float:
    """Train for a command line: a mistake in the input is one line and exit code 2.

    Args:
        cfg: of the run.
        steps: a task's own way to go through several trainings; None is one, `train`.
    """
    try:
        return (steps or train)(cfg)
    except (FileNotFoundError, InputError) as error:
        print(f"train: {error}", file=sys.stderr)
        sys.exit(2)


def train(cfg: DictConfig) -> float:
    """Fit, test the best checkpoint, report; return the best monitored value.

    With ``resume`` the run goes on exactly where that checkpoint was written.

    Raises:
        FileNotFoundError: the checkpoint to resume from, or the data, is not there.
        CheckpointError: the checkpoint to resume from is not of this task.
    """
    resume = find_resume(cfg)
    silence_libraries(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    run = build(cfg)
    log_config(cfg, run.trainer)
    try:
        with restoring(run.trainer, resume):
            run.trainer.fit(run.module, datamodule=run.data, ckpt_path=resume, weights_only=True)
        best = run.trainer.checkpoint_callback
        assert isinstance(best, pl.callbacks.ModelCheckpoint)
        assert best.best_model_score is not None
        score = float(best.best_model_score)
        if run.trainer.is_global_zero:
            test(cfg, run, best.best_model_path)
        return score
    finally:
        if wandb.run is not None:  # else the next job of a sweep would log into this run
            wandb.finish()


def build(cfg: DictConfig) -> Run:
    """Make the datamodule, the module and the trainer of a config.

    What a module has to know of its data, such as the names of the classes, the datamodule says in
    ``facts``: plain arguments of the module, which a checkpoint then records.
    """
    data = make(cfg.data)
    module = make(cfg.module, **getattr(data, "facts", {}))
    start_from(cfg, module.net)
    prepare_network(module.net, compile=cfg.compile, channels_last=cfg.channels_last)
    record = checkpoints.record(cfg.task, data=data_record(cfg), commit=commit())
    own = [callbacks.progress(), callbacks.CheckpointRecord(record)]
    trainer = make(
        cfg.trainer,
        precision=precision(cfg.trainer.precision),
        callbacks=[*make_all(cfg.callbacks), *own],
        logger=make_all(cfg.logger),
        enable_progress_bar=isinstance(own[0], pl.callbacks.ProgressBar),
    )
    return Run(data, module, trainer)


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
    in shape, or be missing on either side: they are said, and begin anew.

    Raises:
        CheckpointError: it is of another task, or of another network.
    """
    if cfg.weights is None:
        return
    checkpoint = checkpoints.read_checkpoint(cfg.weights, task=cfg.task)
    weights, own = checkpoint.weights(), network.state_dict()
    anew = differing_layers(own, weights, getattr(network, "replaceable", ()))
    if anew:
        print(f"{cfg.weights}: not taken over, for they differ: {', '.join(sorted(anew))}")
    kept = {key: value for key, value in weights.items() if layer_of(key) not in anew}
    fresh = {key: value for key, value in own.items() if layer_of(key) in anew}
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
        network.compile()


def precision(name: str) -> str:
    """Resolve ``half``: bf16-mixed where the GPU has it, else 16-mixed."""
    if name != "half":
        return name
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def silence_libraries(cfg: DictConfig) -> None:
    """Keep the libraries' advice and deprecations out of the user's log."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)  # Lightning 2.6, torch 2.14
    # networks that train in steps keep parts in evaluation on purpose, also when resumed
    warnings.filterwarnings("ignore", ".*module\\(s\\) in eval mode at the start of training")
    if cfg.logger.get("wandb") and cfg.logger.wandb.offline:  # online it has a URL to show
        wandb.setup(wandb.Settings(silent=True, mode="offline"))


def find_resume(cfg: DictConfig) -> str | None:
    """Return the checkpoint to go on from, checked to be of this task; None for a new run."""
    if cfg.resume is None:
        return None
    path = cfg.resume
    if path == "last":
        folder = Path(cfg.output_dir).parent  # runs/TASK
        path = checkpoints.newest_checkpoint(folder.name, folder.parent, "last.ckpt")
        print(f"resuming from {path}")
    checkpoints.read_checkpoint(path, task=cfg.task)
    expect_training_state(str(path))
    return str(path)


def test(cfg: DictConfig, run: Run, checkpoint: str) -> None:
    """Test a checkpoint on one device, so that no sample counts twice; report and save."""
    trainer = run.trainer
    if trainer.world_size > 1:
        torch.distributed.destroy_process_group()
        trainer = make(
            cfg.trainer,
            precision=precision(cfg.trainer.precision),
            devices=1,
            num_nodes=1,
            strategy="auto",
            logger=trainer.loggers,
            callbacks=make_all(cfg.callbacks),
            enable_progress_bar=False,
        )
    trainer.test(run.module, run.data, ckpt_path=checkpoint, verbose=False, weights_only=True)
    tables = run.module.tables()  # type: ignore[operator]
    folder = Path(cfg.output_dir)
    (folder / "results.md").write_text("\n".join(table.markdown() for table in tables))
    scores = {name: float(value) for name, value in trainer.logged_metrics.items()}
    (folder / "results.json").write_text(json.dumps(scores, indent=2) + "\n")
    print_tables(tables)
    report_files(folder, checkpoint, cfg.task)


def report_files(folder: Path, checkpoint: str, task: str) -> None:
    """Say where everything was written and what to do next."""
    print(
        f"best checkpoint  {checkpoint}\n"
        f"tables           {folder / 'results.md'}\n"
        f"pictures         {folder / 'panels'}\n"
        f"metrics          {folder}  (make dashboard)\n"
        f"use it           make predict TASK={task} CKPT=last INPUT=..."
    )


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
