"""What the tasks' tests share; ``pytest_plugins = ["vision_shared.testing"]`` for the fixture."""

import doctest
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from vision_shared.datamodule import TaskData

Batch = dict[str, Any]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Callable[..., DictConfig]]:
    """Compose a task's train config as its command line would, with outputs under ``tmp_path``.

    ``config("voxel_flow", "experiment=smoke", ...)`` -> what ``train(cfg)`` takes. CSV is the only
    logger unless an override says otherwise.
    """

    def make(package: str, *overrides: str) -> DictConfig:
        defaults = [f"output_dir={tmp_path}", f"data.root={tmp_path}/data", "logger=csv"]
        with initialize_config_module(f"{package}.conf", version_base="1.3"):
            cfg = compose("train", [*defaults, *overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)  # what @hydra.main does
        with open_dict(cfg):
            del cfg.hydra
        return cfg

    yield make
    HydraConfig.instance().cfg = None


def expect_epochs_to_repeat(load: Callable[..., TaskData]) -> None:
    """Assert that the seed and the epoch decide what trains, not the workers, nor a resume.

    Args:
        load: takes changes of a datamodule's arguments; returns it set up to fit.
    """
    alone = epochs(load(), 0, 1)
    with warnings.catch_warnings():  # of more workers than cores, where there is one
        warnings.filterwarnings("ignore", "This DataLoader will create 2 worker processes")
        assert are_equal(alone, epochs(load(num_workers=2), 0, 1))
    half = len(alone) // 2
    assert are_equal(alone[half:], epochs(load(), 1))  # as after a resume
    assert not are_equal(alone[:half], alone[half:])
    assert not are_equal(alone, epochs(load(seed=1), 0, 1))


def epochs(data: TaskData, *numbers: int) -> list[Batch]:
    """Load epochs of training as Lightning does."""
    loader = data.train_dataloader()
    batches = []
    for number in numbers:
        loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
        batches += list(loader)
    return batches


def are_equal(ours: Sequence[Batch], theirs: Sequence[Batch]) -> bool:
    """Whether batches hold the same; NaN is the same as NaN."""
    pairs = zip(ours, theirs, strict=True)
    return all(a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a) for a, b in pairs)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    return one == other


def modules_with_examples(package: str) -> list[str]:
    """Return the modules of a package whose docstrings have examples (``>>>``)."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    root = Path(spec.submodule_search_locations[0])
    return [
        ".".join([package, *path.relative_to(root).with_suffix("").parts])
        for path in sorted(root.rglob("*.py"))
        if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def check_examples(module: str) -> None:
    """Run the examples of a module; they may differ in white space."""
    outcome = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted
    assert not outcome.failed
