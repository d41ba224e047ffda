"""The views of a body, the best one first.

A view is a name and a function that makes a document. If it refuses a body, the raw bytes are shown with
the reason. Nothing here raises, for any bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from relay.text.decoding import decoded, in_utf8
from tui.bodies.document import Document, Unshowable
from tui.bodies.fields import form, looks_like_text, media_type, multipart, parameter
from tui.bodies.hexdump import HexDocument
from tui.bodies.jsontext import JsonDocument, JsonTree, laid_out

_JSON_STARTS = b"{["


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBody:
    """A decoded body and its views."""

    received: int
    """Bytes as received."""
    size: int
    """Bytes after decoding."""
    coding: str
    """The decoded encoding: `gzip`, `deflate`, or empty."""
    notes: tuple[str, ...]
    """Notes for every view: cut, broken, not in the declared encoding."""
    makers: Mapping[str, Callable[[], Document]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its views, the best one first."""
        return tuple(self.makers)

    def document(self, name: str) -> Document:
        """The document of a view; raw bytes and the reason if the view does not apply or refuses.

        Takes up to some tenths of a second for a body of 10 MiB; other threads can run meanwhile.
        """
        maker = self.makers.get(name)
        if maker is None:
            return self.makers["raw"]()
        try:
            return maker()
        except Unshowable as refusal:
            reason = str(refusal)
        except Exception as error:  # The bytes must be visible even if a view fails.
            reason = f"the {name} view failed ({type(error).__name__})"
        raw = self.makers["raw"]()
        raw.notes = (f"shown raw: {reason}", *raw.notes)
        return raw


def open_body(body: bytes, content_type: str = "", encoding: str = "") -> OpenedBody:
    """Decode a body and choose its views.

    Args:
        content_type: the value of Content-Type, empty without one.
        encoding: the value of Content-Encoding, empty without one.
    """
    found = decoded(body, encoding)
    kind = media_type(content_type)
    text, charset_notes = in_utf8(found.data, parameter(content_type, "charset"))
    makers: dict[str, Callable[[], Document]] = {}
    if not found.opaque:
        makers.update(_structured(text, kind, content_type))
    raw = lambda: Document(text)  # noqa: E731
    hexadecimal = lambda: HexDocument(found.data)  # noqa: E731
    if makers or (looks_like_text(text) and not found.opaque):
        makers |= {"raw": raw, "hex": hexadecimal}
    else:
        makers |= {"hex": hexadecimal, "raw": raw}
    if found.coding:
        makers["received"] = lambda: HexDocument(body)
    return OpenedBody(
        received=len(body),
        size=len(found.data),
        coding=found.coding,
        notes=(*found.notes, *charset_notes),
        makers=makers,
    )


def _structured(text: bytes, kind: str, content_type: str) -> dict[str, Callable[[], Document]]:
    """Views for the declared media type, or for the first characters."""
    if kind == "application/x-www-form-urlencoded" and text.strip():
        return {"form": lambda: form(text)}
    if kind.startswith("multipart/"):
        return {"multipart": lambda: multipart(text, content_type)}
    first = text[:64].lstrip()[:1]
    if text.strip() and (kind.endswith(("/json", "+json")) or (first and first in _JSON_STARTS)):
        # Laid out once for both; a refusal is not cached, but it is rare and cheap.
        laid = lru_cache(1)(lambda: laid_out(text))
        return {"pretty": lambda: JsonDocument(*laid()), "tree": lambda: JsonTree(*laid())}
    return {}
