"""Read one response from a connection, and decide whether the connection can be used again.

Owns the parsing, by h11 where a response is not plain (`relay.delivery.http.plain_head`), and the size
limits; a head that h11 refuses keeps its status (`relay.delivery.http.broken_head`). Sends nothing and knows
no deadline.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import h11

from relay.delivery.http import broken_head
from relay.delivery.http.connection import Connection
from relay.delivery.http.outcomes import Failed, Outcome, not_http
from relay.delivery.http.plain_head import PlainHead, plain_head
from relay.lean.schedule import DELIVERED_STATUS
from relay.models import Headers

KEPT_BODY_BYTES = 1024 * 1024
MOST_RESPONSE_BYTES = 64 * 1024 * 1024
"""On the wire, head and chunk framing included; the connection is closed at this limit."""
MOST_HEAD_BYTES = 32 * 1024
"""Also the most that is parsed at once: h11 takes 13 ms for a head of this size in short lines."""
MOST_INTERIM = 100
"""1xx responses before the final one."""

REST_WITHIN_S = 1.0
"""For the body after a broken head, whose end may never be seen."""

EVENTS_AT_ONCE = 100
"""Parts of a response that are parsed before other tasks run: a thousand one-byte chunks take 10 ms."""

BEGINNING_BYTES = 64
"""Enough to see whether it is HTTP."""

_PROTOCOL = b"HTTP/1."
_TIMEOUT = re.compile(r"\s*timeout\s*=\s*\"?([0-9]{1,9})\"?\s*", re.IGNORECASE)


@dataclass(slots=True)
class Response:
    """A response, as far as it was received."""

    received_before: int = 0
    """Bytes received on the connection before it."""
    status: int | None = None
    headers: Headers | None = None
    head_at: float | None = None
    """When its head was whole, by `monotonic()` and not by the loop's clock: uvloop's counts milliseconds."""
    body: bytearray = field(default_factory=bytearray)
    body_size: int = 0

    def add(self, part: bytes | bytearray) -> None:
        """Count a part of the body, and keep it up to KEPT_BODY_BYTES in all."""
        self.body_size += len(part)
        self.body += part[: max(0, KEPT_BODY_BYTES - len(self.body))]

    def keep_alive_s(self) -> float:
        """Seconds for which the backend keeps the connection, by `Keep-Alive`; 0 where that names no time."""
        named = [
            found
            for name, value in self.headers or ()
            if name.lower() == "keep-alive"
            for part in value.split(",")
            if (found := _TIMEOUT.fullmatch(part))
        ]
        return float(named[0][1]) if len(named) == 1 else 0.0


async def read_response(connection: Connection, method: str, response: Response) -> bool:
    """Read one response into `response`, and return whether the connection is clean for another request.

    Args:
        method: of the request.

    Raises:
        Failed: it is not HTTP, is malformed or too large.
        EOFError: the stream ended too early.
        OSError: the connection broke too early.
    """
    data = await connection.read(MOST_HEAD_BYTES)
    # The response to a HEAD has another body than its Content-Length says; a CONNECT is never sent.
    plain = None if method == "HEAD" else plain_head(data)
    if plain is not None:
        return await _read_plain(connection, response, plain, data)
    return await _read_any(connection, method, response, data)


async def _read_plain(connection: Connection, response: Response, head: PlainHead, data: bytes) -> bool:
    response.head_at = monotonic()
    response.status, response.headers = head.status, head.headers
    data = data[head.size :]
    reads = 0
    while True:
        missing = head.length - response.body_size
        response.add(data[:missing])
        if len(data) >= missing:
            return len(data) == missing and not head.is_last and connection.all_sent()
        if connection.received - response.received_before > MOST_RESPONSE_BYTES:
            raise _too_large()
        reads += 1
        if reads % EVENTS_AT_ONCE == 0:
            await asyncio.sleep(0)
        data = await connection.read(MOST_HEAD_BYTES)
        if not data:
            raise EOFError


def _too_large() -> Failed:
    return Failed(Outcome.TOO_LARGE, f"the response is larger than {MOST_RESPONSE_BYTES // 1024**2} MiB")


def _parser(method: str) -> h11.Connection:
    """A parser for the response to one request."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    # Its bytes are discarded: h11 must know which request the response belongs to.
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    parser.send(h11.EndOfMessage())
    return parser


