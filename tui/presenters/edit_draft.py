"""The body of an edited request: laid out as text, back as bytes, and what was changed. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from relay.analysis.shape import judge
from relay.analysis.shape_result import Kind, ShapeResult
from relay.text.json_merge import merged
from relay.text.json_tokens import JsonError, JsonText
from relay.text.layout import indented
from relay.text.units import format_bytes
from tui.bodies.json_edit import Changes, changes

MOST_TEXT = 4 * 1024 * 1024
"""Characters of the largest text that is edited here: 2 MiB of JSON, laid out, open within half a second."""

MOST_LINE = 64 * 1024
"""Characters of its longest line: each of its rows costs as much to draw as the whole line."""

MOST_PLACED = 20_000
"""Texts with more tokens get no notes on their shape, which takes 4 us for each token."""


@dataclass(frozen=True, slots=True)
class FormParts:
    """A form in its parts, so that some of them can be edited alone."""

    remarks: tuple[bytes, ...]
    request: bytes
    """The request line."""
    headers: tuple[bytes, ...]
    body: bytes
    """Left out of the form where it is not text."""

    def text(self) -> bytes:
        """The whole form."""
        return b"\n".join((*self.remarks, self.request, *self.headers, b"", self.body, b""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """An edited body, judged."""

    body: bytes
    """As it would be sent."""
    is_changed: bool
    error: JsonError | None
    """Why it is not JSON."""
    changes: Changes | None
    """None where the original is not JSON."""
    shape: ShapeResult | None
    """None where it is not JSON."""
    warnings: Mapping[int, str]
    """Line -> what Lean documents otherwise."""


class BodyDraft:
    """A capture's body while it is edited."""

    def __init__(self, original: bytes, encoding: str) -> None:
        """
        Args:
            original: as received.
            encoding: the value of Content-Encoding, empty without one.
        """
        self.original = original
        self._encoding = encoding
        self._base_text = ""
        self._base: JsonText | None = None

    @cached_property
    def _received(self) -> JsonText | None:
        """The original; None where it is not JSON."""
        text = _text(self.original)
        found = None if text is None else JsonText(text)
        return None if found is None or found.error() is not None else found

    def lay_out(self, body: bytes) -> str:
        """Lay out a body, so that an edited text becomes bytes with the white space of this body.

        Raises:
            ValueError: it is not JSON, or too large; the message says which.
        """
        text = indented(body).decode("utf-8")
        if not fits(text):
            raise ValueError(
                f"too large ({format_bytes(len(body))}, or a line over {format_bytes(MOST_LINE)})"
            )
        self._base_text, self._base = body.decode("utf-8"), None
        return text

    def bytes_of(self, text: str) -> bytes:
        """The body for an edited text that was laid out here."""
        return self._merged(JsonText(text))

    def of_text(self, text: str) -> Review:
        """Review an edited text that was laid out here."""
        edited = JsonText(text)
        return self._review(self._merged(edited), edited)

    def of_bytes(self, body: bytes) -> Review:
        """Review a body that was edited as bytes."""
        text = _text(body)
        return self._review(body, None if text is None else JsonText(text))

    def _merged(self, edited: JsonText) -> bytes:
        # Made when first needed: it takes 0.15 s for 2 MiB.
        self._base = self._base or JsonText(self._base_text)
        return merged(self._base, edited).encode("utf-8", "surrogatepass")

    def _review(self, body: bytes, edited: JsonText | None) -> Review:
        error = JsonError(0, "it is not text") if edited is None else edited.error()
        compared = None
        if edited is not None and self._received is not None:
            compared = changes(self._received, edited, is_json=error is None)
        shape = judge(body, self._encoding) if error is None else None
        return Review(
            body=body,
            is_changed=body != self.original,
            error=error,
            changes=compared,
            shape=shape,
            warnings={} if shape is None or edited is None else dict(_warnings(shape, edited)),
        )


def fits(text: str) -> bool:
    """Whether a text can be edited here without delays."""
    return len(text) <= MOST_TEXT and max(map(len, text.split("\n"))) <= MOST_LINE


def _text(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _warnings(shape: ShapeResult, edited: JsonText) -> Iterator[tuple[int, str]]:
    found = {
        each.steps: each.words for each in shape.differences if each.warning and each.kind is not Kind.MISSING
    }
    if not found or len(edited) > MOST_PLACED:
        return
    for path, (at, _) in edited.places.items():
        steps = tuple(step if isinstance(step, int) else json.loads(step[0]) for step in path)
        if steps in found:
            yield edited.text.count("\n", 0, edited.starts[at]), found[steps]
