from copy import deepcopy

import pytest
import torch
from torch import Tensor

from vision_shared.metrics import ShapedMetric


class Gathered(ShapedMetric):
    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", [], dist_reduce_fx="cat")

    def update(self, values: Tensor) -> None:
        self.values.append(values)

    def compute(self) -> tuple[Tensor, dict[str, Tensor]]:
        values = torch.cat(self.values)
        return values, {"sum": values.sum(0, keepdim=True)}


@pytest.mark.parametrize("size", [1, 2])
def test_results_of_one_element_keep_their_shapes(size: int) -> None:
    metric = Gathered()
    metric.update(torch.ones(size, 1))
    for one in (metric, deepcopy(metric), metric.clone()):
        values, more = one.compute()
        assert values.shape == (size, 1) and more["sum"].shape == (1, 1)
    assert metric.compute() is metric.compute()  # cached
    metric.reset()
    metric.update(torch.zeros(size + 1, 1))
    assert metric.compute()[0].shape == (size + 1, 1)