async def _read_any(connection: Connection, method: str, response: Response, first: bytes) -> bool:
    """Read a response by h11, beginning with bytes that were read already."""
    unread: bytes | None = first
    parser = _parser(method)
    head: bytes | None = b""
    """Received bytes of the head; None once it is parsed."""
    ended = False
    interim = events = 0
    while True:
        events += 1
        if events % EVENTS_AT_ONCE == 0:
            await asyncio.sleep(0)
        try:
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            if ended:
                raise EOFError from None
            if error.error_status_hint == 431:
                part = "trailer" if head is None else "head"
                words = f"the {part} of the response is larger than {MOST_HEAD_BYTES // 1024} KiB"
                raise Failed(Outcome.TOO_LARGE, words) from None
            if head is not None:
                await _read_despite_head(connection, method, response, head)
            words = "the body of the response has invalid chunked framing"
            raise Failed(Outcome.NOT_HTTP, words) from None
        if event is h11.NEED_DATA:
            if unread is not None:
                data, unread = unread, None
            elif connection.received - response.received_before > MOST_RESPONSE_BYTES:
                raise _too_large()
            else:
                data = await connection.read(MOST_HEAD_BYTES)
            ended = not data
            if head is not None:
                blank, head = _is_blank(head), head + data
                if not ended and _is_blank(head):
                    continue  # The parser would refuse it before the status is there.
                _check_is_http(head[:BEGINNING_BYTES])
                data = head if blank else data
            parser.receive_data(data)
        elif isinstance(event, h11.Data):
            response.add(event.data)
        elif isinstance(event, h11.Response):
            head = None
            response.head_at = monotonic()
            response.status = event.status_code
            response.headers = tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()
            )
        elif isinstance(event, h11.InformationalResponse):
            head = parser.trailing_data[0]
            interim += 1
            if interim > MOST_INTERIM:
                words = f"{interim} interim responses (1xx) and no final one"
                raise Failed(Outcome.TOO_LARGE, words)
        else:  # EndOfMessage
            return (
                parser.our_state is h11.DONE
                and parser.their_state is h11.DONE
                and parser.trailing_data == (b"", False)
                and connection.all_sent()
            )


def _is_blank(head: bytes) -> bool:
    return len(head) < MOST_HEAD_BYTES and not head.strip(b"\r\n")


def _check_is_http(beginning: bytes) -> None:
    """
    Raises:
        Failed: these are not the first bytes of an HTTP/1 response.
    """
    start = beginning.lstrip(b"\r\n")
    if not start.startswith(_PROTOCOL[: len(start)]):
        raise not_http(beginning)


async def _read_despite_head(connection: Connection, method: str, response: Response, head: bytes) -> None:
    """Keep what can be read of a response whose head the parser refuses.

    Raises:
        Failed: always, with the problem in the head.
    """
    response.head_at = monotonic()
    found = broken_head.read(head)
    with suppress(TimeoutError, OSError, h11.ProtocolError):
        async with asyncio.timeout(REST_WITHIN_S):
            while (
                not found.is_whole and len(head) < MOST_HEAD_BYTES and (data := await connection.read(4096))
            ):
                head += data
                found = broken_head.read(head)
            if found.status != 101:
                await _read_rest(connection, method, response, found)
    response.status, response.headers = found.status, found.headers
    what = "a response" if found.status is None else str(found.status)
    words = f"{what} was received, but its head is malformed: {found.problem}"
    # However Lean reads the head, a status other than 200 does not count as delivered.
    unknown = f"{words}; whether Lean would accept it is not known"
    raise Failed(Outcome.NOT_HTTP, words, unknown=unknown if found.status == DELIVERED_STATUS else None)


async def _read_rest(
    connection: Connection, method: str, response: Response, found: broken_head.BrokenHead
) -> None:
    parser = _parser(method)
    parser.receive_data(found.framing() + found.rest)
    while response.body_size < KEPT_BODY_BYTES:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await connection.read(MOST_HEAD_BYTES))
        elif isinstance(event, h11.Data):
            response.add(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return
