"""Overrides of a config on the command line: a hint where Hydra's syntax gets in a value's way."""

import re
import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from vision_shared.inputs import InputError
from vision_shared.renamed_keys import RENAMED

SWEEPS = ("-m", "--multirun", "hydra.mode=MULTIRUN")
OVERRIDE = re.compile(r"(?P<key>[+~]{0,2}[\w./@-]+)=(?P<value>.*)", re.DOTALL)


def check_overrides(arguments: Sequence[str]) -> None:
    """Check overrides before Hydra does, whose errors are long and do not say how to quote.

    Args:
        arguments: arguments of the command line; what has no ``=``, and options, are left to Hydra.

    Raises:
        InputError: one that Hydra cannot parse, a choice of several, or a key that was renamed.
    """
    parser = OverridesParser.create()
    is_sweep = any(argument in SWEEPS for argument in arguments)
    for argument in arguments:
        if argument.startswith("-") or "=" not in argument:
            continue
        try:
            override: Override = parser.parse_override(argument)
        except HydraException as error:
            raise InputError(_explain(argument)) from error
        name = str(override.key_or_group).rpartition(".")[2]
        if name in RENAMED:
            raise InputError(f"{argument}: the key {name} is called {RENAMED[name]} now")
        if override.is_sweep_override() and not is_sweep:
            raise InputError(f"{_explain(argument)}; --multirun goes through several values")


def _explain(argument: str) -> str:
    match = OVERRIDE.fullmatch(argument)
    if match is None:
        return f"{argument}: expected KEY=VALUE"
    value = re.sub(r'(\\*)("|$)', _escape, match["value"])
    quoted = shlex.quote(f'{match["key"]}="{value}"')
    return (
        f"{argument}: brackets, commas, = and letters beyond ASCII in a value need quotes: write "
        f"{quoted}"
    )


def _escape(match: re.Match[str]) -> str:
    """A quote, or the end of a value, with the backslashes before it."""
    return match[1] * 2 + ('\\"' if match[2] else "")
