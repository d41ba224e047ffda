"""Captures as they will be stored, from what a file holds: a line of an export, an event, a request.

Owns what is taken over from a file and what is worked out again from the bytes: event, hash, signature, shape
and repeats are never believed. Owns the digest by which a second import of the same adds nothing. Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from relay.archive.ndjson import AttemptLine, CaptureLine
from relay.lean import signature
from relay.lean.envelope import read_event
from relay.models import MOST_NOTE_BYTES, Headers, Signature, iso, to_micros
from relay.models.attempt_record import AttemptRecord
from relay.models.imports import ImportedCapture, ImportedDelivery, source_start

MOST_BODY_BYTES = 32 * 1024 * 1024
MOST_BYTES = 40 * 1024 * 1024
"""Of a capture with the bodies of its attempts: a message to the engine has at most 64 MiB, in base64."""

MOST_HEAD_BYTES = 256 * 1024
MOST_ATTEMPTS = 10_000
MOST_TLS_BYTES = 64 * 1024
MOST_WORDS = 2_000
"""Characters of a reason or an error; longer ones are cut."""

JSON_HEADERS: Headers = (("Content-Type", "application/json"),)
"""Of an event without its request."""

_encode = msgspec.json.Encoder().encode


class Checker:
    """Checks signatures with the secrets that hold for a file, and names the file in each source."""

    def __init__(
        self,
        file: str,
        secrets: Mapping[str, bytes],
        *,
        bundle: tuple[str, bytes] | None = None,
        headers: str | None = None,
    ) -> None:
        """
        Args:
            file: its name.
            secrets: of the settings.
            bundle: name and value of the throwaway secret that came in the file.
            headers: `masked` or `redacted`; None if they are as they came.
        """
        self._file = file
        self._bundle = None if bundle is None else bundle[0]
        self._headers = headers
        self._check = signature.Verifier({**secrets, **({bundle[0]: bundle[1]} if bundle else {})}).check

    def signature(self, headers: Headers, body: bytes) -> tuple[Signature, str | None]:
        values = [value.encode("latin-1") for name, value in headers if name.lower() == signature.HEADER]
        return self._check(values, body)

    def source(self, digest: str, **more: Any) -> str:
        """The source of a capture, as stored."""
        known = {"name": self._file, **more, "bundle": self._bundle, "headers": self._headers}
        words = json.dumps({key: value for key, value in known.items() if value is not None})
        return f"{source_start(digest)}, {words[1:]}"


def of_event(body: bytes, checker: Checker, form: str) -> ImportedCapture:
    """An event without its request, as Lean would have posted it, but unsigned.

    Args:
        form: as `relay.lean.records.why_unsigned` takes it.

    Raises:
        ValueError: it is too large.
    """
    digest = _digest("event", body)
    return _capture(
        digest=digest,
        source=checker.source(digest, form=form),
        method="POST",
        target="/",
        http_version="1.1",
        headers=JSON_HEADERS,
        body=body,
    )


def of_request(
    method: str, target: str, http_version: str, headers: Headers, body: bytes, checker: Checker
) -> ImportedCapture:
    """A request without the facts of a capture.

    Raises:
        ValueError: it is too large.
    """
    digest = _digest("request", body, method, target, http_version, headers)
    state, signed_by = checker.signature(headers, body)
    return _capture(
        digest=digest,
        source=checker.source(digest),
        method=method,
        target=target,
        http_version=http_version,
        headers=headers,
        body=body,
        signature=str(state),
        signed_by=signed_by,
    )


def of_line(line: CaptureLine, attempts: Sequence[AttemptLine], checker: Checker) -> ImportedCapture:
    """A capture of an export, with its attempts.

    Raises:
        ValueError: it does not hold a capture; the message says why.
    """
    body = bytes_of(line.body, line.body_base64)
    if body is None:
        raise ValueError("it has no body")
    at = None if line.received_at is None else _aware(line.received_at)
    digest = _digest("capture", body, at and to_micros(at), line.id, line.method, line.target)
    if line.id is None and at is None:
        digest = _digest("request", body, line.method, line.target, line.http_version, line.headers)
    state, signed_by = checker.signature(line.headers, body)
    source = checker.source(
        digest,
        id=line.id,
        received_at=None if at is None else iso(at),
        origin=line.origin,
        signature=line.signature,
        signed_by=line.signed_by,
    )
    return _capture(
        digest=digest,
        source=source,
        method=line.method,
        target=line.target,
        http_version=line.http_version,
        headers=line.headers,
        body=body,
        client=line.client,
        tls=_tls(line.tls),
        answer=line.answer.status,
        answer_reason=_cut(line.answer.on_purpose),
        signature=str(state),
        signed_by=signed_by,
        original=None if line.id is None or at is None else (line.id, to_micros(at)),
        starred=line.starred,
        note=_note(line.note),
        deliveries=_deliveries(line, attempts),
    )


def bytes_of(text: str | None, coded: str | None) -> bytes | None:
    """A body of a line; None without one.

    Raises:
        ValueError: the base64 is not valid.
    """
    if coded is None:
        return None if text is None else text.encode()
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a body is not valid base64") from None


def _capture(*, headers: Headers, body: bytes, **columns: Any) -> ImportedCapture:
    if len(body) > MOST_BODY_BYTES:
        raise ValueError(f"its body has more than {MOST_BODY_BYTES // 1024 // 1024} MiB")
    check_latin1(columns["method"], columns["target"], columns["http_version"], headers)
    event = read_event(body)
    return ImportedCapture(
        headers=_encode(headers).decode(),
        body=body,
        body_sha256=sha256(body).hexdigest(),
        event_type=event.type if event else None,
        event_id=event.event_id if event else None,
        event_at=event.event_at if event else None,
        customer_id=event.customer_id if event else None,
        **columns,
    )


def check_latin1(method: str, target: str, http_version: str, headers: Headers) -> None:
    """Check the request line and the headers.

    Raises:
        ValueError: it is not bytes, as latin-1 keeps them, or too long.
    """
    size = len(method) + len(target) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > MOST_HEAD_BYTES:
        raise ValueError(f"its headers have more than {MOST_HEAD_BYTES // 1024} KiB")
    for text in (method, target, http_version, *(part for pair in headers for part in pair)):
        try:
            text.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError("a header or the request line has a character above U+00FF") from None
        if "\r" in text or "\n" in text or "\0" in text:
            raise ValueError("a header or the request line has a line break or a NUL")


def _digest(kind: str, body: bytes, *parts: Any) -> str:
    made = sha256(json.dumps([kind, *parts]).encode())
    made.update(b"\n")
    made.update(body)
    return made.hexdigest()


def _aware(at: datetime) -> datetime:
    """In UTC.

    Raises:
        ValueError: it has no offset, or no such year exists in UTC.
    """
    if at.tzinfo is None:
        raise ValueError("a time has no offset")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time is out of range") from None


def _tls(facts: dict[str, Any] | None) -> str | None:
    if facts is None:
        return None
    text = _encode(facts).decode()
    if len(text) > MOST_TLS_BYTES:
        raise ValueError(f"its TLS facts have more than {MOST_TLS_BYTES // 1024} KiB")
    return text


def _note(text: str | None) -> str | None:
    if text is None or len(text.encode()) <= MOST_NOTE_BYTES:
        return text
    return text.encode()[:MOST_NOTE_BYTES].decode("utf-8", "ignore")


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MOST_WORDS]


def _deliveries(line: CaptureLine, attempts: Sequence[AttemptLine]) -> tuple[ImportedDelivery, ...]:
    made: dict[int, list[AttemptRecord]] = {}
    for attempt in attempts:
        made.setdefault(attempt.delivery_id, []).append(_attempt(attempt))
    return tuple(
        ImportedDelivery(
            target=each.target,
            kind="replay" if each.kind == "replay" else "live",
            reason=_cut(each.reason)
            if each.state == "ended"
            else f"imported; it was {each.state[:20]} there",
            attempts=tuple(made.get(each.id, ())),
        )
        for each in line.deliveries
    )


def _attempt(line: AttemptLine) -> AttemptRecord:
    for headers in (line.sent_headers or (), line.headers or ()):
        check_latin1(line.sent_method or "", line.sent_target or "", "", headers)
    return AttemptRecord(
        number=line.number,
        started_at=to_micros(_aware(line.started_at)),
        elapsed_us=round(line.elapsed_ms * 1000),
        outcome=line.outcome,
        status=line.status,
        verdict=line.verdict if line.verdict in ("delivered", "retry") else None,
        verdict_reason=_cut(line.verdict_reason),
        error=_cut(line.error),
        address=line.address,
        sent_method=line.sent_method,
        sent_target=line.sent_target,
        sent_headers=line.sent_headers,
        sent_body=bytes_of(line.sent_body, line.sent_body_base64),
        headers=line.headers,
        body=bytes_of(line.body, line.body_base64),
        body_size=line.body_size,
    )
