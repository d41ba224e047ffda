"""Searches targets, headers and bodies for text in any case, and for JSON values.

Owns the rules of a match. Never raises, whatever the bytes: a body that is not JSON has no JSON values.
Numbers keep all their digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any

import msgspec

from relay.filters.tree import Written
from relay.filters.values import in_order
from relay.models import Headers
from relay.text.json_values import parsed

_ESCAPES = re.compile(r'(?:\\u[0-9a-fA-F]{4})+|\\["\\/bfnrt]')
"""JSON's escapes, matched from left to right, so that the second of two backslashes escapes nothing."""

_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

_ESCAPABLE = re.compile(r'["\\/\x00-\x1f]')
"""Characters that JSON can escape without \\u."""

_BEYOND = object()
"""A number whose exponent is too large to calculate with."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text to find in another, in any case; `*` matches any text."""

    pieces: tuple[str, ...]
    """Casefolded, none empty."""
    plain: tuple[bytes, ...] | None
    """The same as bytes, if all are ASCII: then most captures need no decoding."""
    shown: str
    escapable: bool = False
    """Whether JSON can escape one of its characters without \\u, such as `\\/`."""

    @classmethod
    def of(cls, value: Written) -> Text:
        folded = value.text.casefold()
        return cls._from((folded,) if value.literal else tuple(folded.split("*")), value.text)

    @classmethod
    def all_of(cls, *pieces: str) -> Text:
        """A text of casefolded pieces, all of which must be found."""
        return cls._from(pieces, " ".join(pieces))

    @classmethod
    def _from(cls, folded: tuple[str, ...], shown: str) -> Text:
        pieces = tuple(piece for piece in folded if piece)
        ascii_only = all(piece.isascii() for piece in pieces)
        plain = tuple(piece.encode() for piece in pieces) if ascii_only else None
        return cls(pieces, plain, shown, any(map(_ESCAPABLE.search, pieces)))

    def is_in(self, text: str) -> bool:
        return in_order(self.pieces, text.casefold())

    def is_in_latin1(self, text: str) -> bool:
        """Whether a header or target, stored as latin-1, contains it, read as UTF-8 if it is valid."""
        return self.is_in(as_meant(text))

    def is_in_target(self, encoded: bytes) -> bool:
        """As `is_in_latin1`, for a text that is encoded as UTF-8 again."""
        if self.plain is not None and encoded.isascii():
            return in_order(self.plain, encoded.lower())
        return self.is_in_latin1(encoded.decode("utf-8", "replace"))

    def is_in_headers(self, headers: Headers) -> bool:
        """Whether one name or one value contains it."""
        return any(self.is_in_latin1(name) or self.is_in_latin1(value) for name, value in headers)

    def may_be_in(self, encoded: bytes) -> bool:
        """A quick check before decoding: False if no string of a JSON text can contain it."""
        if self.plain is None:
            return True
        lower = encoded.lower()
        for piece in self.plain:
            if piece not in lower:
                return not encoded.isascii() or b"\\" in encoded
        return True

    def is_in_body(self, body: bytes) -> bool:
        r"""Whether the body, as UTF-8, contains it, also after decoding JSON's escapes such as `\u0061`."""
        if self.plain is not None:
            # ASCII folds to ASCII, whatever the bytes around it, so a match here is one in the text.
            if in_order(self.plain, body.lower()):
                return True
            # Searching one byte takes a third of the time of two.
            if body.isascii() and (b"\\" not in body or not (self.escapable or b"\\u" in body)):
                return False
        text = body.decode("utf-8", "replace")
        return self.is_in(text) or ("\\" in text and self.is_in(_ESCAPES.sub(_unescaped, text)))

    def __str__(self) -> str:
        return f'"{self.shown}"'


def as_meant(text: str) -> str:
    """Latin-1 text read as UTF-8 if its bytes are valid, else unchanged."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _unescaped(found: re.Match[str]) -> str:
    if found[0][1] != "u":
        return _SHORT.get(found[0][1], found[0][1])
    return bytes.fromhex(found[0].replace("\\u", "")).decode("utf-16-be", "replace")


def _number(digits: str) -> Any:
    try:
        return Decimal(digits)
    except DecimalException:
        return _BEYOND


_decode = msgspec.json.Decoder(float_hook=_number).decode


def read_json(body: bytes) -> Any:
    """The JSON value of a body: numbers are int or Decimal; of a repeated key the last counts.

    Raises:
        ValueError: the body is not JSON in UTF-8, or nested too deeply.
    """
    try:
        return _decode(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.MsgspecError, ValueError):
        # msgspec refuses lone surrogates and numbers of more than 4,300 digits.
        if b"\\ud" not in body.lower() and len(body) < 4000:
            raise ValueError("not JSON") from None
    return parsed(body, number=_number)


def strings(body: bytes) -> Iterator[str]:
    """Every string value of a JSON body, without keys; none if the body is not JSON."""
    try:
        stack = [read_json(body)]
    except ValueError:
        return
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def values_at(body: bytes, path: tuple[str, ...]) -> Iterator[Any]:
    """Values at a path of casefolded keys in a JSON body; an array on the way matches with each element.

    An array at the end is returned whole, then its elements.
    """
    try:
        level = [read_json(body)]
    except ValueError:
        return
    for key in path:
        level = [
            value
            for node in level
            for element in _unfolded(node)
            if isinstance(element, dict)
            for name, value in element.items()
            if name == key or name.casefold() == key
        ]
    for value in level:
        yield from _unfolded(value)


def _unfolded(value: Any) -> Iterator[Any]:
    """A value, and the elements of an array, recursively."""
    if not isinstance(value, list):
        yield value
        return
    stack = [value]
    while stack:
        top = stack.pop()
        yield top
        if isinstance(top, list):
            stack.extend(reversed(top))
