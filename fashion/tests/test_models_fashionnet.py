"""FashionNet: what it answers, what drives its pooling, that it learns, and the paper's sizes."""

from typing import Any

import pytest
import torch
from torch import nn

from fashion import losses
from fashion.data.taxonomy import ABSENT, OCCLUDED, VISIBLE
from fashion.models import FashionNet, Recognition, build_network
from fashion.models.fashionnet import Attributes

TRUNK = {"name": "small", "channels": (8, 8, 8, 8), "branch": 8, "grid": 2}
WIDTHS = {"pose_width": 32, "local_width": 16, "global_width": 16, "fusion_width": 32}
SMALL = {**WIDTHS, "embedding_width": 8, "region": 4, "bins": 2, "dropout": 0.0}
SOURCES = ["predicted", "oracle", "shuffled", "corner", "none"]


def make(**settings: Any) -> FashionNet:
    torch.manual_seed(0)
    network = build_network("fashionnet", 5, 7, TRUNK, **{**SMALL, **settings})
    assert isinstance(network, FashionNet)
    return network


def batch(size: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    states = torch.full((size, 8), VISIBLE)
    states[0, 4:6] = ABSENT
    states[1, 0] = OCCLUDED
    return {
        "image": torch.rand(size, 3, 64, 64, generator=generator),
        "landmarks": torch.rand(size, 8, 2, generator=generator),
        "states": states,
        "category": torch.arange(size) % 5,
        "attributes": torch.randint(0, 2, (size, 7), generator=generator) * 2 - 1,
        "item": torch.arange(size) // 2,
    }


def objective(answer: Recognition, data: dict[str, torch.Tensor]) -> torch.Tensor:
    return (
        10 * losses.landmark_loss(answer.landmarks, data["landmarks"], data["states"])
        + losses.visibility_loss(answer.state_logits, data["states"])
        + losses.category_loss(answer.category_logits, data["category"])
        + losses.attribute_loss(answer.attribute_logits, data["attributes"])
        + losses.triplet_loss(answer.embedding, data["item"])
    )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("pooling", ["max", "bilinear"])
def test_answers_have_their_shapes_and_every_parameter_a_gradient(
    source: str, pooling: str
) -> None:
    network, data = make(landmarks_from=source, pooling=pooling), batch()
    network.begin("recognition")
    answer = network(data["image"], data["landmarks"], data["states"])
    shapes = [tuple(x.shape) for x in answer]
    assert shapes == [(4, 8, 2), (4, 8, 3), (4, 5), (4, 7), (4, 8)]
    torch.testing.assert_close(answer.embedding.norm(dim=1), torch.ones(4))
    objective(answer, data).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_one_batch_overfits_in_both_steps() -> None:
    network, data = make(), batch()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    values = []
    for step in range(60):
        network.begin(network.phases[step // 10 % 2])
        loss = objective(network(data["image"], data["landmarks"], data["states"]), data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.1 * values[0]


def details(network: FashionNet, **annotation: torch.Tensor) -> torch.Tensor:
    return network(batch()["image"], **annotation).attribute_logits


@pytest.mark.parametrize(("phase", "at_truth"), [("pose", True), ("recognition", False)])
def test_training_pools_at_the_truth_in_the_pose_phase_alone(phase: str, at_truth: bool) -> None:
    network, data = make(), batch()
    network.begin(phase)
    truth = {"landmarks": data["landmarks"], "states": data["states"]}
    moved = {**truth, "landmarks": 1 - truth["landmarks"]}
    assert torch.equal(details(network, **truth), details(network, **moved)) is not at_truth


def test_evaluation_never_sees_the_annotation_but_as_an_oracle() -> None:
    data = batch()
    truth = {"landmarks": data["landmarks"], "states": data["states"]}
    for phase in FashionNet.phases:
        network = make().eval()
        network.begin(phase)
        assert torch.equal(details(network), details(network, **truth))
    oracle = make(landmarks_from="oracle").eval()
    hidden = {**truth, "states": torch.full((4, 8), ABSENT)}
    assert not torch.equal(details(oracle, **truth), details(oracle, **hidden))
    with pytest.raises(ValueError, match="to pool at, got None"):
        details(oracle)


@pytest.mark.parametrize("pooling", ["max", "bilinear"])
def test_recognition_moves_the_pose_through_bilinear_pooling_alone(pooling: str) -> None:
    network, data = make(pooling=pooling), batch()
    network.begin("recognition")
    network.states.bias.data.view(8, 3)[:, 0] = 9  # all are seen
    network(data["image"]).attribute_logits.square().sum().backward()
    moves = network.landmarks.weight.grad is not None and bool(network.landmarks.weight.grad.any())
    assert moves == (pooling == "bilinear")


def test_network_without_pooling_has_no_local_branch() -> None:
    assert not hasattr(make(landmarks_from="none"), "local")


def test_state_dict_restores_the_network() -> None:
    network, other = make(), make()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    other.load_state_dict(network.state_dict())
    image = batch()["image"]
    for mine, theirs in zip(network.eval()(image), other.eval()(image), strict=True):
        assert torch.equal(mine, theirs)


def test_defaults_are_the_papers_sizes() -> None:
    with torch.device("meta"):
        network = build_network("fashionnet", 50, 1000, {"name": "vgg16"})
    sizes = {
        name: tuple(parameter.shape)
        for name, parameter in network.named_parameters()
        if parameter.ndim == 2
    }
    assert sizes["pose.1.layers.0.weight"] == (1024, 512 * 7 * 7)
    assert sizes["pose.2.0.weight"] == (1024, 1024)
    assert sizes["local.0.weight"] == (1024, 8 * 512 * 4 * 4)
    assert sizes["whole.1.layers.0.weight"] == (4096, 512 * 7 * 7)
    assert sizes["fusion.0.weight"] == (4096, 1024 + 4096)
    assert sizes["category.weight"] == (50, 4096)


def test_vgg_runs_at_a_small_width() -> None:
    trunk = {"name": "vgg16", "width": 2, "grid": 2}
    network = build_network("fashionnet", 5, 7, trunk, **SMALL).eval()
    assert network(torch.rand(2, 3, 64, 64)).embedding.shape == (2, 8)


def test_fusion_may_be_the_branches_themselves() -> None:
    network = make(fusion_width=None)
    assert network.category.in_features == WIDTHS["local_width"] + WIDTHS["global_width"]
    assert network(batch()["image"], batch()["landmarks"], batch()["states"]).embedding.ndim == 2


def test_exported_program_answers_alike() -> None:
    network = make().eval()
    program = torch.export.export(network, (torch.rand(2, 3, 64, 64),))
    image = batch(2)["image"]
    for mine, theirs in zip(network(image), program.module()(image), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="landmarks_from among predicted, oracle"):
        make(landmarks_from="guessed")
    with pytest.raises(ValueError, match="phase among pose, recognition, got 'both'"):
        make(pooled_at_truth_in=["both"])
    with pytest.raises(ValueError, match="phase among pose, recognition, got 'joint'"):
        make().begin("joint")
    with pytest.raises(ValueError, match="network fashionnet, frozen or dfa, got 'resnet'"):
        build_network("resnet", 5, 7, TRUNK)
    with pytest.raises(ValueError, match=r"states \(4, 8\), got \(4, 8, 2\) and \(4, 6\)"):
        make(landmarks_from="oracle")(
            batch()["image"], batch()["landmarks"], batch()["states"][:, :6]
        )


def test_attributes_begin_as_frequent_as_they_are() -> None:
    head = Attributes(4, 3)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    head.expect(torch.tensor([0.25, 0.0, torch.nan]))
    torch.testing.assert_close(head(torch.rand(2, 4)).sigmoid()[1], torch.tensor([0.25, 1e-3, 0.5]))
