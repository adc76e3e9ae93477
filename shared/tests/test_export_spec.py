from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from vision_shared.tasks import ExportSpec


class Answer(NamedTuple):
    mean: Tensor
    extra: dict[str, Tensor]
    double: Tensor


class Doubling(nn.Module):
    """Answers with more than the tensors that are exported."""

    def forward(self, image: Tensor) -> Answer:
        return Answer(image.mean((1, 2, 3)), {}, 2 * image)


def spec_of(*outputs: str) -> ExportSpec:
    batch = Dim("batch", max=8)
    return ExportSpec.of_images(Doubling(), outputs, (2, 3, 4), (5, 3, 4), {0: batch})


def test_named_outputs_come_in_their_order() -> None:
    spec = spec_of("double", "mean")
    (image,) = spec.example
    double, mean = spec.network(image)
    assert image.shape == (2, 3, 3, 4) and spec.other[0].shape == (5, 3, 3, 4)
    assert torch.equal(double, 2 * image) and torch.equal(mean, image.mean((1, 2, 3)))


@pytest.mark.parametrize("outputs", [("double",), ("double", "mean")])
def test_program_of_the_image_takes_the_other_size(outputs: tuple[str, ...]) -> None:
    spec = spec_of(*outputs)
    program = torch.export.export(spec.network, spec.example, dynamic_shapes=spec.dynamic_shapes)
    assert program.graph_signature.user_inputs == ("image",)
    torch.testing.assert_close(program.module()(*spec.other), spec.network(*spec.other))
