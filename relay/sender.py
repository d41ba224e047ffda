"""One outgoing try, byte for byte, and what came of it.

Owns the exchange of one request for one answer, and the connections kept for the next. Follows no
redirect, keeps no cookie, decompresses nothing; knows neither deliveries nor retries. The answer is
parsed by h11, the request is written as `relay.outgoing` built it.

A request is never sent twice: a kept connection that its backend has closed is noticed before anything is
written and replaced; once a byte was written, an end without an answer is a failure of this try.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType

import h11

from relay.connecting import Channel, Contexts, connect, reachable, tls_words
from relay.lean.schedule import ANSWER_WITHIN_S, DELIVERED_STATUS, Verdict, verdict
from relay.models import Headers
from relay.outcomes import Failed, Outcome, broken, not_http, timed_out
from relay.outgoing import Destination, Outgoing
from relay.text import visible

__all__ = ["Sender", "Tried", "not_sent", "reachable"]

TIMEOUT_S = 300.0
KEPT_BODY_BYTES = 1024 * 1024
MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""On the wire, head and chunk framing included; the connection is closed where an answer goes on."""
MOST_HEAD_BYTES = 32 * 1024
"""Also what the parser is given at once: h11 takes 13 ms for a head of this size in short lines."""
MOST_INTERIM = 100
"""1xx answers before the real one."""

IDLE_S = 1.0
"""How long a connection is kept: less than any common server does (gunicorn 2 s, Node and uvicorn 5 s), so
that the two rarely close and send at once."""
MOST_KEPT = 64
"""Idle connections for each destination."""

EVENTS_AT_ONCE = 100
"""Parts of an answer that are parsed before others may run: a thousand one-byte chunks take 10 ms."""

_PROTOCOL = b"HTTP/1."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One try: what came back and how long it took, or why nothing came."""

    started_at: datetime
    """Aware, UTC, taken just before connecting."""
    elapsed_s: float
    """To the end of the answer, or to the failure."""
    answered_s: float | None
    """To the end of the answer's head, which is what Lean's 10 s are held against; None without one."""
    outcome: Outcome
    status: int | None
    """None where no head of an answer came; there may be one although the answer was not whole."""
    headers: Headers | None
    """Of the answer, in wire order, latin-1; None without one."""
    body: bytes | None
    """The first `KEPT_BODY_BYTES` of the answer's body, neither unchunked twice nor decompressed."""
    body_size: int | None
    """Bytes of body that were read in all, kept or not."""
    error: str | None
    """Why no whole answer came, safe to show; None where one did."""
    note: str | None
    """What else is worth telling, safe to show: a header that was lost on the way."""
    before_any_byte: bool
    """Not one byte of the request was sent, for a reason that lies with the target: it is not reachable."""
    kept: bool
    """It went over a connection that had served an earlier try."""
    verdict: Verdict


@dataclass(slots=True)
class _Answer:
    """As much of an answer as came."""

    received_before: int = 0
    status: int | None = None
    headers: Headers | None = None
    answered_at: float | None = None
    """On the monotonic clock, and not the loop's: uvloop's counts whole milliseconds."""
    body: bytearray = field(default_factory=bytearray)
    body_size: int = 0


_Key = tuple[object, ...]


class Sender:
    """Sends requests and keeps connections between them; close it at the end."""

    def __init__(self) -> None:
        self._contexts = Contexts()
        self._idle: dict[_Key, list[Channel]] = {}
        self._timers: dict[Channel, asyncio.TimerHandle] = {}
        self._open: set[Channel] = set()
        self._closed = False

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections, those of tries in hand too; may be called twice."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._idle.clear()
        ending = list(self._open)
        for channel in ending:
            channel.abort()
        for channel in ending:
            await channel.gone()

    async def send(
        self, outgoing: Outgoing, to: Destination, *, timeout_s: float = TIMEOUT_S, number: int = 1
    ) -> Tried:
        """One try. Whatever the backend does is a `Tried`; the connection of a cancelled try is ended.

        Args:
            timeout_s: for the whole try, to the last byte of the answer. Connecting has
                `relay.connecting.CONNECT_WITHIN_S` of it at most.
            number: which try of its delivery this is, for the verdict.

        Raises:
            RuntimeError: the sender is closed.
        """
        if self._closed:
            raise RuntimeError("the sender is closed")
        deadline = asyncio.get_running_loop().time() + timeout_s
        started_at, started = datetime.now(UTC), monotonic()
        answer, failed, reusable = _Answer(), None, False
        channel = self._take(to)
        kept = channel is not None
        try:
            if channel is None:
                channel = await connect(to, self._contexts, timeout_s)
                self._open.add(channel)
            answer.received_before = channel.received
            try:
                async with asyncio.timeout_at(deadline):
                    reusable = await _exchange(channel, outgoing, to, answer, kept=kept)
            except TimeoutError:
                failed = timed_out(timeout_s, channel.received - answer.received_before)
        except Failed as why:
            failed = why
        finally:
            if channel is not None:
                self._put(to, channel, reusable=reusable)
        elapsed_s = monotonic() - started
        answered_s = None if answer.answered_at is None else answer.answered_at - started
        outcome = failed.outcome if failed else Outcome.ANSWERED
        error = str(failed) if failed else None
        return Tried(
            started_at=started_at,
            elapsed_s=elapsed_s,
            answered_s=answered_s,
            outcome=outcome,
            status=answer.status,
            headers=answer.headers,
            body=None if answer.status is None else bytes(answer.body),
            body_size=None if answer.status is None else answer.body_size,
            error=error,
            note=None if outgoing.note is None else visible(outgoing.note),
            before_any_byte=failed is not None and failed.before_any_byte,
            kept=kept,
            verdict=_verdict(answer.status, answered_s, elapsed_s, error, number),
        )

    def _take(self, to: Destination) -> Channel | None:
        """A kept connection whose other end is still there; the last used first."""
        idle = self._idle.get(_key(to), [])
        while idle:
            channel = idle.pop()
            self._timers.pop(channel).cancel()
            if channel.is_fresh():
                return channel
            self._end(channel)
        return None

    def _put(self, to: Destination, channel: Channel, *, reusable: bool) -> None:
        idle = self._idle.setdefault(_key(to), [])
        if not reusable or self._closed or len(idle) >= MOST_KEPT:
            self._end(channel, in_order=reusable)
            return
        idle.append(channel)
        loop = asyncio.get_running_loop()
        self._timers[channel] = loop.call_later(IDLE_S, self._retire, idle, channel)

    def _retire(self, idle: list[Channel], channel: Channel) -> None:
        idle.remove(channel)
        del self._timers[channel]
        self._end(channel, in_order=True)

    def _end(self, channel: Channel, *, in_order: bool = False) -> None:
        channel.when_gone(self._open.discard)
        if in_order:
            channel.close()
        else:
            channel.abort()


