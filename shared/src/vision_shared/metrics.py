"""The base class of the tasks' own metrics."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from torchmetrics import Metric


class ShapedMetric(Metric):
    """A metric whose results keep their shapes.

    torchmetrics makes a 0-d tensor of everything with one element, in tuples, too: of the (N,) of a
    query set of one image, of the (A,) of a single attribute.
    """

    def _wrap_compute(self, compute: Callable) -> Callable:
        wrapped = super()._wrap_compute(lambda: _Result(compute()))

        @wraps(compute)
        def compute_with_shapes() -> Any:
            return wrapped().value

        return compute_with_shapes


class _Result:
    """Holds a result where torchmetrics, which looks into collections, does not see it."""

    def __init__(self, value: Any) -> None:
        self.value = value
