import itertools

import pytest
import torch
from torch import Tensor

from vision_shared.layers import sample_voxel_flow
from voxel_flow.models import build_network
from voxel_flow.models.synthesis import blend, outside

NETWORKS = [
    {"name": "compact", "width": 4},
    {"name": "compact", "width": 4, "cells": [2, 4], "own_flows": True, "trust": 1.0},
    {"name": "paper", "width": 4},
    {"name": "paper", "width": 4, "scales": 3},
    {"name": "paper", "width": 4, "head": "flow_mask"},
]


def pair(height: int, width: int, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, 2, 3, height, width, generator=generator)


@pytest.mark.parametrize("settings", NETWORKS)
@pytest.mark.parametrize(("height", "width"), [(32, 48), (37, 51), (16, 100)])
def test_any_size_comes_back_whole(settings: dict, height: int, width: int) -> None:
    result = build_network(**settings).eval()(pair(height, width), torch.full((2,), 0.5))
    assert result.image.shape == (2, 3, height, width)
    assert result.flow.shape == (2, 2, height, width)
    torch.testing.assert_close(result.weights.sum(1), torch.ones(2, height, width))


@pytest.mark.parametrize("settings", NETWORKS)
def test_gradient_reaches_every_parameter(settings: dict) -> None:
    network = build_network(**settings)
    for parameter in network.parameters():  # zero-initialised heads pass no gradient on
        torch.nn.init.normal_(parameter, std=0.1)
    result = network(pair(32, 32), torch.tensor([0.3, 0.5]))
    (result.image.square().mean() + sum(c.square().mean() for c in result.coarse)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("settings", NETWORKS)
def test_at_a_source_frames_time_that_frame_returns(settings: dict) -> None:
    network = build_network(**settings).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    frames = pair(32, 40)
    result = network(frames, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(result.image[0], frames[0, 0], atol=1e-3, rtol=0)
    torch.testing.assert_close(result.image[1], frames[1, 1], atol=1e-3, rtol=0)


def test_untrained_compact_is_the_average_in_time() -> None:
    frames = pair(32, 32)
    image = build_network("compact", width=4).eval()(frames, torch.tensor([0.5, 0.25])).image
    expected = torch.stack([frames[0].mean(0), 0.75 * frames[1, 0] + 0.25 * frames[1, 1]])
    torch.testing.assert_close(image, expected, atol=1e-3, rtol=0)


def test_an_untrained_network_that_trusts_the_closed_form_follows_motion() -> None:
    still = torch.nn.functional.avg_pool2d(pair(72, 80, 1)[0, 0], 5, 1, 2)
    for shift in (1, 3):
        frames = torch.stack([still[:, 4:68, 4:68], still[:, 4:68, 4 - shift : 68 - shift]])[None]
        time = torch.tensor([0.0])  # where frame 0 is known to be right
        average, trusting = (
            build_network("compact", width=4, rounds=[2, 2, 2], cells=[2, 4], trust=trust).eval()
            for trust in (0.0, 1.0)
        )
        assert (average(frames, time).flow == 0).all()
        flow = trusting(frames, time).flow[0, :, 12:-12, 12:-12]
        assert (flow[0].median() - shift).abs() < 0.2
        assert flow[1].median().abs() < 0.2


def test_each_frame_is_read_along_its_own_velocity() -> None:
    frames = pair(32, 32, 1)
    flows = torch.zeros(1, 2, 2, 32, 32)
    flows[:, 0, 0], flows[:, 1, 1] = 4.0, -2.0  # pixels per unit of time
    weights = torch.full((1, 2, 32, 32), 0.5)
    image = blend(frames, flows, weights, torch.tensor([[-0.5, 0.5]]))
    left, up = frames[0, 0].roll(2, -1), frames[0, 1].roll(1, -2)  # read at x - 2 and at y - 1
    torch.testing.assert_close(image[0, :, 2:, 2:], ((left + up) / 2)[:, 2:, 2:])
    network = build_network("compact", width=4, own_flows=True)
    assert network(frames, torch.tensor([0.5])).flows.shape == (1, 2, 2, 32, 32)


def test_a_velocity_that_leaves_a_frame_is_seen_outside() -> None:
    flows = torch.zeros(1, 2, 2, 8, 8)
    flows[:, :, 0] = 3.0
    far = outside(flows, torch.tensor([[-1.0, 0.1]]))
    assert (far[0, 0, :, :3] == 1).all()
    assert (far[0, 0, :, 3:] == 0).all()
    assert far[0, 1, 4, 7].item() == pytest.approx(0.3)


def test_rounds_and_scales_share_the_weights_of_their_level() -> None:
    torch.manual_seed(0)
    once = build_network("compact", width=4).eval()
    for weight in once.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    frames, time = pair(64, 64), torch.tensor([0.5, 0.5])
    flows = [once(frames, time).flow]
    for rounds in ((2, 1, 1), (1, 2, 1), (1, 1, 2), (1, 1, 1, 1)):
        network = build_network("compact", width=4, rounds=rounds).eval()
        network.load_state_dict(once.state_dict())
        flows.append(network(frames, time).flow)
    for a, b in itertools.combinations(flows, 2):
        assert (a - b).abs().max() > 1e-3
    with pytest.raises(ValueError, match="rounds of 3 scales"):
        build_network("compact", rounds=(1, 1))
    with pytest.raises(ValueError, match="expected 3 train_rounds"):
        build_network("compact", rounds=(1, 1, 1), train_rounds=(1, 1))


def test_training_has_rounds_of_its_own() -> None:
    torch.manual_seed(0)
    both = build_network("compact", width=4, rounds=(1, 2, 1), train_rounds=(1, 1, 1))
    for weight in both.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    frames, time = pair(64, 64), torch.tensor([0.5, 0.5])
    for mode, rounds in ((True, (1, 1, 1)), (False, (1, 2, 1))):
        network = build_network("compact", width=4, rounds=rounds)
        network.load_state_dict(both.state_dict())
        flows = [net.train(mode)(frames, time).flow for net in (both, network)]
        torch.testing.assert_close(*flows)


@pytest.mark.parametrize("settings", NETWORKS)
def test_flow_is_in_pixels_at_every_size(settings: dict) -> None:
    """The same image inside a larger one moves by the same number of pixels."""
    network = build_network(**settings).eval()
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    small = torch.nn.functional.pad(pair(64, 64, 1)[0], (96, 96, 96, 96))[
        None
    ]  # (1, 2, 3, 256, 256)
    large = torch.nn.functional.pad(small[0], (512, 512, 256, 256))[None]  # 768 x 1280
    time = torch.full((1,), 0.5)
    with torch.no_grad():
        here = network(small, time).flow[..., 96:160, 96:160]
        there = network(large, time).flow[..., 352:416, 608:672]
    assert here.abs().max() > 0.01
    torch.testing.assert_close(there, here, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("settings", NETWORKS)
def test_one_batch_can_be_overfitted(settings: dict) -> None:
    torch.manual_seed(0)
    network = build_network(settings["name"], width=8)
    texture = torch.nn.functional.interpolate(
        torch.rand(1, 3, 16, 20), size=(64, 80), mode="bicubic"
    )
    frames = torch.stack([texture[..., 4:36, 4:36], texture[..., 4:36, 8:40]], 1).clamp(0, 1)
    target = texture[..., 4:36, 6:38].clamp(0, 1)  # moves 4 pixels a step
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    average = (frames.mean(1) - target).abs().mean()
    for _ in range(120):
        image = network(frames, torch.full((1,), 0.5)).image
        loss = (image - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3 * average


def test_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match="compact, paper, got 'huge'"):
        build_network("huge")


@pytest.mark.parametrize("settings", NETWORKS)
def test_wrong_shapes_are_refused(settings: dict) -> None:
    network = build_network(**settings)
    with pytest.raises(ValueError, match=r"expected frames \(B, ., 3, H, W\)"):
        network(torch.zeros(2, 6, 32, 32), torch.zeros(2))


@pytest.mark.parametrize("settings", NETWORKS)
def test_three_frames_and_extrapolation_follow_the_one_rule(settings: dict) -> None:
    """Frames of a steady motion, and the true velocity: any time comes out, beyond them too."""
    network = build_network(**settings, num_frames=3).eval()
    times, time = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([2.5, 1.25])
    frames = torch.rand(2, 3, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    result = network(frames, time, times)
    reads = [
        sample_voxel_flow(
            frames[:, k : k + 1], flow, torch.ones(2, 1, 40, 48), times[k : k + 1], time
        )
        for k, flow in enumerate(result.flows.expand(-1, 3, -1, -1, -1).unbind(1))
    ]
    expected = (torch.stack(reads, 1) * result.weights[:, :, None]).sum(1)
    torch.testing.assert_close(result.image, expected)
    torch.testing.assert_close(result.weights.sum(1), torch.ones(2, 40, 48))


def test_normalised_flow_grows_with_the_image() -> None:
    network = build_network("paper", width=4, flow_units="normalised").eval()
    torch.nn.init.constant_(network.get_parameter("scales.0.head.bias"), 0.5)
    time = torch.full((1,), 0.5)
    narrow, wide = (network(torch.zeros(1, 2, 3, 33, w), time).flow for w in (33, 65))
    torch.testing.assert_close(wide[:, 0].mean(), 2 * narrow[:, 0].mean(), rtol=1e-3, atol=0)
    torch.testing.assert_close(wide[:, 1].mean(), narrow[:, 1].mean(), rtol=1e-3, atol=0)


def test_at_its_native_time_the_weights_are_the_networks_own() -> None:
    network = build_network("paper", width=4, native_time=2.0).eval()
    torch.nn.init.constant_(network.get_parameter("scales.0.head.bias"), 0.25)
    frames = torch.zeros(1, 2, 3, 32, 32)
    weights = network(frames, torch.tensor([2.0])).weights
    expected = torch.tensor(0.5).sigmoid()  # random weights of 0.01 add a trace
    torch.testing.assert_close(weights[:, 0].mean(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("settings", [{"head": "other"}, {"scales": 2}, {"flow_units": "furlongs"}])
def test_unknown_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        build_network("paper", **settings)
