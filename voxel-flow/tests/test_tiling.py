import pytest
import torch
from torch import Tensor, nn

from voxel_flow.interpolation.tiling import OVERLAP, synthesise
from voxel_flow.models import Synthesis, build_network

WHOLE = 4096


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A network whose answers are far from those it starts with, and vary over the image."""
    torch.manual_seed(0)
    network = build_network("compact", width=4).eval()
    for name, parameter in network.named_parameters():
        if "head.weight" in name:
            nn.init.normal_(parameter, std=0.1)
    return network


def pictures(height: int, width: int) -> Tensor:
    """Return a pair (1, 2, 3, H, W) of smooth patterns, the second moved."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 8 + 2, width // 8 + 2, generator=generator)
    fine = nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(0, 1)
    return torch.stack([fine[..., :height, :width], fine[..., 3 : height + 3, 5 : width + 5]], 1)


@pytest.mark.parametrize("size", [(320, 1000), (900, 300), (533, 811)])
@torch.no_grad()
def test_tiles_leave_no_seams(network: nn.Module, size: tuple[int, int]) -> None:
    frames, time = pictures(*size), torch.tensor([0.5])
    whole = synthesise(network, frames, time, tile=WHOLE)
    tiled = synthesise(network, frames, time, tile=448)
    assert whole.flow.abs().max() > 2
    assert whole.image.sub(frames.mean(1)).abs().max() > 0.1
    assert tiled.image.shape == whole.image.shape
    torch.testing.assert_close(tiled.weights.sum(1), torch.ones(1, *size))
    # where tiles meet, each sees less than the whole; a seam would be a step of many levels
    assert (tiled.image - whole.image).abs().max() < 1 / 255
    assert (tiled.flow - whole.flow).abs().max() < 0.05


@torch.no_grad()
def test_network_sees_no_more_than_a_tile(network: nn.Module) -> None:
    seen: list[tuple[int, int]] = []

    class Watched(nn.Module):
        def forward(self, frames: Tensor, time: Tensor) -> Synthesis:
            seen.append((frames.shape[-2], frames.shape[-1]))
            return network(frames, time)

    for size in ((512, 1025), (257, 2000), (1024, 513)):
        synthesise(Watched(), pictures(*size), torch.tensor([0.5]), tile=512)
    assert all(max(size) <= 512 for size in seen)
    assert len(seen) > 3
    assert min(min(size) for size in seen) > OVERLAP


class Known(nn.Module):
    """Answers with the motion of `pictures`, as it appears at whatever size it is asked for."""

    width = 1000

    def forward(self, frames: Tensor, time: Tensor) -> Synthesis:
        _, _, _, height, width = frames.shape
        scale = width / self.width
        flow = (
            torch.tensor([-5.0 * scale, -3.0 * scale]).view(1, 2, 1, 1).expand(1, 2, height, width)
        )
        weights = torch.full((1, 2, height, width), 0.5)
        return Synthesis(frames.mean(1), flow, weights)


@pytest.mark.parametrize("scale", [0.5, 0.3])
def test_scaled_flow_is_in_pixels_of_the_full_size(scale: float) -> None:
    frames = pictures(400, 1000)
    result = synthesise(Known(), frames, torch.tensor([0.0]), scale=scale, tile=WHOLE)
    expected = torch.tensor([-5.0, -3.0]).view(1, 2, 1, 1).expand_as(result.flow)
    torch.testing.assert_close(result.flow, expected, atol=0.02, rtol=0.02)
    # at time 0 both frames, read along the true motion, are the first
    inside = (..., slice(8, -8), slice(8, -8))
    assert (result.image - frames[:, 0])[inside].abs().max() < 0.02


@torch.no_grad()
def test_scaled_estimate_is_near_the_full_one_and_images_stay_sharp(network: nn.Module) -> None:
    frames, time = pictures(256, 320), torch.tensor([0.5])
    result = synthesise(network, frames, time, scale=0.5, tile=WHOLE)
    assert result.image.shape == (1, 3, 256, 320)
    torch.testing.assert_close(result.weights.sum(1), torch.ones(1, 256, 320))
    same = frames[:, :1].expand(-1, 2, -1, -1, -1)
    still = synthesise(_Still(), same, time, scale=0.25, tile=WHOLE)
    torch.testing.assert_close(still.image, same[:, 0], atol=1e-5, rtol=0)


class _Still(nn.Module):
    def forward(self, frames: Tensor, time: Tensor) -> Synthesis:
        _, num_frames, _, height, width = frames.shape
        flow = torch.zeros(1, 2, height, width)
        return Synthesis(frames[:, 0], flow, torch.full((1, num_frames, height, width), 0.5))
