"""Names of a package that are imported when they are first used (PEP 562).

The package itself imports nothing heavy, so that ``--help`` of its commands stays quick.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Args:
        package: name of the package.
        modules: the module that each exported name comes from, by the name.

    >>> lazy_exports("fractions", {"Fraction": "fractions"})("Fraction")(1, 2)
    Fraction(1, 2)
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return get
