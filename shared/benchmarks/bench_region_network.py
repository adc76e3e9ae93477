"""Time a network whose later stages work on regions beside the best dense computation.

The network is timm's inception_resnet_v2 at output stride 8 on a 512x512 image, as a cascade of
three stages whose heads all compute (Li et al. 2017, "Not All Pixels Are Equal"). Its answer is
compared with a masked dense computation first. Clock, masks and bars are those of
``bench_region_stage.py``. On CUDA, in bfloat16, the dense contender is compiled, and captured.
"""

import argparse
import copy
import sys
from functools import partial
from typing import Any, NamedTuple

import timm
import torch
import torch.nn.functional as F
from bars import add_arguments, finish, verdict  # pyrefly: ignore[missing-import]
from region_timing import (  # pyrefly: ignore[missing-import]
    CHANNELS,
    SIZE,
    band_mask,
    captured,
    dense_runs,
    fold,
    keep_size,
    ms,
    print_dense,
    print_header,
    print_line,
    randomise,
    time_on_cpu,
    time_on_cuda,
    use_one_thread,
)
from torch import Tensor, nn

from vision_shared.region import Region, region_conv2d, to_region

CLASSES = 21
STAGE_2, STAGE_3 = ("repeat_1", "mixed_7a"), ("repeat_2", "block8", "conv2d_7b")


class Cascade(NamedTuple):
    """A line of the network's table: ratios in stages 2 and 3, and what the gains have to be."""

    active: tuple[float, float]
    times_dense: float | None = None
    times_timm: float | None = None


NETWORK_CASES = (
    Cascade((0.48, 0.35), 1.6, 2.2),
    Cascade((0.25, 0.10)),
    Cascade((0.10, 0.05)),
    Cascade((1.0, 1.0)),
)
CUDA_CASES = (  # one image: a matter of launches
    Cascade((0.48, 0.35), 1.0),
    Cascade((0.25, 0.10), 1.0),
    Cascade((1.0, 1.0)),
)


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description="Time a network on regions; print a table.")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each contender")
    add_arguments(parser)
    arguments = parser.parse_args()
    if arguments.device == "all":
        use_one_thread()
        bench_network(arguments.repeats)
    if torch.cuda.is_available():
        bench_network_on_cuda(arguments.repeats)
    else:
        print("\nNo CUDA device is here: the network was not timed on one.")
    return finish(arguments.json)


def bench_network(repeats: int) -> None:
    print("\ninception_resnet_v2 at output stride 8, 512x512, with heads\n")
    net = network()
    x = torch.rand(1, 3, 512, 512).contiguous(memory_format=torch.channels_last)
    cascade = to_cascade(net)
    dense = dense_runs(Trunk(net), x) | {"fused, prepacked": partial(cascade.dense, x)}
    check(net, cascade, x)
    masks = {case: tuple(band_mask(ratio, SIZE) for ratio in case.active) for case in NETWORK_CASES}
    cascades = {case: partial(cascade, x, *masks[case]) for case in NETWORK_CASES}
    seconds = time_on_cpu({**dense, **cascades}, repeats)
    best, plain = print_dense({name: seconds[name] for name in dense}), seconds["timm, as it is"]
    print_header("active in stages 2/3", "cascade ms", "dense / cascade", "timm / cascade")
    for case in NETWORK_CASES:
        ours = seconds[case]
        ratios = "/".join(f"{ratio:.0%}" for ratio in case.active)
        gain = verdict(best / ours, case.times_dense, f"{ratios} active: dense / cascade")
        print_line(ratios, ms(ours), gain, verdict(plain / ours, case.times_timm))


