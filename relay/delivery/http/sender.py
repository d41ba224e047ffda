"""One outgoing try, byte for byte, and what came of it.

Owns the exchange of one request for one answer, and the connections kept for the next. Follows no
redirect, keeps no cookie, decompresses nothing; knows neither deliveries nor retries. The request is
written as `relay.delivery.http.request` built it.

A request is never sent twice. Each has a connection of its own, as a webhook of Lean's may have: one that is
used again may be closed by its backend at the same moment, and what comes of that says nothing about the
webhook. Only a backend that names in `Keep-Alive` how long it keeps a connection is believed.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType

from relay.delivery.http.addresses import Addresses
from relay.delivery.http.connection import (
    CLOSED_AT_ONCE_S,
    Channel,
    Contexts,
    closes_at_once,
    connect,
    tls_words,
)
from relay.delivery.http.outcomes import Failed, Outcome, broken, timed_out
from relay.delivery.http.request import Destination, Outgoing
from relay.delivery.http.response import Response, read_response
from relay.delivery.http.standstill import Standstill, Watch, awake_and_asleep
from relay.lean.schedule import ANSWER_WITHIN_S, DELIVERED_STATUS, Verdict, not_known, verdict
from relay.models import Headers
from relay.text.safe import visible

TIMEOUT_S = 300.0

LAST_S = 1.0
"""A kept connection is not used within the last second of the time that its backend named."""
KEPT_MOST_S = 60.0
"""However long a backend keeps one."""
MOST_KEPT = 64
"""Idle connections for each destination."""


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
    target_down: bool
    """Nobody is there who could have seen the request: it can wait for the target's return."""
    kept: bool
    """It went over a connection that had served an earlier try."""
    address: str | None
    """Where the connection went, for a name that has several addresses; else None."""
    verdict: Verdict


_Key = tuple[object, ...]


@dataclass(slots=True)
class _Kept:
    """An idle connection."""

    channel: Channel
    until: float
    """When it is not used any more; by `awake_and_asleep`: a backend closes it while this machine sleeps."""
    timer: asyncio.TimerHandle


class Sender:
    """Sends requests; close it at the end."""

    def __init__(self, standstill: Standstill | None = None) -> None:
        """
        Args:
            standstill: a test may bring one with a clock of its own.
        """
        self.standstill = standstill or Standstill()
        self._contexts = Contexts()
        self._addresses = Addresses()
        self._idle: dict[_Key, list[_Kept]] = {}
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
        for idle in self._idle.values():
            for kept in idle:
                kept.timer.cancel()
        self._idle.clear()
        ending = list(self._open)
        for channel in ending:
            channel.abort()
        for channel in ending:
            await channel.gone()

    async def send(
        self,
        outgoing: Outgoing,
        to: Destination,
        *,
        timeout_s: float = TIMEOUT_S,
        number: int = 1,
        doubt: bool = True,
    ) -> Tried:
        """One try. Whatever the backend does is a `Tried`; the connection of a cancelled try is ended.

        Args:
            timeout_s: for the whole try, to the last byte of the answer. Connecting has
                `relay.delivery.http.connection.CONNECT_WITHIN_S` of it at most.
            number: which try of its delivery this is, for the verdict.
            doubt: whether a backend that closes the connection at once is asked, by another, whether it does
                so with each; then it is down.

        Raises:
            RuntimeError: the sender is closed.
        """
        if self._closed:
            raise RuntimeError("the sender is closed")
        with self.standstill.watch() as watch:
            return await self._send(outgoing, to, timeout_s, number, watch, doubt=doubt)

    async def _send(
        self, outgoing: Outgoing, to: Destination, timeout_s: float, number: int, watch: Watch, *, doubt: bool
    ) -> Tried:
        started_at, started = datetime.now(UTC), monotonic()
        response, failed, whole, reusable = Response(), None, False, False
        channel = self._take(to)
        kept = channel is not None
        try:
            if channel is None:
                channel = await connect(to, self._contexts, timeout_s, watch, self._addresses)
                self._open.add(channel)
            response.received_before = channel.received
            try:
                async with watch.within(timeout_s - (monotonic() - started - watch.stopped_s())):
                    reusable = await _exchange(channel, outgoing, to, response, kept=kept)
                    whole = True
            except TimeoutError:
                failed = timed_out(timeout_s, channel.received - response.received_before)
        except Failed as why:
            failed = why
        finally:
            if channel is not None:
                self._put(to, channel, response.kept_s() if reusable else 0.0, whole=whole)
        elapsed_s = monotonic() - started
        fresh = None if kept else channel
        if doubt and failed is not None and fresh is not None and _ended_at_once(failed, fresh):
            down = await closes_at_once(to, self._contexts)
            failed = failed if down is None else Failed(failed.outcome, down, target_down=True)
        return Tried(
            started_at=started_at,
            elapsed_s=elapsed_s,
            answered_s=None if response.answered_at is None else response.answered_at - started,
            outcome=failed.outcome if failed else Outcome.ANSWERED,
            status=response.status,
            headers=response.headers,
            body=None if response.headers is None else bytes(response.body),
            body_size=None if response.headers is None else response.body_size,
            error=str(failed) if failed else None,
            note=None if outgoing.note is None else visible(outgoing.note),
            target_down=failed is not None and failed.target_down,
            kept=kept,
            address=None if channel is None else channel.address,
            verdict=_verdict(response, started, elapsed_s, failed, number, watch),
        )

    def _take(self, to: Destination) -> Channel | None:
        """A kept connection whose other end is still there; the last used first."""
        idle = self._idle.get(_key(to), [])
        while idle:
            kept = idle.pop()
            kept.timer.cancel()
            if awake_and_asleep() < kept.until and kept.channel.is_fresh():
                return kept.channel
            self._end(kept.channel)
        return None

    def _put(self, to: Destination, channel: Channel, kept_s: float, *, whole: bool) -> None:
        """Keep a connection for so long, less the last second; or end it, in order after a whole response."""
        use_s = min(kept_s - LAST_S, KEPT_MOST_S)
        idle = self._idle.setdefault(_key(to), [])
        if use_s <= 0 or self._closed or len(idle) >= MOST_KEPT:
            self._end(channel, in_order=whole and channel.all_sent())
            return
        timer = asyncio.get_running_loop().call_later(use_s, self._retire, idle, channel)
        idle.append(_Kept(channel, awake_and_asleep() + use_s, timer))

    def _retire(self, idle: list[_Kept], channel: Channel) -> None:
        idle[:] = [kept for kept in idle if kept.channel is not channel]
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
        target_down=False,
        kept=False,
        address=None,
        verdict=verdict(None, 0.0, number),
    )


