"""Region stages: the official numbers, what is refused by name, the dispatcher, state."""

import copy
import io
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, resnet18

from vision_shared.region.conv import region_conv2d
from vision_shared.region.region import Region
from vision_shared.region.stage import RegionStage, to_region

BATCH, HEIGHT, WIDTH = 2, 9, 11


def inception(kind: str, **kwargs: bool) -> nn.Module:
    """Return a block of timm's inception_resnet_v2, dilated twice."""
    library = import_module("timm.models.inception_resnet_v2")
    make = partial(library.ConvNormAct, padding=0, norm_layer="batchnorm2d", act_layer="relu")
    block = getattr(library, kind)(scale=0.5, conv_block=make, **kwargs)
    for conv in block.modules():
        if isinstance(conv, nn.Conv2d):
            conv.dilation = 2, 2
            conv.padding = tuple(k // 2 * 2 for k in conv.kernel_size)
    return block


def shortcut() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(24, 32, 1, bias=False), nn.BatchNorm2d(32))


class Joined(nn.Module):
    """A reduction without its stride: branches and the input itself side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.short = nn.Conv2d(24, 10, 1)
        self.long = nn.Sequential(
            nn.Conv2d(24, 12, 1), nn.SiLU(), nn.Dropout(), nn.Conv2d(12, 8, 3, padding=1)
        )
        self.whole = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        long = self.long(x)
        return torch.cat((self.short(x), long, self.whole(x), long.relu()), 1)


class Summed(nn.Module):
    """Sums that no convolution can take in, and one whose residual is made last."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(24, 24, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.first(x), self.second(x)
        c = torch.relu(a + b) + torch.relu(b)
        return torch.relu(c) + 0.3 * self.third(c)


STAGES: dict[str, Callable[[], nn.Module]] = {
    "Block17": lambda: nn.Sequential(inception("Block17"), inception("Block17")),
    "Block8": lambda: nn.Sequential(inception("Block8"), inception("Block8", no_relu=True)),
    "Bottleneck": lambda: nn.Sequential(Bottleneck(24, 6), Bottleneck(24, 6, dilation=2)),
    "Bottleneck with shortcut": lambda: nn.Sequential(
        Bottleneck(24, 8, downsample=shortcut()), Bottleneck(32, 8)
    ),
    "BasicBlock": lambda: nn.Sequential(BasicBlock(24, 24), BasicBlock(24, 24)),
    "Joined": Joined,
    "Summed": Summed,
}
MASKS = {"some": 0.4, "nearly all": 0.95, "all": 1.0, "none": 0.0}


def make_net(kind: str) -> nn.ModuleDict:
    """Return a net whose batch norms have met data, and whose weights make values of about 1."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"stage": STAGES[kind](), "head": nn.Conv2d(2, 2, 1)})
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            nn.init.uniform_(tensor, 0.5, 1.5)
        elif name.endswith("running_mean"):
            nn.init.normal_(tensor, 0, 0.3)
    return net.eval()


def make_input(net: nn.Module) -> Tensor:
    convs = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    torch.manual_seed(1)
    return torch.randn(BATCH, convs[0].in_channels, HEIGHT, WIDTH).relu()


def make_mask(ratio: float) -> Tensor:
    torch.manual_seed(2)
    return torch.rand(BATCH, HEIGHT, WIDTH) < ratio


def emulate(net: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Compute densely, every convolution's and norm's result zero where inactive."""
    stage = copy.deepcopy(net.get_submodule("stage"))
    for module in stage.modules():
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
            module.register_forward_hook(lambda *args: args[-1] * mask[:, None])
    return stage(x)


def set_break_even(stage: RegionStage, x: Tensor, ratio: float) -> None:
    stage.calibrate(x)
    stage.break_even = dict.fromkeys(stage.break_even, ratio)


def expect_close(got: Tensor, wanted: Tensor) -> None:
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() <= 1e-4 * wanted.abs().max()


@pytest.mark.parametrize("kind", STAGES)
@pytest.mark.parametrize("share", MASKS)
@torch.no_grad()
def test_stage_computes_the_official_numbers(kind: str, share: str) -> None:
    net = make_net(kind)
    x, mask = make_input(net), make_mask(MASKS[share])
    wanted = emulate(net, x, mask)
    if kind in ("Joined", "Summed"):  # they do not start from their input
        wanted = wanted * mask[:, None]
    stage = to_region(net, ["stage"])["stage"]
    assert isinstance(stage, RegionStage)
    before = x.clone()
    for ratio in (0.0, 1.0):  # densely, and on the region
        set_break_even(stage, x, ratio)
        expect_close(stage(x, mask), wanted)
        expect_close(stage(x.to(memory_format=torch.channels_last), mask[:, None]), wanted)
        if kind != "BasicBlock":
            region = Region(mask)
            tokens = region.gather(x)
            expect_close(region.scatter(stage(tokens, region)), wanted * mask[:, None])
            torch.testing.assert_close(tokens, region.gather(x), rtol=0, atol=0)
    torch.testing.assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", STAGES)
