"""Deep Fashion Alignment: stages, their targets, easy and hard, and the controls beside it."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fashion import losses
from fashion.data.taxonomy import ABSENT, TRUNCATED, VISIBLE
from fashion.models import Alignment, DeepFashionAlignment, build_network
from fashion.models.pseudo_labels import PseudoLabels

TRUNK = {"name": "small", "channels": (8, 8, 8, 8), "branch": 8, "grid": 2}
SMALL = {"width": 32, "previous_width": 16, "dropout": 0.0, "num_labels": 3}


def make(trunk: dict[str, Any] = TRUNK, **settings: Any) -> DeepFashionAlignment:
    torch.manual_seed(0)
    network = build_network("dfa", 0, 0, trunk, **{**SMALL, **settings})
    assert isinstance(network, DeepFashionAlignment)
    return network


def batch(size: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(size, 3, 64, 64, generator=generator)
    landmarks = torch.rand(size, 8, 2, generator=generator)
    states = torch.full((size, 8), VISIBLE)
    states[0, 4:6] = ABSENT
    states[1, 0] = TRUNCATED
    landmarks[states >= TRUNCATED] = 0
    return image, landmarks, states


def fit(network: DeepFashionAlignment, image: Tensor, landmarks: Tensor, states: Tensor) -> None:
    """As a training does between two steps."""
    if network.needs_fit:
        was_training = network.training
        network.fit(landmarks, states, network.eval().before(image))
        network.train(was_training)


def objective(network: DeepFashionAlignment, data: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    image, landmarks, states = data
    alignment = network(image)
    target = network.target(alignment, landmarks, states)
    terms = losses.alignment_losses(alignment, target, states)
    return torch.stack(list(terms.values())).sum()


@pytest.mark.parametrize("local_patch", [0, 8])
def test_each_step_trains_its_stage_and_that_alone(local_patch: int) -> None:
    network, data = make(local_patch=local_patch), batch()
    for i, phase in enumerate(network.phases):
        network.begin(phase)
        fit(network, *data)
        network.zero_grad()
        before = [x.clone() for x in network.stages[: network.last].state_dict().values()]
        objective(network.train(), data).backward()
        for name, parameter in network.stages.named_parameters():
            learns = parameter.grad is not None and bool(parameter.grad.any())
            assert learns == (int(name.split(".")[0]) == i), name
        after = network.stages[: network.last].state_dict().values()
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_one_batch_overfits_and_later_stages_improve() -> None:
    network, data = make(overlap=1.0), batch()
    errors = []
    for phase in network.phases:
        network.begin(phase)
        fit(network, *data)
        optimizer = torch.optim.Adam(network.parameters(), 3e-3)
        for _ in range(40):
            loss = objective(network.train(), data)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        alignment = network.eval()(data[0])
        errors.append(losses.landmark_loss(alignment.landmarks, *data[1:]).item())
    assert errors[2] < errors[1] < errors[0] < 0.06, errors  # 0.17 is what the middle has


@pytest.mark.parametrize("start", ["previous", "noise"])
def test_later_stages_go_on_from_what_the_one_before_sees(start: str) -> None:
    network, data = make(start=start, local_patch=8, inference="average"), batch()
    network.begin("stage1")
    network.begin("stage2")
    first, second = network.stages[0][0], network.stages[1][0]  # type: ignore[index]
    seen = [stage.eval().fc6(stage.features(data[0])) for stage in (first, second)]
    assert torch.equal(*seen) == (start == "previous")
    same = torch.equal(first.fc7[0].weight, second.fc7[0].weight[:, : SMALL["width"]])
    assert same == (start == "previous")
    torch.nn.init.normal_(second.fc7[0].bias)
    network.begin("stage1")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.begin("stage2")  # again: what it has learned is kept
    after = network.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items() if "stages" in key)
    again = make(start=start, local_patch=8)
    again.load_state_dict(after)
    assert torch.equal(again.stages[1][0].fc7[0].bias, second.fc7[0].bias)  # type: ignore[index]


def test_every_stage_tells_its_landmarks() -> None:
    network, (image, _, _) = make().eval(), batch()
    for phase in network.phases:
        network.begin(phase)
    last: Alignment = network(image)
    network.begin("stage2")
    second: Alignment = network(image)
    assert len(last.earlier) == 2 and len(second.earlier) == 1
    assert torch.equal(last.earlier[1], second.landmarks)
    assert torch.equal(last.earlier[0], second.earlier[0]) and last.previous is last.earlier[1]


def test_stages_update_as_the_released_code_does() -> None:
    network, (image, _, _) = make().eval(), batch()
    network.begin("stage1")
    first: Alignment = network(image)
    assert first.previous is None
    assert torch.equal(first.landmarks, first.answers[0].change)
    network.begin("stage3")
    last: Alignment = network(image)
    assert last.previous is not None
    easy, hard = (answer.change for answer in last.answers)
    expected = last.previous - (easy / 5 + hard / 5) / 2
    torch.testing.assert_close(last.landmarks, expected)


def test_answering_the_target_reaches_the_truth() -> None:
    network, (image, landmarks, states) = make().eval(), batch()
    network.begin("stage1")
    fit(network, image, landmarks, states)
    network.begin("stage2")
    fit(network, image, landmarks, states)
    alignment: Alignment = network(image)
    target = network.target(alignment, landmarks, states)
    assert alignment.previous is not None
    reached = alignment.previous - target.change / network.scale
    known = states < TRUNCATED
    torch.testing.assert_close(reached[known], landmarks[known])
    assert not target.change[~known].any()
    assert target.labels is not None
    assert target.labels.sum(1).tolist() == [1.0] * 8
    assert target.labels.max(1).values.tolist() == [1.0] * 8  # hard behind the first stage


def trained_to_route() -> DeepFashionAlignment:
    """A cascade whose second stage gives the label 0 to dark images, 1 to bright ones."""
    network = make(num_labels=2, inference="route").eval()
    labels = network.pseudo_labels[1]
    assert isinstance(labels, PseudoLabels)
    labels.errors.copy_(torch.tensor([0.1, 0.9]))
    labels.quantiles.copy_(torch.tensor([0.4, 0.5, 0.6]))
    stage = network.stages[1][0]  # type: ignore[index]

    class ByBrightness(nn.Module):
        def forward(self, image: Tensor, previous: Tensor) -> Any:
            answer = stage(image, previous)
            bright = image.mean((1, 2, 3)) * 20 - 10
            return answer._replace(label_logits=torch.stack([-bright, bright], 1))

    network.stages[1][0] = ByBrightness()  # type: ignore[index]
    return network


def test_routing_takes_the_branch_of_the_expected_error() -> None:
    network = trained_to_route()
    alignment: Alignment = network(torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64)]))
    assert alignment.previous is not None
    easy, hard = (alignment.previous - answer.change / 5 for answer in alignment.answers)
    torch.testing.assert_close(alignment.landmarks, torch.stack([easy[0], hard[1]]))
    assert alignment.learns.tolist() == [[True, False], [False, True]]


def test_fit_finds_who_is_hard() -> None:
    network = make()
    network.begin("stage3")
    _, landmarks, states = batch(40)
    label = torch.arange(40) % 3
    logits = 20 * nn.functional.one_hot(label, 3).float()
    off = torch.tensor([0.0, 0.1, 0.3])[label]
    previous = Alignment(
        landmarks + off[:, None, None], torch.zeros(40, 8, 3), logits, (), (), torch.ones(40, 1)
    )
    network.fit(landmarks, states, previous)
    expected = torch.tensor([0.0, 0.1, 0.3]) * 2**0.5
    labels = network.pseudo_labels[1]
    assert isinstance(labels, PseudoLabels)
    torch.testing.assert_close(labels.errors, expected, atol=1e-4, rtol=0)
    assert labels.is_easy(logits.softmax(1)).tolist() == (label < 2).tolist()
    assert not network.needs_fit


def test_garments_without_landmarks_take_no_part() -> None:
    network, (image, landmarks, states) = make(), batch()
    unknown = torch.full((4, 8), ABSENT)
    network.begin("stage1")
    network.fit(torch.cat([landmarks, torch.zeros(4, 8, 2)]), torch.cat([states, unknown]))
    alone = make()
    alone.begin("stage1")
    alone.fit(landmarks, states)
    ours, theirs = (x.state_dict()["pseudo_labels.0.centres"] for x in (network, alone))
    assert torch.equal(ours, theirs)
    alignment = network(image[:4])
    terms = losses.alignment_losses(
        alignment, network.target(alignment, landmarks[:4], unknown), unknown
    )
    assert [value.item() for value in terms.values()] == [0, 0, 0]


def test_pseudo_labels_and_step_are_in_the_state() -> None:
    network, data = make(), batch()
    for phase in network.phases[:2]:
        network.begin(phase)
        fit(network, *data)
    other = make()
    other.load_state_dict(network.state_dict())
    assert other.last == 1
    assert not other.needs_fit
    image = data[0]
    assert torch.equal(network.eval()(image).landmarks, other.eval()(image).landmarks)
    other.begin("stage3")
    assert other.needs_fit


def test_without_labels_nothing_is_to_be_fitted() -> None:
    network, data = make(num_labels=0), batch()
    for phase in network.phases:
        network.begin(phase)
        assert not network.needs_fit
        objective(network.train(), data).backward()
    alignment: Alignment = network(data[0])
    assert alignment.label_logits is None
    assert alignment.learns.all()  # two branches are an ensemble


def test_ensemble_is_the_mean_of_networks_that_learn_alike() -> None:
    network, data = make(branches=(4,), num_labels=0), batch()
    network.begin("stage1")
    alignment: Alignment = network.eval()(data[0])
    mean = torch.stack([answer.change for answer in alignment.answers]).mean(0)
    torch.testing.assert_close(alignment.landmarks, mean)
    objective(network.train(), data).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_sizes_are_those_of_the_released_nets() -> None:
    with torch.device("meta"):
        network = build_network("dfa", 0, 0, {"name": "vgg16"})
    sizes = {name: tuple(p.shape) for name, p in network.named_parameters() if p.ndim == 2}
    assert sizes["stages.0.0.fc6.layers.0.weight"] == (4096, 512 * 7 * 7)
    assert sizes["stages.0.0.fc7.0.weight"] == (4096, 4096)
    assert sizes["stages.1.0.previous.0.weight"] == (512, 16)
    assert sizes["stages.1.0.fc7.0.weight"] == (4096, 4096 + 512)
    assert sizes["stages.2.1.labels.weight"] == (20, 4096)


def test_vgg_runs_at_a_small_width() -> None:
    network = make({"name": "vgg16", "width": 1, "grid": 2}, shrink=2, local_patch=8).eval()
    assert network(torch.rand(2, 3, 64, 64)).landmarks.shape == (2, 8, 2)


def test_exported_program_answers_alike() -> None:
    network = make(inference="route", local_patch=8, branches=(1, 2)).eval()

    class Landmarks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Tensor) -> Tensor:
            return self.network(image).landmarks

    image = batch(2)[0]
    program = torch.export.export(Landmarks(), (image,))
    torch.testing.assert_close(program.module()(image), network(image).landmarks)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"branches": ()}, "a number of branches and of labels for each stage"),
        ({"num_labels": (3, 3)}, "a number of branches and of labels for each stage"),
        ({"branches": (1, 3)}, "an easy and a hard branch at most"),
        ({"inference": "vote"}, "the inference average or route, got 'vote'"),
        ({"inference": "route", "num_labels": 0}, "two branches behind a stage with pseudo-labels"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_misuse_of_steps_is_named() -> None:
    network, (image, landmarks, states) = make(), batch()
    with pytest.raises(ValueError, match="phase among stage1, stage2, stage3, got 'pose'"):
        network.begin("pose")
    network.begin("stage2")
    with pytest.raises(ValueError, match="previous answers in every stage but the first"):
        network.fit(landmarks, states)
    with pytest.raises(ValueError, match="fitted pseudo-labels in stage2, got none"):
        network.target(network(image), landmarks, states)
