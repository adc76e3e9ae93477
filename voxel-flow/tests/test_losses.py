import math

import torch

from voxel_flow import losses


def test_charbonnier_is_l1_away_from_zero_and_smooth_at_it() -> None:
    assert abs(losses.charbonnier(torch.tensor([2.0, -2.0])) - 2) < 1e-6
    zero = torch.zeros(3, requires_grad=True)
    losses.charbonnier(zero).backward()
    assert zero.grad is not None
    assert (zero.grad == 0).all()
    assert math.isclose(float(losses.charbonnier(torch.zeros(3))), 1e-3, rel_tol=1e-5)


def test_total_variation_counts_steps_between_neighbours() -> None:
    plane = torch.zeros(1, 1, 4, 6)
    plane[..., 3:] = 1.0  # one of five horizontal differences is 1
    assert abs(losses.total_variation(plane) - 0.2) < 3e-3
    assert losses.total_variation(torch.full((1, 2, 5, 5), 7.0)) < 3e-3


def test_flow_smoothness_does_not_depend_on_the_mean_motion() -> None:
    flow = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(losses.flow_smoothness(flow), losses.flow_smoothness(flow + 20))
    assert losses.flow_smoothness(64 * flow) > losses.flow_smoothness(flow)


def test_weight_smoothness_sees_one_frames_share() -> None:
    share = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    weights = torch.cat([share, 1 - share], 1)
    torch.testing.assert_close(
        losses.weight_smoothness(weights), losses.total_variation(2 * share - 1)
    )


def test_shrink_averages_blocks_and_repeats_the_border() -> None:
    image = torch.arange(6.0).view(1, 1, 2, 3)
    small = losses.shrink(image, torch.zeros(1, 1, 1, 2))
    torch.testing.assert_close(small, torch.tensor([[[[2.0, 3.5]]]]))


def test_log_error_weighs_images_alike_and_is_their_psnr() -> None:
    target = torch.full((2, 3, 8, 8), 0.5)
    image = target + torch.tensor([0.1, 0.01])[:, None, None, None]
    expected = (math.log10(1e-2 + 2e-5) + math.log10(1e-4 + 2e-5)) / 2
    assert math.isclose(float(losses.log_error(image, target)), expected, rel_tol=1e-4)
    image.requires_grad_()
    losses.log_error(image, target).backward()
    assert image.grad is not None
    large, small = image.grad.abs().mean((1, 2, 3)).tolist()
    assert small > 5 * large  # the gradient is of the relative error, not of the absolute one
