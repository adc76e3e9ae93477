"""The command lines of the processes of one training."""

import pytest

from vision_shared.processes import single_job
from vision_shared.training_command import arguments_of_rank


def test_child_of_a_sweep_gets_its_job_alone() -> None:
    sweep = ["train", "-m", "--config-dir", "my", "seed=0,1", "+a.b=1", "~c", "hydra.sweep.dir=x"]
    overrides = ["hydra.sweep.dir=x", "hydra.mode=MULTIRUN", "seed=1", "+a.b=1", "~c"]
    assert single_job(sweep, overrides) == [
        "train", "--config-dir", "my", "hydra.sweep.dir=x", "seed=1", "+a.b=1", "~c",
        "hydra/job_logging=stdout",
    ]  # fmt: skip


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID"])
def test_only_the_first_process_makes_a_folder(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "0")
    assert arguments_of_rank(["seed=1"]) == []
    monkeypatch.setenv(variable, "1")
    assert {"hydra.run.dir=.", "hydra.output_subdir=null"} <= set(arguments_of_rank(["seed=1"]))
    assert arguments_of_rank(["hydra.run.dir=all"]) == []
