"""Settings as the environment has them: plain texts, and TOML for lists and tables.

Owns when a text is taken for TOML. What it means is the setting's own to say.
"""

from __future__ import annotations

import tomllib


def of_variable(structure: str | None, text: str) -> object:
    """The value that a variable holds: for a list TOML, or one plain value.

    Args:
        structure: of the setting: `list of targets`, `table of keys`, None for a plain value.

    Raises:
        ValueError: it looks like TOML and is none, or is a plain value where a table is wanted.
    """
    if structure is None:
        return text
    try:
        tables = tomllib.loads(f"it = {text.strip()}")
        value = tables["it"] if len(tables) == 1 else None
        reason = "it has several lines"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        value, reason = None, str(error)
    if value is not None and not isinstance(value, (list, dict, str)):
        value = None
        reason = "it is another value"
    if structure.startswith("table"):
        if not isinstance(value, dict):
            raise ValueError(f"is no TOML {structure}: {'it is another value' if value else reason}")
        return value
    if isinstance(value, (list, dict, str)):
        return value
    if structure == "list of tables" or _is_meant_as_toml(text.strip()):
        raise ValueError(f"is no TOML {structure}: {reason}")
    return text


def _is_meant_as_toml(text: str) -> bool:
    """`[::1]:3000` is a target, and begins as a list does."""
    if text.startswith("["):
        return text.endswith("]") or any(c in text for c in "\"'{")
    return text.startswith(("{", '"', "'"))
