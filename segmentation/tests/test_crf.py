"""Gaussian filtering on the lattice, and mean field on top of it."""

import pytest
import torch
from torch import Tensor

from segmentation.models.deeplab import DeepLab
from segmentation.models.gaussian_filter import Lattice
from segmentation.models.mean_field import MeanField
from segmentation.models.trunk import SmallTrunk


def dense_filter(features: Tensor, values: Tensor) -> Tensor:
    kernel = torch.exp(-0.5 * torch.cdist(features, features) ** 2)
    return kernel @ values / kernel.sum(1, keepdim=True)


@pytest.mark.parametrize("dims", [1, 2, 3, 5])
def test_lattice_filters_as_the_dense_gaussian(dims: int) -> None:
    torch.manual_seed(dims)
    features = torch.rand(500, dims) * 4
    values = torch.cat([torch.sin(features), torch.rand(500, 2)], 1)
    ours, exact = Lattice(features).filter(values), dense_filter(features, values)
    error = (ours - exact).abs().mean(0) / values.std(0)
    assert error.max() < 0.12  # the lattice is an approximation, of 10 % where d = 5


def test_lattice_keeps_constants_and_sides_apart() -> None:
    torch.manual_seed(0)
    features = torch.cat([torch.rand(100, 3), torch.rand(100, 3) + 50])
    values = torch.cat([torch.full((100, 1), 0.25), torch.full((100, 1), 0.75)])
    torch.testing.assert_close(Lattice(features).filter(values), values)


def test_lattice_gradient_is_exact() -> None:
    torch.manual_seed(0)
    lattice = Lattice(torch.rand(12, 3, dtype=torch.float64) * 3)
    values = torch.rand(12, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lattice.filter, values)


def brute_force_mean_field(crf: MeanField, logits: Tensor, image: Tensor) -> Tensor:
    """All pairs of pixels, one image."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    position = torch.stack([y, x]).flatten(1).T.float()
    colour = image[0].flatten(1).T
    near = torch.cat([position / crf.position, colour / crf.colour], 1)
    unary = refined = logits[0].flatten(1).T
    for _ in range(crf.iterations):
        q = refined.softmax(1)
        message = dense_filter(near, q) @ crf.appearance.T
        message = message + dense_filter(position / crf.smoothness, q) @ crf.smooth.T
        refined = unary - message @ crf.compatibility.T
    return refined.T.view_as(logits[0])[None]


def test_mean_field_is_near_the_sum_over_all_pairs() -> None:
    torch.manual_seed(0)
    crf = MeanField(3, iterations=3, position=6.0, colour=0.3, smoothness=1.5)
    image = torch.zeros(1, 3, 20, 24)
    image[..., 12:] = 1.0
    logits = torch.randn(1, 3, 20, 24)
    ours, exact = crf(logits, image), brute_force_mean_field(crf, logits, image)
    assert (ours.softmax(1) - exact.softmax(1)).abs().mean() < 0.02


def test_mean_field_follows_edges() -> None:
    """Noisy scores become the two halves that the image shows."""
    torch.manual_seed(0)
    truth = (torch.arange(24) >= 12).expand(20, 24)
    image = truth.float().expand(1, 3, -1, -1)
    logits = torch.stack([1 - 2.0 * truth, 2.0 * truth - 1])[None] + 2 * torch.randn(1, 2, 20, 24)
    before = (logits.argmax(1) == truth).float().mean()
    after = (MeanField(2)(logits, image).argmax(1) == truth).float().mean()
    assert before < 0.85
    assert after > 0.98


def network(joint: bool) -> DeepLab:
    torch.manual_seed(0)
    return DeepLab(SmallTrunk(8, (1, 1, 1)), 4, joint=joint, train_iterations=2, unary={"width": 8})


def test_crf_learns_only_where_it_is_joint() -> None:
    image = torch.rand(1, 3, 32, 40)
    for joint in (False, True):
        net = network(joint)
        for phase in ("unary", "joint") if joint else ("unary",):
            net.begin(phase)
            net.zero_grad()
            net(image).heads[0].logits.square().sum().backward()
            grad = net.crf.compatibility.grad
            assert (grad is not None) == (phase == "joint")
    assert all(p.grad is not None for p in net.parameters())


def test_evaluation_refines_with_more_iterations() -> None:
    net, image = network(True).eval(), torch.rand(1, 3, 32, 40)
    with torch.no_grad():
        assert net(image).terms == {}
        net.begin("joint")
        parsing = net(image)
        torch.testing.assert_close(parsing.logits, net.crf(parsing.terms["unary"], image, 10))
