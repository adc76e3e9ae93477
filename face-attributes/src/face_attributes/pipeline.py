"""The paper's pipeline: trainings one after another, each from the weights of the one before."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from vision_shared import run
from vision_shared.inputs import InputError


def train(cfg: DictConfig) -> float:
    """Go through the steps that a config has; one without ``steps`` is a single training.

    Every step is a run of its own, in a folder of its name below the output folder; one that says
    ``tested: false`` is tested only where it is the last. With ``resume``
    the step of that checkpoint goes on where it was written, and the later ones follow.

    Returns:
        The last step's best monitored value.

    Raises:
        InputError: no such step, or nothing that a step alone could go on from.
        FileNotFoundError, CheckpointError: as `vision_shared.run.train`.
    """
    if "steps" not in cfg:
        return run.train(cfg)
    resume, weights = run.find_resume(cfg), cfg.weights
    score = 0.0
    names = steps_of(cfg, resume)
    check_steps(cfg, names)
    for name in names:
        step = configure_step(cfg, name, weights, resume)
        print(f"step {name}: {step.trainer.max_epochs} epochs", flush=True)
        is_tested = name == names[-1] or cfg.steps[name].get("tested", True)
        score = run.train(step, tested=is_tested)
        weights, resume = kept_by(step) or weights, None
    return score


def check_steps(cfg: DictConfig, names: Sequence[str]) -> None:
    """Raise what the data of any step raises, before the first one has trained."""
    for name in names:
        try:
            data = run.make(configure_step(cfg, name, None, None).data)
            data.prepare_data()
            data.setup("fit")
        except InputError as error:
            raise InputError(f"step {name}: {error}; steps.{name}=null leaves it out") from error


def steps_of(cfg: DictConfig, resume: str | None = None) -> list[str]:
    """Return the names of the steps to go through, from the one of a checkpoint to resume on."""
    names = [name for name, changes in cfg.steps.items() if changes is not None]
    if cfg.step is not None and cfg.step not in names:
        raise InputError(f"expected a step among {', '.join(names)}, got step={cfg.step}")
    if cfg.step not in (None, names[0]) and cfg.weights is None and resume is None:
        raise InputError(
            f"step={cfg.step} goes on from {', '.join(names[: names.index(cfg.step)])}: name "
            "their checkpoint, weights=CKPT"
        )
    if "ddp" in str(cfg.trainer.strategy) and cfg.step is None:
        raise InputError("several processes train one step at a time: name it, step=lnet_o")
    if cfg.step is not None:
        return [cfg.step]
    return names if resume is None else names[names.index(step_of(resume, cfg)) :]


def step_of(checkpoint: str, cfg: DictConfig) -> str:
    """Return the step that wrote a checkpoint, by the folder of its run.

    Raises:
        InputError: that folder has not the name of a step.
    """
    name = Path(checkpoint).resolve().parent.parent.name
    if name not in cfg.steps:
        raise InputError(
            f"{checkpoint}: expected a checkpoint where a step wrote it, "
            f"STEP/checkpoints/last.ckpt, with a STEP among {', '.join(cfg.steps)}"
        )
    return name


def configure_step(
    cfg: DictConfig, name: str, weights: str | None, resume: str | None
) -> DictConfig:
    """Return the config of one step: the whole one's, with what the step changes."""
    changes = OmegaConf.to_container(cfg.steps[name], resolve=False)
    assert isinstance(changes, dict)
    length = changes.pop("length")
    changes.pop("tested", None)
    step = OmegaConf.merge(cfg, changes)
    assert isinstance(step, DictConfig)
    with open_dict(step):
        del step.steps, step.step
        step.trainer.max_epochs = max(1, round(length * cfg.trainer.max_epochs))
        step.output_dir = str(Path(cfg.output_dir) / name)
        step.weights, step.resume = weights, resume
    return step


def kept_by(step: DictConfig) -> str | None:
    """Return the checkpoint of a step from which the next one goes on; None if it kept none."""
    for name in ("best.ckpt", "last.ckpt"):
        path = Path(step.output_dir) / "checkpoints" / name
        if path.is_file():
            return str(path)
    print("the step kept no checkpoint: the next one does not go on from it", flush=True)
    return None
