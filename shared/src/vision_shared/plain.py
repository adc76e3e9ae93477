"""Plain data: what may be taken from a file that somebody else wrote.

Numbers, texts, booleans, None, and lists and dicts of them. No key begins with ``_``, which Hydra
reads as code to call (``_target_``), and no text holds ``${``, which OmegaConf resolves, to the
environment's secrets for example.
"""

import json
from typing import Any

MAX_DEPTH = 32
"""Of lists and dicts in one another; what this project records is nested 6 deep."""

_SHOWN = 60


class PlainError(ValueError):
    """Data that is not plain; its message is one line without its beginning, the file's name."""


def expect_plain(value: Any, name: str) -> None:
    """Raise `PlainError` unless ``value`` is plain data.

    Args:
        value: value as it was read.
        name: name of it, for the message.

    >>> expect_plain({"folder": "data", "sizes": [64, 64]}, "values")
    >>> expect_plain({"folder": {"_target_": "os.getcwd"}}, "values")
    Traceback (most recent call last):
    vision_shared.plain.PlainError: values.folder: a key '_target_', which could name code
    """
    waiting = [(value, name, 0)]
    while waiting:
        node, path, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise PlainError(f"{name}: nested more than {MAX_DEPTH} deep")
        if isinstance(node, dict):
            for key, inside in node.items():
                _expect_key(key, path)
                waiting.append((inside, f"{path}.{shown(key)[1:-1]}", depth + 1))
        elif isinstance(node, list | tuple):
            waiting += [(inside, f"{path}[{i}]", depth + 1) for i, inside in enumerate(node)]
        elif isinstance(node, str):
            _expect_text(node, path)
        elif type(node) not in (int, float, bool, type(None)):
            raise PlainError(f"{path}: a {type(node).__name__}, expected plain data")


def parse_json(text: str | bytes) -> Any:
    """Return plain data from JSON.

    Raises:
        PlainError: it is no JSON, or holds anything else (see `expect_plain`).
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise PlainError(f"JSON nested more than {MAX_DEPTH} deep") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PlainError(f"no JSON ({one_line(error)})") from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise PlainError("JSON with a number that is too long") from error
    expect_plain(value, "JSON")
    return value


def shown(value: object) -> str:
    """Return a value from a file for a message: one line, short, without control characters."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]}...{text[-1]}"


def one_line(error: BaseException) -> str:
    """Return the first line of an exception's message, short; its type where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = "".join(char if char.isprintable() else "?" for char in lines[0]) if lines else ""
    return text[:200] or type(error).__name__


def _expect_key(key: object, path: str) -> None:
    if not isinstance(key, str):
        raise PlainError(f"{path}: a key {shown(key)}, expected a text")
    _expect_text(key, path)
    if key.startswith("_"):
        raise PlainError(f"{path}: a key {shown(key)}, which could name code")


def _expect_text(text: str, path: str) -> None:
    if "${" in text:
        raise PlainError(f"{path}: {shown(text)} holds ${{, which could be resolved")
    if "\0" in text:
        raise PlainError(f"{path}: {shown(text)} holds a NUL character")