def test_stage_without_a_region_computes_what_the_network_does(kind: str) -> None:
    net = make_net(kind)
    x, stage = make_input(net), to_region(net, ["stage"]).get_submodule("stage")
    wanted = net["stage"](x)
    expect_close(stage(x), wanted)
    with torch.no_grad():
        expect_close(stage(x), wanted)


@pytest.mark.parametrize("kind", ["Bottleneck", "BasicBlock", "Joined", "Summed"])
def test_gradients_are_those_of_the_emulation(kind: str) -> None:
    net = make_net(kind).double()
    x, mask = (make_input(net) + 0.1).double().requires_grad_(), make_mask(0.4)
    converted = to_region(net, ["stage"])
    names = [name for name, _ in net.named_parameters() if name.startswith("stage")]
    stage, given = net.get_submodule("stage"), dict(net.named_parameters())
    for module in stage.modules():
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
            module.register_forward_hook(lambda *args: args[-1] * mask[:, None])
    wanted = torch.autograd.grad(
        (stage(x) * mask[:, None]).square().sum(), [x, *(given[name] for name in names)]
    )
    ours = dict(converted.named_parameters())
    out = converted["stage"](x, mask) * mask[:, None]
    got = torch.autograd.grad(out.square().sum(), [x, *(ours[name] for name in names)])
    torch.testing.assert_close(got, wanted)


@torch.no_grad()
def test_stages_follow_each_other_on_tokens() -> None:
    net = nn.ModuleDict({"a": make_net("Bottleneck")["stage"], "b": make_net("Joined")["stage"]})
    x, mask = make_input(net), make_mask(0.4)
    inner = mask & make_mask(0.2)
    first, second = to_region(net, ["a", "b"]).children()
    parent = Region(mask)
    child = parent.subset(inner)
    tokens = second(parent.select(first(parent.gather(x), parent), child), child)
    expect_close(child.scatter(tokens), second(first(x, parent), child))


@pytest.mark.parametrize(
    ("kind", "products"), [("Block17", 8), ("Block8", 8), ("Bottleneck", 6), ("Joined", 2)]
)
def test_convolutions_that_read_the_same_value_are_one_product(kind: str, products: int) -> None:
    stage = to_region(make_net(kind), ["stage"])["stage"]
    assert isinstance(stage, RegionStage)
    assert stage.program.num_products == products


class Named(nn.Module):
    """conv, then what is to be refused under the name ``odd``."""

    def __init__(self, odd: nn.Module) -> None:
        super().__init__()
        self.conv, self.odd = nn.Conv2d(4, 4, 1), odd

    def forward(self, x: Tensor) -> Tensor:
        return self.odd(self.conv(x)) + x


class Squeeze(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean((2, 3), keepdim=True)).sigmoid()


class Rectified(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu_() + x


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (nn.Conv2d(4, 4, 3, 2, 1), r"net\.odd cannot .* stride \(2, 2\)"),
        (nn.Conv2d(4, 4, 3, padding=1, groups=4), r"net\.odd cannot .* 4 groups"),
        (nn.Conv2d(4, 4, 3), r"net\.odd cannot .* padding \(0, 0\), not \(1, 1\)"),
        (nn.Conv2d(4, 4, 2, padding="same"), r"net\.odd cannot .* even"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), r"net\.odd cannot .* reflect"),
        (nn.MaxPool2d(3, 1, 1), r"net\.odd cannot .* MaxPool2d"),
        (nn.BatchNorm2d(4).train(), r"net\.odd cannot .* call \.eval\(\)"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)), r"net\.odd\.1 cannot .* no convolution"),
        (Squeeze(), r"net\.odd cannot .* 'mean'"),
        (Rectified(), r"net\.odd cannot .* in place what others read"),
        (
            nn.Sequential(Bottleneck(4, 2, downsample=nn.Conv2d(4, 8, 1)), BasicBlock(8, 8)),
            r"net\.odd\.1\.conv1 cannot .* 3x3 kernel .* inactive pixels do not have",
        ),
    ],
)
def test_what_cannot_run_on_a_region_is_refused_by_name(odd: nn.Module, message: str) -> None:
    net = nn.ModuleDict({"net": Named(odd.eval() if "eval" not in message else odd)})
    with pytest.raises(ValueError, match=message):
        to_region(net, ["net"])


def test_stages_of_torchvision_are_refused_or_converted_by_name() -> None:
    net = resnet18(weights=None).eval()
    with pytest.raises(ValueError, match=r"layer3\.0\.conv1 cannot run on a region: .*stride"):
        to_region(net, ["layer3"])
    assert isinstance(to_region(net, ["layer3.1"]).layer3[1], RegionStage)
    with pytest.raises(ValueError, match="submodules, got 'layer9'"):
        to_region(net, ["layer9"])
    with pytest.raises(ValueError, match="fc cannot run on a region: expected blocks"):
        to_region(net, ["fc"])


