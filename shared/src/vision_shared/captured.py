"""Calls on CUDA as graphs, which the device replays without Python."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

Capture = Callable[[Callable[[], Any]], tuple[Callable[[], object], Any]]
"""A call -> what repeats it, and what it has returned, which each repetition writes again."""

_REMEMBERED = 256  # sizes that have been met once


class CapturedCalls:
    """Calls of a function of tensors, captured for each size and type that comes a second time.

    What takes a thousand small steps waits for Python rather than for the device. A size that comes
    once is not worth a capture, which takes as long as a few calls. What cannot be captured is
    called as it is, with one warning.

    Args:
        function: function of tensors alone, on a CUDA device; it returns tensors that follow from
            those and from what stays where it is in memory, and is called without gradients.
        most: graphs that are kept, the last used ones: each has the memory of its inputs and of
            its answer, and all of them that of one call.
        capture: another one for tests.
    """

    def __init__(
        self, function: Callable[..., Any], most: int = 4, capture: Capture | None = None
    ) -> None:
        self.function = function
        self._most = most
        self._capture = capture or _OnCuda()
        self._met: OrderedDict[Any, None] = OrderedDict()
        self._calls: OrderedDict[Any, Callable[..., Any]] = OrderedDict()

    def __call__(self, *inputs: Tensor, room: Sequence[torch.Size] | None = None) -> Any:
        """Return what the function does, in tensors of one's own.

        Args:
            inputs: arguments of the function.
            room: sizes of the memory in which a graph has the inputs, theirs at least, by which
                calls of several sizes share a graph; None is their own. Beyond an input is what an
                earlier one has left there, zeros at first, and the answer is of the whole room.
        """
        sizes = tuple(room or [x.shape for x in inputs])
        key = _autocast_type(), sizes, *(x.dtype for x in inputs)
        if key in self._calls:
            self._calls.move_to_end(key)
            return self._calls[key](*inputs)
        if key not in self._met:
            _add(self._met, key, None, _REMEMBERED)
            return self.function(*inputs)
        call = self._captured(inputs, sizes)
        _add(self._calls, key, call, self._most)
        return call(*inputs)

    def _captured(
        self, inputs: Sequence[Tensor], sizes: Sequence[torch.Size]
    ) -> Callable[..., Any]:
        """Return what puts inputs into a graph's memory, replays it and copies its answer."""
        with torch.inference_mode(False):  # else later calls outside of it could not write there
            held = [_held(x, size) for x, size in zip(inputs, sizes, strict=True)]
        _write(held, inputs)  # a call of memory that no one wrote may read anywhere
        try:
            replay, answer = self._capture(lambda: self.function(*held))
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            warnings.warn(f"a CUDA graph failed: {reason}", stacklevel=3)
            return self.function

        def call(*given: Tensor) -> Any:
            _write(held, given)
            replay()
            return pytree.tree_map_only(Tensor, torch.clone, answer)

        return call


class _OnCuda:
    """Captures CUDA graphs that share the memory of what they compute on the way."""

    def __init__(self) -> None:
        self._pool: Any = None

    def __call__(self, run: Callable[[], Any]) -> tuple[Callable[[], object], Any]:
        half, side, graph = _autocast_type(), torch.cuda.Stream(), torch.cuda.CUDAGraph()
        side.wait_stream(torch.cuda.current_stream())
        # casts that autocast keeps for later would be of memory that the graph does not hold
        with torch.autocast("cuda", half, enabled=half is not None, cache_enabled=False):
            with torch.cuda.stream(side):
                run()  # compiles kernels and chooses algorithms
            torch.cuda.current_stream().wait_stream(side)
            # other threads may pin the memory of the next batch meanwhile
            with torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
                answer = run()
        self._pool = graph.pool()
        return graph.replay, answer


def _held(x: Tensor, size: Sequence[int]) -> Tensor:
    return torch.empty_like(x) if x.shape == size else x.new_zeros(size)


def _write(held: Sequence[Tensor], given: Sequence[Tensor]) -> None:
    for target, source in zip(held, given, strict=True):
        target[tuple(map(slice, source.shape))].copy_(source)


def _autocast_type() -> torch.dtype | None:
    return torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else None


def _add(store: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    store[key] = value
    if len(store) > most:
        store.popitem(last=False)
