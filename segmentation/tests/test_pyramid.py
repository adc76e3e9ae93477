"""The trunk on a pretrained encoder: its grid, what learns, and its statistics."""

from typing import Any

import pytest
import torch

from segmentation.models import build_network
from segmentation.models.pyramid import PyramidTrunk, pretrained_parameters

SMALL = {"width": 8, "blocks": (1, 1)}


@pytest.mark.parametrize("model", ["tf_efficientnet_lite0", "mobilenetv2_050", "test_convnext"])
@pytest.mark.parametrize("size", [(64, 96), (50, 75)])
def test_stages_share_a_quarter_of_the_size(size: tuple[int, int], model: str) -> None:
    trunk = PyramidTrunk(model, **SMALL).eval()
    x = torch.rand(1, 3, *size)
    for stage in trunk.stages:
        x = stage(x)
        assert x.shape == (1, 8, -(-size[0] // 4), -(-size[1] // 4))


def test_encoder_keeps_its_statistics_and_its_first_blocks() -> None:
    trunk = PyramidTrunk(**SMALL, frozen=3).train()
    net = build_network("cascade", 3, {"name": "pyramid", **SMALL, "frozen": 3}).train()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    loss = sum(head.logits.square().mean() for head in net(torch.rand(2, 3, 64, 64)).heads)
    loss.backward()  # type: ignore[union-attr]
    after = net.state_dict()
    running = [name for name in state if "running" in name]
    assert all(torch.equal(state[n], after[n]) for n in running if ".encoder." in n)
    assert not all(torch.equal(state[n], after[n]) for n in running)
    encoder: Any = trunk.stages[0].encoder
    learn = [any(p.requires_grad for p in block.parameters()) for block in encoder.blocks]
    assert learn == [False] * 3 + [True] * 4
    assert not encoder.conv_stem.weight.requires_grad
    learning = list(pretrained_parameters(net))
    assert learning and all(p.grad is not None for p in learning)


def test_encoder_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="8 groups of blocks"):
        PyramidTrunk(**SMALL, frozen=8)