def bench_network_on_cuda(repeats: int) -> None:
    """Time the cascade as it is called, regions found anew, whose stages replay graphs."""
    print(f"\n{torch.cuda.get_device_name()}: one image, bfloat16\n")
    net = network()
    cascade = to_cascade(net).to("cuda", torch.bfloat16)
    trunk = fold(Trunk(net)).to("cuda", torch.bfloat16)
    dense = torch.compile(trunk.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    x = torch.rand(1, 3, 512, 512, device="cuda", dtype=torch.bfloat16)
    x = x.contiguous(memory_format=torch.channels_last)
    runs: dict[Any, Any] = {"dense": captured(partial(dense, x))}
    for case in CUDA_CASES:
        masks = [band_mask(ratio, SIZE).cuda() for ratio in case.active]
        runs[case] = partial(cascade, x, *masks)
    seconds = time_on_cuda(runs, repeats)
    print_header("active in stages 2/3", "dense ms", "cascade ms", "dense / cascade")
    for case in CUDA_CASES:
        ours, ratios = seconds[case], "/".join(f"{ratio:.0%}" for ratio in case.active)
        name = f"one image, {ratios} active: dense / cascade"
        gain = verdict(seconds["dense"] / ours, case.times_dense, name)
        print_line(ratios, ms(seconds["dense"]), ms(ours), gain)


def check(net: Any, cascade: "LayerCascade", x: Tensor) -> None:
    """Assert that a cascade answers what dense stages do whose convolutions are masked."""
    masks = band_mask(0.48, SIZE), band_mask(0.35, SIZE)
    got, wanted = cascade(x, *masks), emulate(net, cascade, x, *masks)
    torch.testing.assert_close(got[:, 0], wanted[:, 0], rtol=1e-3, atol=1e-4)
    assert (got[:, 1] == wanted[:, 1]).float().mean() > 0.999  # classes; two may be as likely


def emulate(net: Any, cascade: "LayerCascade", x: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Compute the cascade densely, the result of every later convolution zero where inactive."""
    net = fold(copy.deepcopy(net))
    x = cascade.first(x)
    labels = decide(cascade.heads[0](x))
    stages = (second, STAGE_2, cascade.heads[1]), (third, STAGE_3, cascade.heads[2])
    for mask, names, head in stages:
        active = mask[:, None]
        x = x * active
        for stage in map(net.get_submodule, names):
            for conv in stage.modules():
                if isinstance(conv, nn.Conv2d):
                    conv.register_forward_hook(lambda *args, active=active: args[-1] * active)
            x = stage(x) * active
        labels = torch.where(active, decide(head(x)), labels)
    return labels


def decide(logits: Tensor) -> Tensor:
    """Return confidences and classes side by side, of maps or tokens."""
    return torch.stack(F.softmax(logits, 1).max(1), 1)


def network() -> Any:
    """Return timm's network with what semantic segmentation changes: output stride 8."""
    net: Any = timm.create_model("inception_resnet_v2", pretrained=False)
    dilations = {"repeat_1": 2, "mixed_7a": 2, "repeat_2": 4, "block8": 4}
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            keep_size(module, dilations.get(name.split(".")[0], 1))
            if name.startswith(("mixed_6a", "mixed_7a")):
                module.stride = 1, 1
        elif isinstance(module, nn.MaxPool2d):
            module.padding = 1
    net.mixed_6a.branch2 = net.mixed_7a.branch3 = nn.Identity()
    return randomise(net)


class Head(nn.Module):
    """Two convolutions of 128 channels and one to classes; on tokens where a region is given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = (channels, 128, 3), (128, 128, 1), (128, CLASSES, 1)
        layers = (nn.Conv2d(i, o, k, padding=k // 2) for i, o, k in sizes)
        self.layers: Any = nn.ModuleList(layers)
        self.requires_grad_(False)

    def forward(self, x: Tensor, region: Region | None = None) -> Tensor:
        first, second, last = self.layers
        if region is None:
            return last(second(first(x).relu_()).relu_())
        x = region_conv2d(x, first.weight, first.bias, region=region, relu=True)
        x = region_conv2d(x, second.weight, second.bias, region=region, relu=True)
        return region_conv2d(x, last.weight, last.bias, region=region)


class Trunk(nn.Module):
    """The network as timm computes it, and the last head."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net, self.head = net, Head(1536)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net.forward_features(x))


class LayerCascade(nn.Module):
    """Three stages with a head each; later ones compute at the pixels they are given."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        first = ("conv2d_1a", "conv2d_2a", "conv2d_2b", "maxpool_3a", "conv2d_3b", "conv2d_4a")
        first += ("maxpool_5a", "mixed_5b", "repeat", "mixed_6a")
        self.first: Any = nn.Sequential(*(getattr(net, name) for name in first))
        self.second = nn.ModuleList(getattr(net, name) for name in STAGE_2)
        self.third = nn.ModuleList(getattr(net, name) for name in STAGE_3)
        self.heads = nn.ModuleList(Head(channels) for channels in (CHANNELS, 2080, 1536))

    def forward(self, x: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """Return the confidences and classes of all stages, (1, 2, H, W)."""
        x = self.first(x)
        labels = decide(self.heads[0](x))
        region = Region(second)
        tokens = region.gather(x)
        for stage in self.second:
            tokens = stage(tokens, region)
        labels = region.scatter(decide(self.heads[1](tokens, region)), labels)
        inner = region.subset(third)
        tokens = region.select(tokens, inner)
        for stage in self.third:
            tokens = stage(tokens, inner)
        return inner.scatter(decide(self.heads[2](tokens, inner)), labels)

    def dense(self, x: Tensor) -> Tensor:
        """Compute all pixels through all stages, and the last head."""
        x = self.first(x)
        for stage in (*self.second, *self.third):
            x = stage(x)
        return self.heads[2](x)


def to_cascade(net: Any) -> LayerCascade:
    folded = fold(copy.deepcopy(net)).to(memory_format=torch.channels_last)
    cascade = LayerCascade(to_region(folded, ["repeat", *STAGE_2, *STAGE_3]))
    cascade.first = torch.compile(cascade.first)
    return cascade


if __name__ == "__main__":
    sys.exit(main())
