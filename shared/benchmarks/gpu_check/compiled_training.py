"""A training step, compiled against eager: what ``trainer=gpu`` gains."""

import copy
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from reporting import Report, run  # pyrefly: ignore[missing-import]
from torch import Tensor, nn

from vision_shared.compiling import compile_network

Loss = Callable[[nn.Module], Tensor]


def main(report: Report) -> None:
    report.attempt("voxel flow", partial(compare, report, "voxel flow", motion(report)))
    report.attempt("cascade", partial(compare, report, "cascade", parsing(report)))


def compare(report: Report, name: str, case: tuple[nn.Module, Loss]) -> None:
    network, loss = case
    eager = network.to(report.device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    compiled = copy.deepcopy(eager)
    compile_network(compiled, **({} if report.is_cuda else {"backend": "aot_eager"}))
    began = time.perf_counter()
    steps = {"eager": step_of(eager, loss, report), "compiled": step_of(compiled, loss, report)}
    for work in steps.values():
        for _ in range(3):
            work()
    report.add(f"{name}, first steps, s", time.perf_counter() - began)
    taken: dict[str, list[float]] = {kind: [] for kind in steps}
    for _ in range(15 if report.is_cuda else 2):
        for kind, work in steps.items():
            began = time.perf_counter()
            work()
            taken[kind].append(time.perf_counter() - began)
    eager_ms, compiled_ms = (1000 * statistics.median(taken[kind]) for kind in steps)
    report.add(f"{name}, eager, ms a step", eager_ms)
    report.add(f"{name}, compiled, ms a step", compiled_ms)
    report.add(f"{name}, eager / compiled", eager_ms / compiled_ms, 1.0 if report.is_cuda else None)


def step_of(network: nn.Module, loss: Loss, report: Report) -> Callable[[], None]:
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], 1e-4)

    def step() -> None:
        with torch.autocast(report.device, torch.bfloat16):
            value = loss(network)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if report.is_cuda:
            torch.cuda.synchronize()

    return step


def motion(report: Report) -> tuple[nn.Module, Loss]:
    from voxel_flow.models import build_network

    batch, side = (16, 256) if report.is_cuda else (1, 32)
    frames = torch.rand(batch, 2, 3, side, side, device=report.device)
    time_ = torch.full((batch,), 0.5, device=report.device)
    return build_network("compact"), lambda net: net(frames, time_).image.square().mean()


def parsing(report: Report) -> tuple[nn.Module, Loss]:
    from segmentation.models import build_network

    batch, side, width = (16, 320, 128) if report.is_cuda else (1, 40, 8)
    trunk = {"name": "small", "width": width, "blocks": [2, 4, 8] if report.is_cuda else [1, 1, 1]}
    net: Any = build_network("cascade", 7, trunk)
    images = torch.rand(batch, 3, side, side, device=report.device)
    images = images.contiguous(memory_format=torch.channels_last)
    return net, lambda net: sum(head.logits.square().mean() for head in net(images).heads)  # type: ignore


if __name__ == "__main__":
    run(main)