async def _exchange(
    channel: Channel, outgoing: Outgoing, to: Destination, response: Response, *, kept: bool
) -> bool:
    """Send one request and read its response; whether the connection can serve another.

    Raises:
        Failed: no whole response came.
    """
    if channel.ended:
        words = "the backend closed the connection before anything was sent"
        raise Failed(Outcome.CLOSED, words, target_down=True)
    channel.write(outgoing.head() + outgoing.body)
    # The body is not waited for: a backend may answer before it has read it, and has to be heard.
    try:
        return await read_response(channel, outgoing.method, response)
    except ssl.SSLError as error:
        # Before any response it is about who we are, and Lean comes with a certificate of its own.
        down = channel.received == response.received_before
        words = f"TLS failed: {tls_words(error, to)}"
        raise Failed(Outcome.TLS_FAILED, words, target_down=down) from error
    except OSError as error:
        raise broken(error, channel.received - response.received_before, kept=kept) from error
    except EOFError:
        raise broken(None, channel.received - response.received_before, kept=kept) from None


def _ended_at_once(failed: Failed, channel: Channel) -> bool:
    """Whether a new connection ended without a byte as soon as one does that nobody serves."""
    return (
        failed.outcome in (Outcome.CLOSED, Outcome.RESET)
        and not failed.target_down
        and channel.received == 0
        and monotonic() - channel.made_at <= CLOSED_AT_ONCE_S
    )


def _verdict(
    response: Response, started: float, elapsed_s: float, failed: Failed | None, number: int, watch: Watch
) -> Verdict:
    """What Lean would conclude. That a response must be whole is inferred: Lean documents nothing of it."""
    stopped_s, slept_s = watch.stopped_s(), watch.slept_s()
    still = f"this relay stood still for {stopped_s + slept_s:.0f} s meanwhile (stopped, asleep or too busy)"
    if failed is not None and failed.unknown is not None:
        return not_known(failed.unknown, number)
    if response.status is None or response.answered_at is None:
        least_s = elapsed_s - stopped_s
        waited = failed is not None and failed.outcome is Outcome.TIMEOUT and least_s >= ANSWER_WITHIN_S
        if (stopped_s or slept_s) and not waited:
            return not_known(f"no response came, but {still}; what Lean would have got is not known", number)
        return verdict(None, least_s, number)
    # It came at the latest when it was read, and at the earliest when the standstill began.
    most_s = response.answered_at - started
    found = verdict(response.status, most_s - stopped_s, number)
    if found.word == "retry":
        return found
    if failed is not None:
        none = verdict(None, elapsed_s, number)
        return replace(none, reason=f"{DELIVERED_STATUS} came, but not the whole answer: {failed}")
    if most_s + slept_s > ANSWER_WITHIN_S:
        return not_known(
            f"{DELIVERED_STATUS} came, but {still}, so that nobody knows whether it came within 10 s", number
        )
    if elapsed_s - stopped_s > ANSWER_WITHIN_S:
        return replace(
            found,
            reason=f"{found.reason}; its body took {elapsed_s:.1f} s, and whether Lean waits for that"
            " is not documented",
        )
    return found


def _key(to: Destination) -> _Key:
    return to.secure, to.host, to.port, to.server_name, *to.tls
