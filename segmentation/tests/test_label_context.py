import pytest
import torch

from segmentation.models.label_context import LabelContexts, block_min_pool


def test_block_min_pool_takes_the_least_of_each_block() -> None:
    x = torch.tensor([3.0, 1.0, 2.0, 0.0, 5.0, -1.0]).view(1, 6, 1, 1).requires_grad_()
    least = block_min_pool(x, 3)
    assert least.flatten().tolist() == [1.0, -1.0]
    least.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0, 1, 0, 0, 0, 1]  # of the one that was taken
    with pytest.raises(ValueError, match=r"expected \(B, L \* 4, H, W\), got \(1, 6, 1, 1\)"):
        block_min_pool(x, 4)


def test_context_knows_where_a_class_lies() -> None:
    layer = LabelContexts(3, size=5, components=2, same=0.0, noise=0.0)
    with torch.no_grad():
        layer.kernels()[1, :, 2, 3, 2] = torch.tensor([4.0, 7.0])  # 2, one pixel below 1
        layer.kernels()[0, :, 2, 2, 0] = -1.0  # 2, two pixels to the left of 0
    smoothed = torch.zeros(1, 3, 6, 7)
    smoothed[0, 2, 4, 3] = 0.5
    penalty = layer(smoothed)
    expected = torch.zeros(1, 3, 6, 7)
    expected[0, 1, 3, 3] = 2.0  # of the cheaper component
    expected[0, 0, 4, 5] = -0.5
    torch.testing.assert_close(penalty, expected)


@pytest.mark.parametrize("same", [-1.0, 0.5])
def test_beginning_is_the_potts_penalty(same: float) -> None:
    torch.manual_seed(0)
    smoothed = torch.rand(2, 4, 8, 9).softmax(1)
    exact = LabelContexts(4, same=same, noise=0.0)
    torch.testing.assert_close(exact(smoothed), same * smoothed)
    torch.testing.assert_close(
        LabelContexts(4, same=same)(smoothed), same * smoothed, rtol=0, atol=0.05
    )


def test_components_learn_apart() -> None:
    torch.manual_seed(0)
    layer = LabelContexts(3, size=3, components=4)
    layer(torch.rand(2, 3, 12, 12)).square().sum().backward()
    grad = layer.mixtures.weight.grad
    assert grad is not None
    grads = grad.unflatten(0, (3, 4)).flatten(2)
    assert (grads.abs().sum(2) > 0).all()  # each is the cheapest somewhere
    assert all(not torch.equal(grads[:, 0], grads[:, k]) for k in range(1, 4))


def test_matrices_show_what_changes_a_probability() -> None:
    torch.manual_seed(0)
    layer = LabelContexts(3, size=5, components=2, noise=0.1)
    matrices = layer.matrices()
    assert matrices.shape == (3, 3, 5, 5)
    with torch.no_grad():
        layer.kernels().add_(torch.rand(3, 5, 5))  # for every class, and every component
    torch.testing.assert_close(layer.matrices(), matrices)
    with torch.no_grad():
        layer.kernels()[1, :, 2, 0, 4] += 3.0  # class 1 dislikes 2 up there to the right
    change = layer.matrices() - matrices
    torch.testing.assert_close(change[:, 2, 0, 4], torch.tensor([-1.0, 2.0, -1.0]))
    assert change.abs().sum() == pytest.approx(4.0, abs=1e-4)


@pytest.mark.parametrize("settings", [{"size": 4}, {"size": -1}, {"components": 0}])
def test_settings_out_of_range_are_named(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected an odd size and at least one component, got"):
        LabelContexts(3, **settings)
