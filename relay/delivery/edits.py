"""Edits of a capture before it is sent again.

Pure: a capture and edits make a new capture. Everything that no edit names is kept, byte for byte.
`relay.delivery.http.request` writes `Host`, framing, hop-by-hop headers and our own; they cannot be edited.
"""

from __future__ import annotations

import os
from dataclasses import replace

from relay.control.messages import Edits
from relay.delivery.http.request import HOP_BY_HOP, OURS, OutgoingRequest
from relay.lean import signature
from relay.models import Capture, Headers
from relay.text.json_splice import splice


def parse_header(text: str) -> tuple[str, str | None]:
    """Read `Name: value`, or `Name:` to remove a header, into an entry of `Edits.header`.

    Raises:
        ValueError: it is not a valid header, or one that the relay writes itself.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"{text!r} is not a valid header; use 'Name: value', or 'Name:' to remove it")
    name, value = name.strip(), _latin1(value)
    check_header(name, value)
    return name, value or None


def parse_method(text: str) -> str | None:
    """Read a method into `Edits.method`; None for an empty text.

    Raises:
        ValueError: it is not a valid method.
    """
    method = _latin1(text)
    try:
        OutgoingRequest(method=method or "GET", target="/", headers=(("Host", "a"),), body=b"")
    except ValueError:
        raise ValueError(f"{text!r} is not a valid method; use one such as POST or PUT") from None
    return method or None


def parse_path(text: str) -> str | None:
    """Read a path, with or without a query, into `Edits.target`; None for an empty text.

    Raises:
        ValueError: it is not a valid path.
    """
    path = _latin1(text)
    try:
        if path and not path.startswith("/"):
            raise ValueError
        OutgoingRequest(method="GET", target=path or "/", headers=(("Host", "a"),), body=b"")
    except ValueError:
        raise ValueError(f"{text!r} is not a valid path; use one such as /webhooks/lean?a=1") from None
    return path or None


def _latin1(text: str) -> str:
    return os.fsencode(text.strip(" \t")).decode("latin-1")


def check_header(name: str, value: str) -> None:
    """Raise `ValueError` where a header cannot be sent, or is written by the relay itself."""
    if name.lower() in HOP_BY_HOP | OURS:
        raise ValueError(f"{name} is written by the relay itself, to match the target and the body")
    OutgoingRequest(method="GET", target="/", headers=(("Host", "a"), (name, value)), body=b"")


def edited(capture: Capture, edits: Edits) -> Capture:
    """The capture as it is to be sent.

    Raises:
        ValueError: a path does not exist in this body; the message names the capture.
    """
    body = capture.body if edits.body is None else edits.body
    for path, value in edits.set:
        try:
            body = splice(body, path, value)
        except ValueError as error:
            coded = next(
                (value for name, value in capture.headers if name.lower() == "content-encoding"), None
            )
            packed = f" (its Content-Encoding is {coded})" if coded else ""
            raise ValueError(f"capture {capture.id}: {error}{packed}") from None
    headers = capture.headers if edits.headers is None else edits.headers
    return replace(
        capture,
        method=capture.method if edits.method is None else edits.method,
        target=capture.target if edits.target is None else edits.target,
        headers=_changed(headers, edits.header),
        body=body,
    )


def signed(capture: Capture, secret: bytes) -> Capture:
    """The capture signed again, as `with_signature`."""
    return with_signature(capture, signature.sign(capture.body, secret))


def with_signature(capture: Capture, value: str | None) -> Capture:
    """The capture with another signature; None removes it.

    The header keeps the place and spelling of the old one, or comes last.
    """
    name = next((name for name, _ in capture.headers if name.lower() == signature.HEADER), signature.HEADER)
    return replace(capture, headers=_changed(capture.headers, ((name, value),)))


def is_signature_stale(capture: Capture, sent: Capture) -> bool:
    """Whether the body was changed and the signature was not."""
    return capture.body != sent.body and signatures(capture) == signatures(sent) != []


def signatures(capture: Capture) -> list[str]:
    """The values of its `lean-signature` headers."""
    return [value for name, value in capture.headers if name.lower() == signature.HEADER]


def _changed(headers: Headers, changes: tuple[tuple[str, str | None], ...]) -> Headers:
    wanted: dict[str, list[tuple[str, str]]] = {}
    for name, value in changes:
        pairs = wanted.setdefault(name.lower(), [])
        if value is not None:
            pairs.append((name, value))
    made: list[tuple[str, str]] = []
    put: set[str] = set()
    for name, value in headers:
        key = name.lower()
        if key not in wanted:
            made.append((name, value))
        elif key not in put:
            put.add(key)
            made += wanted[key]
    return (*made, *(pair for key, pairs in wanted.items() if key not in put for pair in pairs))
