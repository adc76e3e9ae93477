"""Stand-ins for what others pickle beside tensors: numpy scalars, and dicts with attributes.

`torch.load(weights_only=True)` reads tensors and plain containers, and refuses every other name.
Scripts write their best score as ``numpy.float64`` and their settings as ``easydict.EasyDict``
beside the weights. Under these names lie the functions below: neither package is imported, nothing
of a file is executed, and what comes out is plain.
"""

import re
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

_NUMBERS = {"b1": "?", "f2": "e", "f4": "f", "f8": "d"} | {
    f"{kind}{size}": letter.upper() if kind == "u" else letter
    for size, letter in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
    for kind in "iu"
}
"""NumPy's code of a type -> that of `struct`."""


class NumpyType:
    """The ``numpy.dtype`` of a number: its code, and in what order its bytes are."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        del align, copy
        self.code, self.order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


def number(kind: NumpyType, data: bytes | str) -> float | int | bool:
    """Return the Python number that a numpy scalar's bytes are.

    Args:
        kind: its type.
        data: its bytes; a text of as many characters where Python 2 wrote them.

    Raises:
        ValueError: it is of no type of `struct`, or of another size.
    """
    if not isinstance(kind, NumpyType) or kind.code not in _NUMBERS:
        raise ValueError("a numpy scalar that is no number")
    content = data.encode("latin1") if isinstance(data, str) else data
    try:
        return struct.unpack(kind.order + _NUMBERS[kind.code], content)[0]
    except (struct.error, TypeError) as error:
        raise ValueError(f"a numpy scalar whose bytes are no {kind.code}") from error


class PlainDict:
    """Makes an `OrderedDict`, which is filled as the dict that was pickled would be."""

    def __new__(cls, *items: Any) -> Any:
        """Return an empty `OrderedDict`, whatever was pickled as its arguments."""
        del items
        return OrderedDict()


STAND_INS: list[Callable | tuple[Callable, str]] = [
    (number, "numpy.core.multiarray.scalar"),
    (number, "numpy._core.multiarray.scalar"),
    (NumpyType, "numpy.dtype"),
    (PlainDict, "easydict.EasyDict"),
]
"""For `torch.serialization.safe_globals`."""


def refused_name(message: str) -> str | None:
    """Return the name that torch refused to load, from its message; None if it refused no name."""
    found = re.search(r"Unsupported global: GLOBAL (.*?) was not", message, re.DOTALL)
    return None if found is None else found[1]
