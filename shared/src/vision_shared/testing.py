"""What the tasks' tests share; ``pytest_plugins = ["vision_shared.testing"]`` for the fixture."""

import copy
import doctest
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils import _pytree as pytree

from vision_shared.compiling import compile_network
from vision_shared.datamodule import TaskData
from vision_shared.prepare import Source
from vision_shared.run import build, silence_libraries

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
        load: function that takes changes of a datamodule's arguments; returns it set up to fit.
    """
    alone = epochs(load(), 0, 1)
    with warnings.catch_warnings():  # of more workers than cores, where there is one
        warnings.filterwarnings("ignore", "This DataLoader will create 2 worker processes")
        assert are_equal(alone, epochs(load(num_workers=2), 0, 1))
    half = len(alone) // 2
    assert are_equal(alone[half:], epochs(load(), 1))  # as after a resume
    assert not are_equal(alone[:half], alone[half:])
    assert not are_equal(alone, epochs(load(seed=1), 0, 1))


@torch.no_grad()
def expect_compiled_alike(
    network: nn.Module,
    calls: Sequence[tuple[Tensor, ...]],
    parts: int,
    backend: str = "aot_eager",
) -> None:
    """Assert that a network compiled as for a GPU answers as it does uncompiled, call by call.

    Args:
        network: network in evaluation, which has the fewest operators to trace.
        calls: its inputs, of several sizes.
        parts: parts of it that run, each as one graph, or as one more for what is special in a
            size.
        backend: ``eager`` traces once instead of three times, and sees less.
    """
    torch.compiler.reset()
    compiled = copy.deepcopy(network)
    counter = CompileCounterWithBackend(backend)
    compile_network(compiled, backend=counter, dynamic=True)  # from the first call on
    for inputs in calls:
        answers = []
        for each in (network, compiled):
            torch.manual_seed(0)
            leaves = pytree.tree_leaves(each(*inputs))
            answers.append([x for x in leaves if isinstance(x, Tensor)])
        torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-4)
    torch.compiler.reset()
    assert parts <= counter.frame_count <= 2 * parts


def graphs_of_a_step(cfg: DictConfig) -> int:
    """Return how many graphs the first step of a training runs once its network is compiled."""
    cfg.trainer.update(max_epochs=1, limit_train_batches=1, limit_val_batches=0)
    run = build(cfg)
    torch.compiler.reset()
    graphs = CompileCounterWithBackend("aot_eager")
    network: Any = run.module.net
    compile_network(network, backend=graphs)
    silence_libraries(cfg)
    run.trainer.fit(run.module, datamodule=run.data)
    torch.compiler.reset()
    return graphs.frame_count


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


class Captures:
    """Stands in for CUDA's capture of a graph: a replay computes once more, over the last answer.

    Attributes:
        number: number of captures so far.
        replays: number of replays so far.
    """

    def __init__(self) -> None:
        self.number = self.replays = 0

    def __call__(self, run: Callable[[], Any]) -> tuple[Callable[[], object], Any]:
        """Run it, and return what runs it again, and its answer."""
        self.number += 1
        answer = run()

        def replay() -> None:
            self.replays += 1
            with torch.inference_mode():  # a replay knows of no mode
                answer.copy_(run())

        return replay, answer


def run_notebook(path: Path) -> dict[str, Any]:
    """Run the code cells of a notebook, in their order, in one scope, which is returned."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), scope)
    return scope


def expect_sound_sources(sources: Mapping[str, Source], roots: Mapping[str, Path]) -> None:
    """Expect of a table of data sets that what it names is there, and sums and addresses are some.

    Args:
        sources: table of a task.
        roots: folders of the data sets of its ``check_data``, by their names.
    """
    for name, source in sources.items():
        assert set(source.checks) <= set(roots), name
        assert all(source.root == roots[check] for check in source.checks), name
        for file in source.files:
            assert (file.address or source.request) and not Path(file.makes).is_absolute(), name
            assert file.address is None or file.address.startswith(("http://", "https://")), name
            known = r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}"
            assert file.digest is None or re.fullmatch(known, file.digest), name
        for function in (source.convert, *(file.arrange for file in source.files)):
            assert function is None or callable(resolve_name(function)), name
