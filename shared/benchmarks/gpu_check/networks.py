"""Every network on a device against the CPU in float64: answers and gradients."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from reporting import Report, run  # pyrefly: ignore[missing-import]
from torch import Tensor, nn
from torch.utils import _pytree as pytree

EXACT, HALF = 1e-4, 2e-2
OF_THE_CPU = 1.5
"""Times the error of bf16 on a CPU, where that is large: through many layers rounding adds up."""

Case = tuple[nn.Module, tuple[Tensor, ...]]


def main(report: Report) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for name, make in {**motion(), **parsing(), **faces(), **garments()}.items():
        report.attempt(name, partial(compare, report, name, make))


def compare(report: Report, name: str, make: Callable[[], Case]) -> None:
    torch.manual_seed(0)
    net, inputs = make()
    net.eval()
    expected = answers(copy.deepcopy(net).double(), [x.double() for x in inputs])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = errors(answers(net, list(inputs)), expected)
    net, moved = net.to(report.device), [x.to(report.device) for x in inputs]
    halves = [max(HALF, OF_THE_CPU * error) for error in rounded]
    for kind, bars in (("float32", [EXACT, EXACT]), ("bf16", halves)):
        with torch.autocast(report.device, torch.bfloat16, enabled=kind == "bf16"):
            found = errors(answers(net, moved), expected)
        for what, error, bar in zip(("answer", "gradient"), found, bars, strict=True):
            report.add(f"{name}, {what}, {kind}: error", error, bar, most=True)


def errors(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> list[float]:
    """Return the norms of the differences, each as a share of what was expected."""
    return [
        float((ours - truth).norm() / truth.norm().clamp_min(1e-12))
        for ours, truth in zip(found, expected, strict=True)
    ]


def answers(net: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return all that a network answers, and the gradient to its parameters, flat, on the CPU."""
    net.zero_grad()
    leaves = [x for x in pytree.tree_leaves(net(*inputs)) if isinstance(x, Tensor)]
    leaves = [x for x in leaves if x.is_floating_point() and x.requires_grad]
    torch.stack([x.double().square().mean() for x in leaves]).sum().backward()
    grads = [p.grad for p in net.parameters() if p.grad is not None]
    return flat(leaves), flat(grads)


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([x.detach().double().cpu().flatten() for x in tensors])


class Tags(nn.Module):
    """A finder, called for its tags."""

    def __init__(self, finder: Any) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, image: Tensor) -> Tensor:
        return self.finder.tag(image)


def smooth(number: int, channels: int, height: int, width: int) -> Tensor:
    """Return images of blobs: in noise, rounding decides which of two pixels is the larger."""
    coarse = torch.rand(number, channels, height // 8 + 1, width // 8 + 1)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def motion() -> dict[str, Callable[[], Case]]:
    from voxel_flow.models import build_network

    def case(name: str, **settings: Any) -> Case:
        frames = smooth(4, 3, 48, 64).view(2, 2, 3, 48, 64)
        return build_network(name, **settings), (frames, torch.tensor([0.5, 0.25]))

    return {
        "voxel flow, compact": partial(case, "compact", width=8, trust=0.5),
        "voxel flow, paper": partial(case, "paper", width=8),
    }


def parsing() -> dict[str, Callable[[], Case]]:
    from segmentation.models import build_network

    trunk = {"name": "small", "width": 16, "blocks": [1, 1, 1]}
    unary = {"head": "large_fov", "width": 16, "dilations": [2]}

    def case(step: str, **settings: Any) -> Case:
        made_with: dict[str, Any] = {"trunk": trunk, **settings}
        net: Any = build_network(num_classes=4, **made_with)
        net.begin(step)
        return net, (smooth(2, 3, 40, 56),)

    dpn = {"name": "dpn", "stride": 2, "window": 5, "context_size": 3, "components": 1}
    fcn = {**trunk, "strides": [2, 2]}
    return {
        # at a threshold of 1 no rounding decides which pixels go on
        "cascade": partial(case, "cascade", name="cascade", rho=1.0, fill="zero"),
        "cascade on all pixels": partial(case, "deep_supervision", name="cascade"),
        # of several components, which start alike, rounding decides which is the cheapest
        "DPN": partial(case, "joint", **dpn, unary=unary),
        "DeepLab's unary": partial(case, "unary", name="deeplab", joint=True, unary=unary),
        "FCN": partial(case, "whole", name="fcn", trunk=fcn),
    }


def faces() -> dict[str, Callable[[], Case]]:
    from face_attributes.models import build_network

    def case(size: tuple[int, int], name: str, **settings: Any) -> Case:
        net: Any = build_network(name, 4, **settings)
        # the largest value of a map, beside its tags, is at another cell after any rounding
        return Tags(net) if name == "tag_maps" else net, (smooth(2, 3, *size),)

    return {
        "LNet, lite": partial(case, (80, 72), "lite"),
        "LNet, the paper's": partial(case, (80, 72), "lnet"),
        "TagMaps": partial(case, (80, 72), "tag_maps", frozen=0),
        "ANet": partial(case, (55, 47), "anet", width=16),
    }


def garments() -> dict[str, Callable[[], Case]]:
    from fashion.models import build_network

    def case(name: str, **settings: Any) -> Case:
        net = build_network(name, 3, 2, {"name": "small"}, **settings)
        return net, (smooth(2, 3, 32, 32),)

    widths = {"pose_width": 16, "local_width": 16, "global_width": 16, "fusion_width": 16}
    return {
        "FashionNet": partial(case, "fashionnet", **widths),
        "DFA": partial(case, "dfa", num_labels=0, width=16, previous_width=8, branches=[1, 1]),
    }


if __name__ == "__main__":
    run(main)
