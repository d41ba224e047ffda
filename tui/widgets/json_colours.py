"""Colours of JSON, in a body that is read and in one that is edited."""

from __future__ import annotations

JSON_CSS = """
    & > .body--key { color: $text-primary; text-style: bold; }
    & > .body--string { color: $text-success; }
    & > .body--number { color: $text-warning; }
    & > .body--literal { color: $text-accent; text-style: italic; }
    & > .body--punctuation { color: $foreground-darken-3; }
    & > .body--odd { color: $text-error; text-style: bold; }
"""
"""Rules for a widget with these classes."""

JSON_CLASSES = frozenset(
    f"body--{name}" for name in ("key", "string", "number", "literal", "punctuation", "odd")
)
"""Component classes of these rules."""
