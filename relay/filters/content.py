"""Operators on target, headers and body: one class each.

Owns the meaning of these keys. A search in SQL calls `holds` of the same classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from relay.filters.matching import Text, as_meant, strings, values_at
from relay.filters.tree import Leaf, Written
from relay.filters.values import Pattern, Span, decimal, is_range, span
from relay.models import Capture, Headers

_NUMERIC = re.compile(r"[0-9e+.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class LeanId(Leaf):
    code = "id"
    example = "id:ANY-LEAN-ID"
    help = "any id of Lean's: the event_id, or a text anywhere in the JSON body"

    pattern: Pattern
    text: Text

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(Pattern.of(value), Text.of(value))

    def holds(self, event_id: str | None, body: bytes) -> bool:
        """Whether one of the two contains the id."""
        if event_id is not None and self.pattern.matches(event_id):
            return True
        # Its pieces must be in the body, unless they are escaped.
        return self.text.may_be_in(body) and any(map(self.pattern.matches, strings(body)))

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.event.event_id if capture.event else None, capture.body)

    def __str__(self) -> str:
        return f"it contains the id {self.pattern}"


@dataclass(frozen=True, slots=True)
class Header(Leaf):
    code = "header"
    example = "header:NAME"
    help = "a header is there; header:NAME=VALUE has this whole value"

    name: Pattern
    value: Pattern | None
    prefilter: Text
    """A text that a header list must contain to be worth reading."""

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        if value.head and not value.head.endswith("="):
            raise ValueError("quotes must enclose a whole word or value")
        name, equals, wanted = f"{value.head}{value.text}".partition("=")
        if not name:
            raise ValueError("a name is missing before =")
        if equals and not wanted:
            raise ValueError(f"a value is missing after {name}=")
        written = Written(name, literal=value.literal and not value.head)
        found = Pattern.of(Written(wanted, literal=value.literal)) if equals else None
        return cls(Pattern.of(written), found, Text.of(written))

    def holds(self, headers: Headers) -> bool:
        """Whether one of the headers matches."""
        return any(
            self.name.matches(as_meant(name)) and (self.value is None or self.value.matches(as_meant(value)))
            for name, value in headers
        )

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.headers)

    def __str__(self) -> str:
        value = "" if self.value is None else f" is {self.value}"
        return f"header {self.name}{value or ' is there'}"


@dataclass(frozen=True, slots=True)
class Body(Leaf):
    code = "body"
    example = "body:TEXT"
    help = r"a text anywhere in the body, behind JSON's escapes too: \/ and \u00e9"

    text: Text

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(Text.of(value))

    def holds(self, body: bytes) -> bool:
        """Whether a body contains the text."""
        return self.text.is_in_body(body)

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.body)

    def __str__(self) -> str:
        return f"the body has {self.text}"


@dataclass(frozen=True, slots=True)
class BodyField(Leaf):
    code = "body.PATH"
    example = "body.payload.amount:100.."
    help = "a value of the JSON body; of an array any element; * if it is there at all"

    path: tuple[str, ...]
    pattern: Pattern | None
    """None for a range."""
    span: Span | None
    """None if the value is not a number."""
    prefilter: Text
    """Texts that a body must contain to be worth parsing: the last key, and the text to find."""

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        raise ValueError("body. needs a path, as in body.payload.amount")

    @classmethod
    def read_at(cls, key: str, value: Written) -> Self:
        """The operator for a whole key, `body.payload.amount`, and its value.

        Raises:
            ValueError: the path or the value is not valid.
        """
        path = tuple(part.casefold() for part in key.split(".")[1:])
        if not all(path):
            raise ValueError(f'"{key}" has an empty part; use a path such as body.payload.amount')
        if not value.literal and is_range(value.text):
            return cls(path, None, span(value.text, decimal), Text.all_of(path[-1]))
        pattern = Pattern.of(value)
        number = None if value.literal else _number(value.text)
        if number is None:
            return cls(path, pattern, None, Text.all_of(path[-1], *pattern.pieces))
        return cls(path, pattern, Span(number, number), Text.all_of(path[-1]))

    @property
    def required_texts(self) -> tuple[str, ...]:
        """Texts that a matching body contains in this order: its key, and its value."""
        if self.pattern is None or all(map(_NUMERIC.fullmatch, self.pattern.pieces)):
            return (self.path[-1],)  # a number may be written in another way
        return (self.path[-1], *self.pattern.pieces)

    def holds(self, body: bytes) -> bool:
        """Whether a value at the path in a body matches."""
        return self.prefilter.may_be_in(body) and any(map(self._is_meant, values_at(body, self.path)))

    def _is_meant(self, value: Any) -> bool:
        if self.pattern is not None and self.pattern.is_anything:
            return True
        if isinstance(value, str):
            # A string is compared as a string, "007" is not 7; only a range reads it as a number.
            if self.pattern is not None:
                return self.pattern.matches(value)
            number = _number(value)
            return self.span is not None and number is not None and self.span.holds(number)
        if isinstance(value, bool) or value is None:
            word = "null" if value is None else str(value).lower()
            return self.pattern is not None and self.pattern.matches(word)
        if not isinstance(value, int | Decimal):
            return False
        if self.span is not None:
            return self.span.holds(value)
        # Without *, the pattern is not a number; with one, it may match the digits.
        return self.pattern is not None and not self.pattern.is_exact and self.pattern.matches(str(value))

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.body)

    def __str__(self) -> str:
        wanted = self.pattern if self.pattern is not None else self.span
        return f"{'.'.join(self.path)} in the body is {wanted}"


def _number(text: str) -> Decimal | None:
    try:
        return decimal(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Word(Leaf):
    code = ""
    example = "TEXT"
    help = "in the target, a header or the body"

    text: Text

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(Text.of(value))

    def matches(self, capture: Capture) -> bool:
        return (
            self.text.is_in_latin1(capture.target)
            or self.text.is_in_headers(capture.headers)
            or self.text.is_in_body(capture.body)
        )

    def __str__(self) -> str:
        return f"{self.text} is in it"
