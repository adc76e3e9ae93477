from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from segmentation.models.dpn import PHASES, DeepParsingNetwork, MeanFieldStep
from segmentation.models.local_convolution import READINGS, Reading

READING = pytest.mark.parametrize("reading", READINGS)


class Trunk(nn.Module):
    """An eighth of the size, with what a real trunk has: batch normalisation and dropout."""

    channels = (6,)

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 9, stride=8, padding=4), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.3)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def network(**settings: Any) -> DeepParsingNetwork:
    torch.manual_seed(0)
    return DeepParsingNetwork(Trunk(), 4, **settings)


def images(height: int = 24, width: int = 40) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


@READING
@pytest.mark.parametrize("stride", [1, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(24, 40), (19, 33)])
def test_any_size_comes_back_whole(reading: Reading, stride: int, height: int, width: int) -> None:
    parsing = network(reading=reading, stride=stride, window=5)(images(height, width))
    assert parsing.logits.shape == (2, 4, height, width)
    assert parsing.logits.isfinite().all()
    grid = (2, 4, -(-height // stride), -(-width // stride))
    assert set(parsing.terms) == {"unary", "smoothed", "penalty"}
    assert all(term.shape == grid for term in parsing.terms.values())


def test_one_step_of_mean_field_is_the_energys() -> None:
    """q(i, u) ~ p(i, u) exp(-min_k sum_j sum_v mu_k(u, v, j - i) sum_z k(j, z) p(z, v))."""
    torch.manual_seed(0)
    step = MeanFieldStep(3, window=3, context_size=3, components=2)
    nn.init.normal_(step.label_contexts.mixtures.weight)
    scores, image = torch.randn(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    field = step(scores.log_softmax(1), image)
    p = scores.softmax(1)[0]
    smoothed = step.local_convolution(p[None], image)[0]
    torch.testing.assert_close(field.smoothed[0], smoothed)
    kernels, q = step.label_contexts.kernels().detach(), torch.empty(3, 4, 5)
    for u, y, x in ((u, y, x) for u in range(3) for y in range(4) for x in range(5)):
        costs = torch.zeros(2)
        for i, j in ((i, j) for i in range(y - 1, y + 2) for j in range(x - 1, x + 2)):
            if 0 <= i < 4 and 0 <= j < 5:
                costs += (kernels[u, :, :, i - y + 1, j - x + 1] * smoothed[:, i, j]).sum(1)
        q[u, y, x] = p[u, y, x] * torch.exp(-costs.min())
    torch.testing.assert_close(field.logits.softmax(1)[0], q / q.sum(0))


@READING
def test_potts_penalty_removes_a_speck(reading: Reading) -> None:
    image = torch.zeros(1, 3, 9, 9)
    image[..., 5:] = 1
    p = torch.full((1, 2, 9, 9), 0.9)
    p[:, 0, :, 5:] = 0.1  # two objects, two classes
    p[:, 0, 4, 2] = 0.45  # a mistake, of half a mind
    p[:, 1] = 1 - p[:, 0]
    step = MeanFieldStep(2, window=7, reading=reading)
    labels = step(p.log(), image).logits.argmax(1)[0]
    assert (labels[:, :5] == 0).all()
    assert (labels[:, 5:] == 1).all()
    unchanged = MeanFieldStep(2, window=7, reading=reading, potts=0)
    torch.testing.assert_close(unchanged(p.log(), image).logits.exp(), p, rtol=0, atol=0.05)


@READING
@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_trains_its_parts_alone(reading: Reading, phase: str) -> None:
    net = network(reading=reading, window=3, activation="sigmoid").train()
    net.begin(phase)
    buffers = {name: x.clone() for name, x in net.named_buffers()}
    heads = net(images()).heads
    heads[0].logits.softmax(1).square().sum().backward()
    for name, parameters in net.parts().items():
        for parameter in parameters:
            moved = parameter.grad is not None and bool((parameter.grad != 0).any())
            assert moved == (name in PHASES[phase]), name
    same = all(torch.equal(x, buffers[name]) for name, x in net.named_buffers())
    assert same == ("unary" not in PHASES[phase])


def test_parts_are_all_there_is() -> None:
    net = network()
    listed = [id(x) for parameters in net.parts().values() for x in parameters]
    assert sorted(listed) == sorted(id(x) for x in net.parameters())
    assert set(net.parts()) == {name for names in PHASES.values() for name in names}
    with pytest.raises(ValueError, match=r"expected a phase among unary, triple_penalty, .*'all'"):
        net.begin("all")


def test_unary_step_is_the_unary_alone() -> None:
    net = network().eval()
    joint = net(images())
    net.begin("unary")
    unary = net(images())
    assert set(unary.terms) == {"unary"}
    torch.testing.assert_close(unary.terms["unary"], joint.terms["unary"])
    assert not torch.equal(unary.logits, joint.logits)
    again = network()
    again.load_state_dict(net.state_dict())
    assert again.phase == "unary"


def test_image_decides_where_the_energy_moves_a_border() -> None:
    """Full-size terms see what the trunk's grid cannot."""
    net = network(stride=1, window=31, potts=8.0).eval()
    scores = torch.zeros(1, 4, 1, 2)
    scores[0, 0, 0, 0] = scores[0, 1, 0, 1] = 3
    net.unary.classifier.register_forward_hook(lambda *_: scores)
    image = torch.zeros(1, 3, 8, 16)
    image[..., 10:] = 1  # the object ends at 10, the two cells at 8
    labels = net(image).logits.argmax(1)[0]
    net.begin("unary")
    before = net(image).logits.argmax(1)[0]
    assert (before[:, :8] == 0).all() and (before[:, 8:] == 1).all()
    assert (labels[:, 8:10] == 0).all() and (labels[:, 10:] == 1).all()


@READING
def test_one_batch_can_be_overfitted(reading: Reading) -> None:
    net = network(stride=4, window=5, reading=reading).train()
    image = images()
    target = (image.mean(1) > 0.5).long() + 2 * (torch.arange(40) > 20).long()
    target = target[:, ::4, ::4]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(net(image).heads[0].logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_exported_program_runs_at_other_sizes() -> None:
    net = network().eval()
    shapes = ({0: Dim("batch", max=8), 2: Dim("height", min=16), 3: Dim("width", min=16)}, None)
    exported = export(net, (images(), None), dynamic_shapes=shapes)
    image = images(37, 50)
    torch.testing.assert_close(exported.module()(image, None).logits, net(image).logits)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="a stride of at least 1 and the activation softmax or"):
        network(stride=0)
    with pytest.raises(ValueError, match="got 8, 'relu'"):
        network(activation="relu")
