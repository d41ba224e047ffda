"""Values of environment variables: plain texts, and TOML for lists and tables.

Owns the decision whether a text is TOML; the setting's reader gives it its meaning.
"""

from __future__ import annotations

import tomllib


def parse_variable(structure: str | None, text: str) -> object:
    """The value of a variable: TOML for a list, or one plain value.

    Args:
        structure: of the setting: `list of targets`, `table of keys`, None for a plain value.

    Raises:
        ValueError: it looks like TOML and is not, or is a plain value where a table is needed.
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
        reason = "it has another type"
    if structure.startswith("table"):
        if not isinstance(value, dict):
            raise ValueError(f"is not a valid TOML {structure}: {'it has another type' if value else reason}")
        return value
    if isinstance(value, (list, dict, str)):
        return value
    if structure == "list of tables" or _is_meant_as_toml(text.strip()):
        raise ValueError(f"is not a valid TOML {structure}: {reason}")
    return text


def _is_meant_as_toml(text: str) -> bool:
    """`[::1]:3000` is a target, and begins as a list does."""
    if text.startswith("["):
        return text.endswith("]") or any(c in text for c in "\"'{")
    return text.startswith(("{", '"', "'"))
