"""The threads of a command, chosen before torch is imported by the cores that are really free.

OpenMP's threads wait for each other by spinning. Where they are more than the free cores, the one
that is waited for has to share a core with those that spin, and a training beside one other busy
process runs at a few percent of its speed. So: a thread for each free core, and short spins.

    env $(python -m vision_shared.threads) pytest
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "GOMP_CPU_AFFINITY",
    "OMP_THREAD_LIMIT",
    "OMP_PROC_BIND",
    "KMP_BLOCKTIME",
    "MKL_NUM_THREADS",
)
"""Variables with which a user chooses; one of them, and nothing is chosen here."""

SPINS = 1000
"""Turns of a waiting thread before it sleeps; GNU OpenMP's own choice is 300,000 and more."""

CHOSEN = "VISION_SHARED_THREADS"
"""Says to the processes that a command starts what was chosen, and that no user did."""

_SECONDS = 0.1  # /proc/stat counts hundredths


def choose_threads() -> str | None:
    """Choose for this process and those that it starts; return a line for the user.

    Nothing is chosen, and None returned, where the user has (see `SETTINGS`), and where torch is
    imported already: OpenMP reads its variables once.
    """
    if "torch" in sys.modules or any(name in os.environ for name in SETTINGS):
        return None
    cores = usable_cores()
    free = free_cores(cores)
    threads = max(1, round(free))
    os.environ["GOMP_SPINCOUNT"] = str(SPINS)
    if threads < _available_cores():  # else OpenMP's own choice
        os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ[CHOSEN] = str(threads)
    return f"threads: {threads} ({free:.1f} of {cores} cores are free); OMP_NUM_THREADS=N overrides"


@contextmanager
def shared_threads(num_processes: int) -> Iterator[None]:
    """Divide the threads that were chosen among the processes of a training on this machine."""
    import torch

    if CHOSEN not in os.environ or num_processes < 2:
        yield
        return
    threads = torch.get_num_threads()
    share = max(1, int(os.environ[CHOSEN]) // num_processes)
    os.environ["OMP_NUM_THREADS"] = str(share)  # else Lightning would divide once more
    torch.set_num_threads(share)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)


def usable_cores() -> int:
    """Return the cores that this process may use, by its affinity and its cgroup's quota."""
    return max(1, min([_available_cores(), *(round(quota) for quota in _quotas().values())]))


def _available_cores() -> int:
    """Cores of this process's affinity: the threads that OpenMP starts by itself."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def free_cores(cores: int) -> float:
    """Return how many of the usable cores do nothing now, measured for a tenth of a second."""
    quotas = _quotas()
    start, before = time.perf_counter(), _idle_seconds()
    used = {group: _used_seconds(group) for group in quotas}
    if before is None:
        return max(0.0, cores - os.getloadavg()[0])
    time.sleep(_SECONDS)
    seconds = time.perf_counter() - start
    after = _idle_seconds() or 0.0
    free = [cores, (after - before) / seconds]
    for group, quota in quotas.items():  # the rest of the quota
        free.append(quota - (_used_seconds(group) - used[group]) / seconds)
    return max(0.0, min(free))


def _idle_seconds() -> float | None:
    """Seconds that the cores of our affinity have been idle in all; None where it is not known."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
        ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    except (OSError, AttributeError):
        return None
    fields = [line.split() for line in lines]
    idle = [int(f[4]) + int(f[5]) for f in fields if f and f[0] in ours]  # idle, waiting for a disk
    return sum(idle) / os.sysconf("SC_CLK_TCK") if len(idle) == len(ours) else None


def _quotas() -> dict[Path, float]:
    """The control groups, version 1 or 2, that this process is in: the cores each may use."""
    quotas = {}
    for group in _cgroups():
        try:
            if (group / "cpu.max").exists():
                quota, period = (group / "cpu.max").read_text().split()
            else:
                quota = (group / "cpu.cfs_quota_us").read_text().strip()
                period = (group / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            continue
        if quota not in ("max", "-1"):
            quotas[group] = int(quota) / int(period)
    return quotas


def _cgroups() -> list[Path]:
    """The folders of this process's control groups, from the innermost to the root."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup", "cpu" if controllers else "")
        inside = root / name.lstrip("/")
        folders += [inside, *(parent for parent in inside.parents if parent.is_relative_to(root))]
    return folders


def _used_seconds(group: Path) -> float:
    """Seconds of all cores that a control group has used; 0 where it does not say."""
    for name, unit in (("cpu.stat", 1e6), ("cpuacct.usage", 1e9)):
        try:
            words = (group / name).read_text().split()
        except OSError:
            continue
        if name != "cpu.stat":
            return int(words[0]) / unit
        if "usage_usec" in words:
            return int(words[words.index("usage_usec") + 1]) / unit
    return 0.0


if __name__ == "__main__":
    choose_threads()
    print(*(f"{name}={os.environ[name]}" for name in (*SETTINGS, CHOSEN) if name in os.environ))
