import pytest
import torch
from torch import Tensor

from vision_shared.layers import sample_bilinear
from voxel_flow.models import build_network
from voxel_flow.models.lucas_kanade import lucas_kanade

VELOCITY = torch.tensor([0.4, -0.3])  # pixels per unit of time, x then y


def moving(times: list[float], velocity: Tensor, size: int = 64) -> Tensor:
    """(1, K, 3, S, S) on [0, 1]: a smooth texture that moves steadily."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 16, 16, generator=generator)
    texture = torch.nn.functional.interpolate(coarse, size=(128, 128), mode="bicubic").clamp(0, 1)
    place = torch.arange(size, dtype=torch.float32) + 32
    points = torch.stack(torch.meshgrid(place, place, indexing="xy"), -1)
    return torch.stack([sample_bilinear(texture, points[None] - t * velocity) for t in times], 1)


@pytest.mark.parametrize("times", [[-0.5, 0.5], [-1.0, 0.5, 1.0], [-2.0, -1.0]])
def test_one_step_finds_a_fraction_of_a_pixel(times: list[float]) -> None:
    step = lucas_kanade(moving(times, VELOCITY) * 2 - 1, torch.tensor([times]))
    assert step.shape == (1, 2, 64, 64)
    error = step[0, :, 8:-8, 8:-8] - VELOCITY[:, None, None]
    assert error.norm(dim=0).mean() < 0.05


def test_where_nothing_is_to_be_seen_nothing_moves() -> None:
    flat = torch.stack([torch.full((1, 3, 32, 32), v) for v in (0.2, 0.3)], 1)
    assert lucas_kanade(flat, torch.tensor([[-0.5, 0.5]])).abs().max() == 0


def test_a_step_is_at_most_a_pixel_and_passes_no_gradient() -> None:
    times = [-0.5, 0.5]
    far = (moving(times, 4 * VELOCITY) * 2 - 1).requires_grad_()
    step = lucas_kanade(far, torch.tensor([times]))
    assert step.abs().max() == 1
    assert not step.requires_grad


def test_compact_that_takes_every_step_follows_a_motion_of_pixels() -> None:
    """Untrained: a pixel at 1/4 of the size is four at full size, and finer levels add the rest."""
    network = build_network("compact", width=4).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("head.bias"):
            torch.nn.init.ones_(parameter[2 * 16 : 3 * 16])  # the share of the step
    velocity = torch.tensor([3.0, -2.5])
    with torch.no_grad():
        flow = network(moving([0.0, 1.0], velocity), torch.full((1,), 0.5)).flow
    error = flow[0, :, 16:-16, 16:-16] - velocity[:, None, None]
    assert error.norm(dim=0).median() < 0.3
