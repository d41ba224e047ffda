"""Events inside other formats: Lean's own log, its Events API, lists and lines of events, our own JSON.

Owns how to find an event in them, and what is lost: a copied log entry no longer has the bytes that were
sent, so its signature cannot be checked. The event's JSON is returned byte for byte as it was in the text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Wrapping(StrEnum):
    """The format in which an event was found."""

    NONE = "none"
    LOG_RECORD = "log-record"
    """An entry of the webhook log in Lean's dashboard; its `request` is the event."""
    EVENTS_API = "events-api"
    """A page of Lean's Events API; its `data` are events."""
    CAPTURE = "capture"
    """A line of `list --json`; its `body` holds the captured bytes."""


WHY_NO_SIGNATURE: Mapping[str, str] = {
    Wrapping.LOG_RECORD: "it is an entry of Lean's webhook log, which keeps its JSON in another order and "
    "layout than was sent, so no signature can be checked",
    Wrapping.EVENTS_API: "it is from a page of Lean's Events API, whose text differs from what was sent, so "
    "no signature can be checked",
}


BARE = "event"
"""The form of an event that came as it is, besides the words of `Wrapping`."""


def why_unsigned(form: str | None) -> str | None:
    """Why an event that was not received has no signature to check; None for a request.

    Args:
        form: BARE, or a word of `Wrapping`; None for a request.
    """
    if form is None:
        return None
    return WHY_NO_SIGNATURE.get(form, "it is an event without its request, so it has no signature to check")


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """One event found in a text."""

    body: bytes
    """Its JSON as found; of a capture's line the captured bytes."""
    wrapping: Wrapping


class _Wrapped(msgspec.Struct):
    kind: msgspec.Raw = msgspec.Raw(b"")
    type: msgspec.Raw = msgspec.Raw(b"")
    payload: msgspec.Raw = msgspec.Raw(b"")
    webhook_message_id: msgspec.Raw = msgspec.Raw(b"")
    request: msgspec.Raw = msgspec.Raw(b"")
    data: msgspec.Raw = msgspec.Raw(b"")
    page: msgspec.Raw = msgspec.Raw(b"")
    body: str | None = None
    body_base64: str | None = None


_decode = msgspec.json.Decoder(_Wrapped).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def is_log_record(body: bytes) -> bool:
    """Whether a body is an entry of Lean's webhook log instead of an event."""
    return [found.wrapping for found in _of_object(body)] == [Wrapping.LOG_RECORD]


def unwrapped(text: bytes) -> Iterator[Unwrapped]:
    """Return the events in a text: a bare event, an entry of Lean's log, a page of its Events API, a list of
    these, or one of these per line. Any other text is returned unchanged.
    """
    text = text.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:1] == b"[":
        try:
            items = _decode_list(text)
        except (ValueError, RecursionError):
            items = []
        if items:
            for item in items:
                yield from _of_object(bytes(item))
            return
    found = list(_of_object(text))
    lines = [line for line in text.split(b"\n") if line.strip()]
    if found and found[0].wrapping is Wrapping.NONE and len(lines) > 1 and all(map(_is_json, lines)):
        for line in lines:
            yield from _of_object(line)
        return
    yield from found


def _of_object(text: bytes) -> Iterator[Unwrapped]:
    """The event that a JSON object is, or the events that it contains."""
    try:
        wrapped = _decode(text)
    except (ValueError, RecursionError):
        yield Unwrapped(text, Wrapping.NONE)
        return
    if bytes(wrapped.kind) == b'"capture"' and (wrapped.body is not None or wrapped.body_base64 is not None):
        yield Unwrapped(_bytes_of(wrapped), Wrapping.CAPTURE)
    elif not wrapped.payload and wrapped.webhook_message_id and bytes(wrapped.request)[:1] == b"{":
        yield Unwrapped(bytes(wrapped.request), Wrapping.LOG_RECORD)
    elif not wrapped.payload and wrapped.page and bytes(wrapped.data)[:1] == b"[":
        for item in _decode_list(wrapped.data):
            yield Unwrapped(bytes(item), Wrapping.EVENTS_API)
    else:
        yield Unwrapped(text, Wrapping.NONE)


def _bytes_of(wrapped: _Wrapped) -> bytes:
    if wrapped.body is not None:
        return wrapped.body.encode()
    try:
        return base64.b64decode(wrapped.body_base64 or "", validate=True)
    except binascii.Error:
        return b""


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return line.lstrip()[:1] in (b"{", b"[")
