"""One response read from a connection: what is kept of it, and whether the connection may serve another.

Owns the parsing, by h11, and the bounds; what h11 does not take keeps its status
(`relay.delivery.http.broken_head`). Sends nothing and knows no deadline.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import h11

from relay.delivery.http import broken_head
from relay.delivery.http.connection import Channel
from relay.delivery.http.outcomes import Failed, Outcome, not_http
from relay.lean.schedule import DELIVERED_STATUS
from relay.models import Headers

KEPT_BODY_BYTES = 1024 * 1024
MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""On the wire, head and chunk framing included; the connection is closed where an answer goes on."""
MOST_HEAD_BYTES = 32 * 1024
"""Also what the parser is given at once: h11 takes 13 ms for a head of this size in short lines."""
MOST_INTERIM = 100
"""1xx answers before the real one."""

REST_WITHIN_S = 1.0
"""For the body behind a broken head, whose end may never be seen."""

EVENTS_AT_ONCE = 100
"""Parts of an answer that are parsed before others may run: a thousand one-byte chunks take 10 ms."""

BEGINNING_BYTES = 64
"""By so many it is clear whether it is HTTP."""

_PROTOCOL = b"HTTP/1."
_TIMEOUT = re.compile(r"\s*timeout\s*=\s*\"?([0-9]{1,9})\"?\s*", re.IGNORECASE)


@dataclass(slots=True)
class Response:
    """As much of a response as came."""

    received_before: int = 0
    """Bytes that had come on the connection before it."""
    status: int | None = None
    headers: Headers | None = None
    answered_at: float | None = None
    """When its head was whole; on the monotonic clock, and not the loop's: uvloop's counts milliseconds."""
    body: bytearray = field(default_factory=bytearray)
    body_size: int = 0

    def kept_s(self) -> float:
        """How long its sender keeps the connection, as its `Keep-Alive` says; 0 where that names no time."""
        named = [
            found
            for name, value in self.headers or ()
            if name.lower() == "keep-alive"
            for part in value.split(",")
            if (found := _TIMEOUT.fullmatch(part))
        ]
        return float(named[0][1]) if len(named) == 1 else 0.0


async def read_response(channel: Channel, method: str, response: Response) -> bool:
    """Read one response into `response`; whether the connection is as it should be before another request.

    Args:
        method: of the request that it answers.

    Raises:
        Failed: it is none, is broken or has no end.
        EOFError: the stream ended before.
        OSError: the connection broke before.
    """
    # What this makes is thrown away: it tells h11 which request the response belongs to.
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    parser.send(h11.EndOfMessage())
    head: bytes | None = b""
    """What came of the head; None once it is parsed."""
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
                words = f"the {part} of the answer is larger than {MOST_HEAD_BYTES // 1024} KiB"
                raise Failed(Outcome.TOO_LARGE, words) from None
            if head is not None:
                await _despite_its_head(channel, method, response, head)
            words = "the framing of the response's body is broken: no chunk begins where one has to"
            raise Failed(Outcome.NOT_HTTP, words) from None
        if event is h11.NEED_DATA:
            if channel.received - response.received_before > MOST_ANSWER_BYTES:
                words = f"the answer does not end within {MOST_ANSWER_BYTES // 1024**2} MiB"
                raise Failed(Outcome.TOO_LARGE, words)
            data = await channel.read(MOST_HEAD_BYTES)
            ended = not data
            if head is not None:
                blank, head = _is_blank(head), head + data
                if not ended and _is_blank(head):
                    continue  # The parser would refuse it before the status is there.
                _refuse_foreign(head[:BEGINNING_BYTES])
                data = head if blank else data
            parser.receive_data(data)
        elif isinstance(event, h11.Data):
            response.body_size += len(event.data)
            response.body += event.data[: max(0, KEPT_BODY_BYTES - len(response.body))]
        elif isinstance(event, h11.Response):
            head = None
            response.answered_at = monotonic()
            response.status = event.status_code
            response.headers = tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()
            )
        elif isinstance(event, h11.InformationalResponse):
            head = parser.trailing_data[0]
            interim += 1
            if interim > MOST_INTERIM:
                words = f"{interim} interim answers (1xx) came and no final one"
                raise Failed(Outcome.TOO_LARGE, words)
        else:  # EndOfMessage; or PAUSED, where a CONNECT was granted
            return (
                parser.our_state is h11.DONE
                and parser.their_state is h11.DONE
                and parser.trailing_data == (b"", False)
                and channel.all_sent()
            )


def _is_blank(head: bytes) -> bool:
    return len(head) < MOST_HEAD_BYTES and not head.strip(b"\r\n")


def _refuse_foreign(beginning: bytes) -> None:
    """
    Raises:
        Failed: these are not the first bytes of an HTTP/1 response.
    """
    begun = beginning.lstrip(b"\r\n")
    if not begun.startswith(_PROTOCOL[: len(begun)]):
        raise not_http(beginning)


async def _despite_its_head(channel: Channel, method: str, response: Response, head: bytes) -> None:
    """Keep what can be read of a response whose head the parser does not take.

    Raises:
        Failed: always, and says what is wrong with the head.
    """
    response.answered_at = monotonic()
    found = broken_head.read(head)
    with suppress(TimeoutError, OSError, h11.ProtocolError):
        async with asyncio.timeout(REST_WITHIN_S):
            while not found.is_whole and len(head) < MOST_HEAD_BYTES and (data := await channel.read(4096)):
                head += data
                found = broken_head.read(head)
            if found.status != 101:
                await _read_rest(channel, method, response, found)
    response.status, response.headers = found.status, found.headers
    came = "a response" if found.status is None else str(found.status)
    words = f"{came} came, but its head is broken: {found.fault}"
    # Whatever Lean makes of the head, another status than 200 is not what it takes as delivered.
    unknown = f"{words}; whether Lean would take it is not known"
    raise Failed(Outcome.NOT_HTTP, words, unknown=unknown if found.status == DELIVERED_STATUS else None)


async def _read_rest(
    channel: Channel, method: str, response: Response, found: broken_head.BrokenHead
) -> None:
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(found.framing() + found.rest)
    while response.body_size < KEPT_BODY_BYTES:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(await channel.read(MOST_HEAD_BYTES))
        elif isinstance(event, h11.Data):
            response.body_size += len(event.data)
            response.body += event.data[: max(0, KEPT_BODY_BYTES - len(response.body))]
        elif isinstance(event, h11.EndOfMessage):
            return
