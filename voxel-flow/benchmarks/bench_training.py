"""Does loading keep up with training, and what does a frame cost in memory?

One thread, CPU time of the whole process; the sample clips, the default batch. Peak memory is that
of a fresh process which makes one frame, less what it held before (read from /proc: Linux).
"""

import argparse
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import torch
from torch.utils.data import default_collate

from vision_shared.tables import Table, print_tables
from voxel_flow.models import build_network

NETWORKS = {"compact": {"width": 16}, "paper": {"width": 64}}
BAR = 5.0  # times as many triplets as training consumes


def main() -> None:
    parser = argparse.ArgumentParser(description="Loading against training; memory of a frame.")
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--peak", choices=sorted(NETWORKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(peak_mib(options.peak))
        return
    print_tables([throughput(options.batches), memory()])


def throughput(num_batches: int) -> Table:
    """Triplets per CPU second that one process loads, and that training takes."""
    # not at the top: what they import would hide the peak of a frame
    from hydra import compose, initialize_config_module

    from vision_shared.run import make
    from vision_shared.samplers import EpochSampler

    with initialize_config_module("voxel_flow.conf", version_base="1.3"):
        cfg = compose("train", ["output_dir=."])
    data, module = make(cfg.data), make(cfg.module)
    data.prepare_data()
    data.setup("fit")
    optimizer = torch.optim.Adam(module.net.parameters())
    items = iter(EpochSampler(len(data.train_set), epoch_size=10**6))
    loading, training = [], []
    for _ in range(num_batches + 2):
        begin = time.process_time()
        batch = default_collate([data.train_set[item] for item in islice(items, data.batch_size)])
        middle = time.process_time()
        result = module.net(batch["frames"], batch["time"])
        images = [result.image, *result.coarse]
        torch.stack([image.square().mean() for image in images]).sum().backward()
        optimizer.step()
        loading.append(middle - begin)
        training.append(time.process_time() - middle)
    rates = [
        data.batch_size / sorted(seconds[2:])[num_batches // 2] for seconds in (loading, training)
    ]
    ratio = rates[0] / rates[1]
    verdict = "met" if ratio >= BAR else "missed"
    row = [f"{rates[0]:.0f}", f"{rates[1]:.0f}", f"{ratio:.1f}x (bar {BAR:g}x: {verdict})"]
    columns = ["", "loaded", "trained on", "loaded / trained on"]
    return Table("Triplets per CPU second, compact", columns, [["sample clips", *row]])


def memory() -> Table:
    """Peak memory of one 1280x720 frame by each network, each in a process of its own."""
    peaks = {}
    for name in NETWORKS:
        command = [sys.executable, __file__, "--peak", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[name] = float(done.stdout)
    rows = [[name, f"{peak:.0f}", f"{peak / peaks['paper']:.2f}"] for name, peak in peaks.items()]
    return Table("Peak memory of a 1280x720 frame", ["", "MiB", "of paper's"], rows)


@torch.inference_mode()
def peak_mib(name: str) -> float:
    """Make one frame; return how far that raised the resident set."""
    network = build_network(name, **NETWORKS[name]).eval()
    network(torch.rand(1, 2, 3, 64, 64), torch.full((1,), 0.5))
    frames = torch.rand(1, 2, 3, 720, 1280)
    before = status_mib("VmRSS")
    network(frames, torch.full((1,), 0.5))
    return status_mib("VmHWM") - before


def status_mib(key: str) -> float:
    """Return an entry of this process's status; getrusage's peak would be the parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(key)).split()[1]) / 2**10


if __name__ == "__main__":
    main()
