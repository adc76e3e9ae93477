"""Layer Cascade: who leaves, who goes on, and what region execution changes (nothing but time)."""

import pytest
import torch
from torch import Tensor, nn

from segmentation.models.cascade import LayerCascade
from segmentation.models.parsing import enlarge
from segmentation.models.trunk import SmallTrunk

NUM_CLASSES = 5


def cascade(
    rho: float | list[float] = 0.7, gate: str = "truth", fill: str = "coarse", block: int = 3
) -> LayerCascade:
    torch.manual_seed(0)
    trunk = SmallTrunk(16, (1, 2, 2))
    network = LayerCascade(trunk, NUM_CLASSES, rho, gate, 8, fill=fill, block=block)  # type: ignore[arg-type]
    for module in network.modules():  # statistics and sharp scores, as training would leave them
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.02, 0.1)  # type: ignore[arg-type]
    for head, scale in zip(network.heads, (0.05, 0.1, 0.1), strict=True):
        nn.init.normal_(head[-1].weight, std=scale)  # type: ignore[index]
    network.begin("cascade")
    return network.eval()


def on_whole_maps(network: LayerCascade, image: Tensor) -> tuple[Tensor, Tensor]:
    """The cascade by dense convolutions that see zeros where pixels have left."""
    x = network.stages[0](image)
    answer = logits = network.heads[0](x)
    mask = torch.ones_like(x[:, :1], dtype=torch.bool)
    stages = torch.zeros_like(x[:, 0], dtype=torch.uint8)
    for s in (1, 2):
        mask = mask & (logits.softmax(1).amax(1, keepdim=True) <= network.rho[s - 1])

        def zero(_: nn.Module, inputs: tuple[Tensor], mask: Tensor = mask) -> Tensor:
            return inputs[0] * mask

        wide = [
            m
            for part in (network.stages[s], network.heads[s])
            for m in part.modules()
            if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)
        ]
        hooks = [m.register_forward_pre_hook(zero) for m in wide]
        x = torch.where(mask, network.stages[s](x), x)
        logits = network.heads[s](x)
        for hook in hooks:
            hook.remove()
        answer = torch.where(mask, logits, answer)
        stages = torch.where(mask[:, 0], s, stages)
    return enlarge(answer, image.shape[-2:]), stages


def images() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(3, 3, 72, 90), torch.randint(0, NUM_CLASSES, (3, 72, 90))


@pytest.mark.parametrize("rho", [0.7, [0.6, 0.9], 1e-6, 1.0])
def test_regions_give_what_whole_maps_give(rho: float | list[float]) -> None:
    network, (image, _) = cascade(rho, fill="zero"), images()
    with torch.no_grad():
        fast = network(image)
        logits, stages = on_whole_maps(network, image)
    torch.testing.assert_close(fast.logits, logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(fast.stages, stages)


@pytest.mark.parametrize("training", [False, True])
def test_blocks_of_one_cell_are_exits_on_dense_features(training: bool) -> None:
    """What has left then goes on as it is: exits alone differ from the network on all pixels."""
    network, (image, target) = cascade(0.7, "confidence", block=1), images()
    with torch.no_grad():
        dense = network.on_dense_features(image)
    network.train(training)
    with torch.set_grad_enabled(training):
        fast = network(image, target)
    torch.testing.assert_close(fast.logits, dense.logits, rtol=1e-3, atol=1e-3)
    assert fast.stages is not None and dense.stages is not None
    assert torch.equal(fast.stages, dense.stages)


def test_controls_compute_what_they_name() -> None:
    network, (image, _) = cascade(), images()
    with torch.no_grad():
        whole, packed = network.on_all_pixels(image), network.on_packed_maps(image)
        torch.testing.assert_close(packed.logits, whole.logits, rtol=1e-4, atol=1e-4)
        second = network.heads[1](network.stages[1](network.stages[0](image)))
        wanted = enlarge(second, image.shape[-2:])
        torch.testing.assert_close(network.on_all_pixels(image, 1).logits, wanted)
        packed = network.on_packed_maps(image, 1).logits
        torch.testing.assert_close(packed, wanted, rtol=1e-4, atol=1e-4)


def test_shares_count_cells_and_blocks() -> None:
    network = cascade(block=3)
    stages = torch.zeros(2, 6, 6, dtype=torch.uint8)
    stages[0, 0, :2] = torch.tensor([1, 2])
    assert network.computed_shares(stages) == [1.0, (2 + 4) / 72, (1 + 4) / 72]
    assert cascade(fill="zero").computed_shares(stages) == [1.0, 2 / 72, 1 / 72]


def test_stages_are_used_and_thresholds_move_pixels() -> None:
    image, _ = images()
    with torch.no_grad():
        shares = [
            torch.bincount(cascade(rho)(image).stages.flatten().long(), minlength=3)
            for rho in (0.7, 0.9, 1.0)
        ]
    assert (shares[0] > 0).all()
    assert shares[0][0] > shares[1][0] > shares[2][0] == 0
    assert shares[2][2] == shares[2].sum()


def test_threshold_of_one_is_deep_supervision() -> None:
    network, (image, _) = cascade(1.0), images()
    with torch.no_grad():
        all_on = network(image).logits
        network.begin("deep_supervision")
        torch.testing.assert_close(all_on, network(image).logits, rtol=1e-4, atol=1e-4)


def test_truth_gate_keeps_who_is_confident_and_wrong() -> None:
    network = cascade(0.6).train()
    logits = torch.tensor([[4.0, 0, 0, 0, 0]]).T[None, :, :, None]  # one pixel, sure of class 0
    for target, leaves in ((0, True), (1, False), (255, True)):
        goes_on = network._going_on(logits, 1, None, torch.tensor([[[target]]]))
        assert goes_on.item() is not leaves
    network.gate = "confidence"
    assert network._going_on(logits, 1, None, torch.tensor([[[1]]])).item() is False


def test_cascade_step_trains_each_stage_on_its_own_region() -> None:
    network, (image, target) = cascade(0.8, "confidence").train(), images()
    heads = network(image, target).heads
    regions = [head.region for head in heads]
    assert regions[0] is None
    assert (regions[2] <= regions[1]).all()
    assert 0 < regions[2].sum() < regions[1].sum() < regions[1].numel()
    torch.stack([head.logits.square().sum() for head in heads]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_cascade_step_keeps_the_statistics() -> None:
    network, (image, target) = cascade().train(), images()
    before = {name: b.clone() for name, b in network.named_buffers()}
    network(image, target)
    assert all(torch.equal(before[name], b) for name, b in network.named_buffers())
    network.begin("deep_supervision")
    network(image, target)
    after = dict(network.named_buffers())
    assert any(not torch.equal(b, after[n]) for n, b in before.items() if "running_mean" in n)


def test_weights_that_changed_are_used() -> None:
    network, (image, _) = cascade(1.0), images()
    with torch.no_grad():
        before = network(image).logits
        network.train()
        network.heads[2][-1].bias += 1.0  # type: ignore[index,operator]
        after = network.eval()(image).logits
    torch.testing.assert_close(after, before + 1, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rho", [0.0, 1.5, [0.5], [0.5, 0.5, 0.5]])
def test_thresholds_out_of_range_are_refused(rho: float | list[float]) -> None:
    with pytest.raises(ValueError, match=r"2 thresholds rho in \(0, 1\]"):
        LayerCascade(SmallTrunk(8, (1, 1, 1)), NUM_CLASSES, rho)
