"""Folding of batch norms into convolutions: the same numbers, with the weights as they are now."""

import copy

import pytest
import timm
import torch
from torch import Tensor, nn

from segmentation.models.folding import Folded, fold_norms


def make_module(kind: str) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module
    if kind == "timm":
        module = timm.create_model(
            "tf_efficientnet_lite0", features_only=True, out_indices=(1,), pretrained=False
        )
    else:
        conv = nn.Conv2d(3, 4, 3, bias=False)
        module = nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4))
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return module.eval()


def num_norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize(("kind", "left"), [("timm", 0), ("plain", 1)])
@torch.no_grad()
def test_folded_module_computes_the_same(kind: str, left: int) -> None:
    module, x = make_module(kind), torch.rand(2, 3, 21, 32)
    before = copy.deepcopy(module.state_dict())
    folded = fold_norms(module)
    wanted, got = module(x), folded(x)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    assert num_norms(folded) == left < num_norms(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@torch.no_grad()
def test_weights_that_changed_are_folded_again() -> None:
    module, folded, x = make_module("plain"), Folded(), torch.rand(1, 3, 8, 9)
    first = folded(module, x)
    assert folded(module, x).equal(first)
    module[1].bias += 1.0  # type: ignore[index, operator]
    torch.testing.assert_close(folded(module, x), module(x))
    assert not folded(module, x).equal(first)


class Branches(nn.Module):
    """Cannot be traced: which way it goes depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) if x.sum() > 0 else x


@torch.no_grad()
def test_what_cannot_be_traced_is_used_as_it_is() -> None:
    module, x = Branches().eval(), torch.rand(1, 3, 4, 4)
    assert num_norms(fold_norms(module)) == 1
    torch.testing.assert_close(Folded()(module, x), module(x))
