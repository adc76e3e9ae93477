"""The threads of a command: by the cores that are free, unless the user has said."""

import os
import subprocess
import sys

import pytest

from vision_shared.threads import CHOSEN, SETTINGS, choose_threads, free_cores, usable_cores

CLEAN = {name: value for name, value in os.environ.items() if name not in (*SETTINGS, CHOSEN)}


def printed(command: str = "", **environment: str) -> str:
    """What ``python -m vision_shared.threads`` prints, in an environment without any setting."""
    arguments = ["-c", command] if command else ["-m", "vision_shared.threads"]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**CLEAN, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_assignments_are_printed_for_a_shell() -> None:
    chosen = dict(word.split("=") for word in printed().split())
    assert {"GOMP_SPINCOUNT", CHOSEN} <= set(chosen) <= {*SETTINGS, CHOSEN}
    assert 1 <= int(chosen[CHOSEN]) <= usable_cores()
    assert chosen.get("OMP_NUM_THREADS", str(usable_cores())) == chosen[CHOSEN]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_what_the_user_has_set_is_left_alone(name: str) -> None:
    assert printed(**{name: "3"}) == f"{name}=3\n"


def test_affinity_limits_the_threads() -> None:
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}});"
        "from vision_shared.threads import choose_threads; print(choose_threads())"
    )
    assert "threads: 1 (" in printed(code) and "of 1 cores" in printed(code)


def test_nothing_is_chosen_once_torch_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert torch.get_num_threads() and choose_threads() is None
    assert "OMP_NUM_THREADS" not in os.environ


def test_busy_core_is_not_free() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        cores = usable_cores()
        assert 0 <= free_cores(cores) <= cores - 0.3
    finally:
        busy.kill()
        busy.wait()


def test_training_says_what_it_has_chosen_before_torch_is_imported() -> None:
    code = (
        "import sys; from vision_shared import training_command as c; c.prepare();"
        "print(sys.argv[1:], 'torch' in sys.modules)"
    )
    first, second = printed(code).splitlines()
    assert first.startswith("threads: ") and first.endswith("OMP_NUM_THREADS=N overrides")
    assert second == "[] False"