def test_wrong_input_raises() -> None:
    net = make_net("BasicBlock")
    x, mask = make_input(net), make_mask(0.4)
    stage = to_region(net, ["stage"])["stage"]
    with pytest.raises(ValueError, match=r"expected x \(B, C, H, W\) of sizes \(2, 24, 9, 11\)"):
        stage(x[:, :7], mask)
    with pytest.raises(ValueError, match=r"expected x \(B, 24, H, W\), got \(2, 7, 9, 11\)"):
        stage(x[:, :7])
    region = Region(mask)
    with pytest.raises(ValueError, match=r"as 0\.conv1 reads inactive pixels; got tokens"):
        stage(region.gather(x), region)


@torch.no_grad()
def test_dispatcher_measures_once_and_tells_the_ratio() -> None:
    net = make_net("Bottleneck")
    x, stage = make_input(net), to_region(net, ["stage"])["stage"]
    assert isinstance(stage, RegionStage)
    stage(x, make_mask(0.4))
    ((setting, ratio),) = stage.break_even.items()
    assert 0 <= ratio <= 1
    assert setting.pixels == 256 and setting.dtype == torch.float32
    stage.break_even[setting] = 0.125
    stage(x, make_mask(0.5))
    assert stage.break_even == {setting: 0.125}
    assert stage.calibrate(x) == stage.break_even[setting] != 0.125


@torch.no_grad()
def test_weights_load_under_the_network_s_names_and_are_packed_again() -> None:
    net, mask = make_net("Block17"), make_mask(0.4)
    x = make_input(net)
    converted = to_region(net, ["stage"])
    converted["stage"](x, mask)
    other = make_net("Block17")
    for parameter in other.parameters():
        parameter.add_(0.01)
    converted.load_state_dict(other.state_dict())
    expect_close(converted["stage"](x, mask), emulate(other, x, mask))
    assert converted.state_dict().keys() == net.state_dict().keys()


@torch.no_grad()
def test_converted_network_is_copied_moved_and_saved() -> None:
    net, mask = make_net("Bottleneck"), make_mask(0.4)
    x = make_input(net)
    converted = to_region(net, ["stage"])
    wanted = converted["stage"](x, mask)
    saved = io.BytesIO()
    torch.save(converted, saved)
    saved.seek(0)
    for twin in (copy.deepcopy(converted), torch.load(saved, weights_only=False)):
        torch.testing.assert_close(twin["stage"](x, mask), wanted)
    moved = converted.double()["stage"](x.double(), mask)
    assert moved.dtype == torch.double
    expect_close(moved.float(), wanted)


@torch.no_grad()
def test_train_mode_changes_no_number() -> None:
    net, mask = make_net("Bottleneck"), make_mask(0.4)
    x, stage = make_input(net), to_region(net, ["stage"])["stage"]
    wanted = stage(x, mask)
    torch.testing.assert_close(stage.train()(x, mask), wanted)


@torch.no_grad()
def test_stage_is_exported_for_any_mask() -> None:
    net = make_net("Bottleneck")
    x, stage = make_input(net), to_region(net, ["stage"])["stage"]
    program = torch.export.export(stage, (x, make_mask(0.4))).module()
    for ratio in (0.2, 0.6):
        mask = make_mask(ratio)
        expect_close(program(x, mask), emulate(net, x, mask))


@pytest.mark.parametrize("trained", [False, True])
def test_autocast_takes_stages_that_open_with_a_kernel(trained: bool) -> None:
    torch.manual_seed(0)
    net = nn.ModuleDict({"stage": nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8))}).eval()
    stage: Any = to_region(net, ["stage"])["stage"]
    x = torch.randn(BATCH, 8, HEIGHT, WIDTH)
    mask = torch.rand(BATCH, HEIGHT, WIDTH) < 0.4
    expected = stage(x, mask)
    with torch.set_grad_enabled(trained), torch.autocast("cpu", torch.bfloat16):
        answers = [stage(x, mask)]
        if not trained:  # where it computes densely, too
            stage.calibrate(x)
            for ratio in (0.0, 1.0):
                stage.break_even = dict.fromkeys(stage.break_even, ratio)
                answers.append(stage(x, mask))
    for out in answers:
        assert out.dtype == torch.bfloat16
        assert (out.float() - expected).norm() < 2e-2 * expected.norm()


def test_the_backward_s_table_is_made_for_gradients_alone() -> None:
    region, weight = Region(torch.rand(1, 6, 7) < 0.5), torch.randn(4, 3, 3, 3)
    x = torch.randn(1, 3, 6, 7)
    kinds = []
    for needs in (False, True):
        region_conv2d(x.requires_grad_(needs), weight, region=region, inactive="frozen")
        kinds.append({kind for kind, *_ in region._tables})
    assert kinds == [{"pixels"}, {"pixels", "readers"}]