def not_sent(outcome: Outcome, error: str, *, number: int = 1) -> Tried:
    """A try that ended before it began, for a reason that lies with the capture: a loop, or unsendable."""
    return Tried(
        started_at=datetime.now(UTC),
        elapsed_s=0.0,
        answered_s=None,
        outcome=outcome,
        status=None,
        headers=None,
        body=None,
        body_size=None,
        error=visible(error),
        note=None,
        before_any_byte=False,
        kept=False,
        verdict=_verdict(None, None, 0.0, visible(error), number),
    )


async def _exchange(
    channel: Channel, outgoing: Outgoing, to: Destination, answer: _Answer, *, kept: bool
) -> bool:
    """Send one request and read its answer into `answer`; whether the connection can serve another.

    Raises:
        Failed: no whole answer came.
    """
    if channel.ended:
        words = "the backend closed the connection before anything was sent"
        raise Failed(Outcome.CLOSED, words, before_any_byte=True)
    channel.write(outgoing.head() + outgoing.body)
    # The body is not waited for: a backend may answer before it has read it, and has to be heard.
    try:
        return await _read_answer(channel, outgoing.method, answer)
    except ssl.SSLError as error:
        raise Failed(Outcome.TLS_FAILED, f"TLS failed: {tls_words(error, to)}") from error
    except OSError as error:
        raise broken(error, channel.received - answer.received_before, kept=kept) from error
    except EOFError:
        raise broken(None, channel.received - answer.received_before, kept=kept) from None


async def _read_answer(channel: Channel, method: str, answer: _Answer) -> bool:
    """Feed what comes to h11 until the answer is whole; `EOFError` where the stream ends before."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD_BYTES)
    # What this makes is thrown away: it tells h11 which request the answer belongs to.
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    parser.send(h11.EndOfMessage())
    beginning: bytes | None = b""
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
                part = "head" if answer.status is None else "trailer"
                words = f"the {part} of the answer is larger than {MOST_HEAD_BYTES // 1024} KiB"
                raise Failed(Outcome.TOO_LARGE, words) from None
            words = f"the answer is broken HTTP: {visible(str(error))}"
            raise Failed(Outcome.NOT_HTTP, words) from None
        if event is h11.NEED_DATA:
            if channel.received - answer.received_before > MOST_ANSWER_BYTES:
                words = f"the answer does not end within {MOST_ANSWER_BYTES // 1024**2} MiB"
                raise Failed(Outcome.TOO_LARGE, words)
            data = await channel.read(MOST_HEAD_BYTES)
            ended = not data
            if beginning is not None:
                beginning += data
                if not beginning.startswith(_PROTOCOL[: len(beginning)]):
                    raise not_http(beginning)
                if len(beginning) >= len(_PROTOCOL):
                    beginning = None
            parser.receive_data(data)
        elif isinstance(event, h11.Data):
            answer.body_size += len(event.data)
            answer.body += event.data[: max(0, KEPT_BODY_BYTES - len(answer.body))]
        elif isinstance(event, h11.Response):
            answer.answered_at = monotonic()
            answer.status = event.status_code
            answer.headers = tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers.raw_items()
            )
        elif isinstance(event, h11.InformationalResponse):
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


def _verdict(
    status: int | None, answered_s: float | None, elapsed_s: float, error: str | None, number: int
) -> Verdict:
    """What Lean would conclude. That an answer must be whole is inferred: Lean documents nothing of it."""
    if status is None or answered_s is None:
        return verdict(None, elapsed_s, number)
    found = verdict(status, answered_s, number)
    if found.word == "retry":
        return found
    if error is not None:
        none = verdict(None, elapsed_s, number)
        return replace(none, reason=f"{DELIVERED_STATUS} came, but not the whole answer: {error}")
    if elapsed_s > ANSWER_WITHIN_S:
        return replace(
            found,
            reason=f"{found.reason}; its body took {elapsed_s:.1f} s, and whether Lean waits for that"
            " is not documented",
        )
    return found


def _key(to: Destination) -> _Key:
    return to.secure, to.host, to.port, to.server_name, *to.tls
