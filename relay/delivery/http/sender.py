"""Send one request, byte for byte, and return its result.

Owns the exchange of one request for one response, and idle connections. Follows no redirect, keeps no
cookie, decompresses nothing; knows neither deliveries nor retries. The request is written as
`relay.delivery.http.request` built it.

A request is never sent twice. Each has its own connection, as Lean's may have: a backend may close a reused
one at the same moment, and that says nothing about the webhook. A connection is reused only where the backend
said in `Keep-Alive` how long it keeps it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType

from relay.delivery.http.addresses import Addresses
from relay.delivery.http.connect import CLOSED_AT_ONCE_S, connect, down_reason
from relay.delivery.http.connection import Connection
from relay.delivery.http.outcomes import Failed, Outcome, broken, timed_out
from relay.delivery.http.request import Destination, OutgoingRequest
from relay.delivery.http.response import Response, read_response
from relay.delivery.http.standstill import Standstill, Watch, awake_and_asleep
from relay.delivery.http.tls_contexts import TlsContexts
from relay.delivery.http.tls_errors import tls_error_text
from relay.lean.schedule import ANSWER_WITHIN_S, DELIVERED_STATUS, Verdict, not_known, verdict
from relay.models import Headers
from relay.text.safe import visible

TIMEOUT_S = 300.0

KEEP_ALIVE_MARGIN_S = 1.0
"""An idle connection is not used within the last second of the time named by its backend."""
LONGEST_KEEP_ALIVE_S = 60.0
"""However long a backend keeps one."""
MOST_IDLE = 64
"""Idle connections for each destination."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """The response to one request and how long it took, or why there is none."""

    started_at: datetime
    """Aware, UTC, taken just before connecting."""
    elapsed_s: float
    """To the end of the response, or to the failure."""
    head_s: float | None
    """To the end of the response head, which Lean's 10 s limit applies to; None without one."""
    outcome: Outcome
    status: int | None
    """None without a response head; there may be one although the response was not whole."""
    headers: Headers | None
    """Of the response, in wire order, latin-1; None without one."""
    body: bytes | None
    """The first `KEPT_BODY_BYTES` of the response body, not decompressed."""
    body_size: int | None
    """Bytes of body read in all, kept or not."""
    error: str | None
    """Why there is no whole response, safe to show; None where there is one."""
    note: str | None
    """A remark, safe to show: headers that were left out."""
    target_down: bool
    """No backend can have seen the request: it can wait until the target is up."""
    reused: bool
    """It was sent over a connection that had served an earlier attempt."""
    address: str | None
    """The address connected to, where the name has several; else None."""
    verdict: Verdict


_Key = tuple[object, ...]


@dataclass(slots=True)
class _Idle:
    """A connection that can be used again."""

    connection: Connection
    until: float
    """When it expires, by `awake_and_asleep`: a backend closes it while this machine sleeps."""
    timer: asyncio.TimerHandle


class Sender:
    """Sends requests; close it at the end."""

    def __init__(self, standstill: Standstill | None = None) -> None:
        """
        Args:
            standstill: with a clock of its own, for tests.
        """
        self.standstill = standstill or Standstill()
        self._contexts = TlsContexts()
        self._addresses = Addresses()
        self._idle: dict[_Key, list[_Idle]] = {}
        self._open: set[Connection] = set()
        self._closed = False

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, also those of attempts in flight; may be called twice."""
        self._closed = True
        for connections in self._idle.values():
            for idle in connections:
                idle.timer.cancel()
        self._idle.clear()
        closing = list(self._open)
        for connection in closing:
            connection.abort()
        for connection in closing:
            await connection.gone()

    async def send(
        self,
        request: OutgoingRequest,
        to: Destination,
        *,
        timeout_s: float = TIMEOUT_S,
        number: int = 1,
        probe_if_closed: bool = True,
    ) -> SendResult:
        """Send one request. Whatever the backend does is a `SendResult`; cancelling closes the connection.

        Args:
            timeout_s: for the whole attempt, to the last byte of the response. Connecting has
                `relay.delivery.http.connect.CONNECT_WITHIN_S` of it at most.
            number: the attempt's number within its delivery, for the verdict.
            probe_if_closed: where the backend closes the connection at once, open another; if that is
                closed at once too, the target is down.

        Raises:
            RuntimeError: the sender is closed.
        """
        if self._closed:
            raise RuntimeError("the sender is closed")
        with self.standstill.watch() as watch:
            return await self._send(request, to, timeout_s, number, watch, probe_if_closed=probe_if_closed)

    async def _send(
        self,
        request: OutgoingRequest,
        to: Destination,
        timeout_s: float,
        number: int,
        watch: Watch,
        *,
        probe_if_closed: bool,
    ) -> SendResult:
        started_at, started = datetime.now(UTC), monotonic()
        response, failed, whole, reusable = Response(), None, False, False
        connection = self._take_idle(to)
        reused = connection is not None
        try:
            if connection is None:
                connection = await connect(to, self._contexts, timeout_s, watch, self._addresses)
                self._open.add(connection)
            response.received_before = connection.received
            try:
                async with watch.within(timeout_s - (monotonic() - started - watch.stopped_s())):
                    reusable = await _exchange(connection, request, to, response, reused=reused)
                    whole = True
            except TimeoutError:
                failed = timed_out(timeout_s, connection.received - response.received_before)
        except Failed as why:
            failed = why
        finally:
            if connection is not None:
                self._release(to, connection, response.keep_alive_s() if reusable else 0.0, whole=whole)
        elapsed_s = monotonic() - started
        new = None if reused else connection
        if probe_if_closed and failed is not None and new is not None and _closed_at_once(failed, new):
            down = await down_reason(to, self._contexts)
            failed = failed if down is None else Failed(failed.outcome, down, target_down=True)
        return SendResult(
            started_at=started_at,
            elapsed_s=elapsed_s,
            head_s=None if response.head_at is None else response.head_at - started,
            outcome=failed.outcome if failed else Outcome.ANSWERED,
            status=response.status,
            headers=response.headers,
            body=None if response.headers is None else bytes(response.body),
            body_size=None if response.headers is None else response.body_size,
            error=str(failed) if failed else None,
            note=None if request.note is None else visible(request.note),
            target_down=failed is not None and failed.target_down,
            reused=reused,
            address=None if connection is None else connection.address,
            verdict=_verdict(response, started, elapsed_s, failed, number, watch),
        )

    def _take_idle(self, to: Destination) -> Connection | None:
        """An idle connection that is still open, the last used first; None where there is none."""
        connections = self._idle.get(_key(to), [])
        while connections:
            idle = connections.pop()
            idle.timer.cancel()
            if awake_and_asleep() < idle.until and idle.connection.is_fresh():
                return idle.connection
            self._close(idle.connection)
        return None

    def _release(self, to: Destination, connection: Connection, keep_alive_s: float, *, whole: bool) -> None:
        """Keep a connection until it expires, or close it: gracefully after a whole response."""
        use_s = min(keep_alive_s - KEEP_ALIVE_MARGIN_S, LONGEST_KEEP_ALIVE_S)
        connections = self._idle.setdefault(_key(to), [])
        if use_s <= 0 or self._closed or len(connections) >= MOST_IDLE:
            self._close(connection, gracefully=whole and connection.all_sent())
            return
        timer = asyncio.get_running_loop().call_later(use_s, self._expire, connections, connection)
        connections.append(_Idle(connection, awake_and_asleep() + use_s, timer))

    def _expire(self, connections: list[_Idle], connection: Connection) -> None:
        connections[:] = [idle for idle in connections if idle.connection is not connection]
        self._close(connection, gracefully=True)

    def _close(self, connection: Connection, *, gracefully: bool = False) -> None:
        connection.when_gone(self._open.discard)
        if gracefully:
            connection.close()
        else:
            connection.abort()


def not_sent(outcome: Outcome, error: str, *, number: int = 1) -> SendResult:
    """The result of an attempt that sent nothing, because of the capture itself: a loop, or unsendable."""
    return SendResult(
        started_at=datetime.now(UTC),
        elapsed_s=0.0,
        head_s=None,
        outcome=outcome,
        status=None,
        headers=None,
        body=None,
        body_size=None,
        error=visible(error),
        note=None,
        target_down=False,
        reused=False,
        address=None,
        verdict=verdict(None, 0.0, number),
    )


async def _exchange(
    connection: Connection, request: OutgoingRequest, to: Destination, response: Response, *, reused: bool
) -> bool:
    """Send one request and read its response; return whether the connection can be used again.

    Raises:
        Failed: there is no whole response.
    """
    if connection.ended:
        words = "the backend closed the connection before anything was sent"
        raise Failed(Outcome.CLOSED, words, target_down=True)
    connection.write(request.head() + request.body)
    # Sending the body is not awaited: a backend may respond before it has read all of it.
    try:
        return await read_response(connection, request.method, response)
    except ssl.SSLError as error:
        # Before any response the error is about our certificate, and Lean has its own.
        down = connection.received == response.received_before
        words = f"TLS failed: {tls_error_text(error, to)}"
        raise Failed(Outcome.TLS_FAILED, words, target_down=down) from error
    except OSError as error:
        raise broken(error, connection.received - response.received_before, reused=reused) from error
    except EOFError:
        raise broken(None, connection.received - response.received_before, reused=reused) from None


def _closed_at_once(failed: Failed, connection: Connection) -> bool:
    """Whether a new connection was closed without a byte, as fast as a target that is down closes it."""
    return (
        failed.outcome in (Outcome.CLOSED, Outcome.RESET)
        and not failed.target_down
        and connection.received == 0
        and monotonic() - connection.made_at <= CLOSED_AT_ONCE_S
    )


def _verdict(
    response: Response, started: float, elapsed_s: float, failed: Failed | None, number: int, watch: Watch
) -> Verdict:
    """Lean's verdict. Lean does not document that a response must be whole; that is inferred."""
    stopped_s, slept_s = watch.stopped_s(), watch.slept_s()
    stalled = f"this relay was stalled for {stopped_s + slept_s:.0f} s (stopped, asleep or too busy)"
    if failed is not None and failed.unknown is not None:
        return not_known(failed.unknown, number)
    if response.status is None or response.head_at is None:
        least_s = elapsed_s - stopped_s
        waited = failed is not None and failed.outcome is Outcome.TIMEOUT and least_s >= ANSWER_WITHIN_S
        if (stopped_s or slept_s) and not waited:
            return not_known(
                f"no response was received, but {stalled}; whether Lean would have received one is not known",
                number,
            )
        return verdict(None, least_s, number)
    # It arrived at the latest when it was read, and at the earliest when the stall began.
    most_s = response.head_at - started
    found = verdict(response.status, most_s - stopped_s, number)
    if found.word == "retry":
        return found
    if failed is not None:
        none = verdict(None, elapsed_s, number)
        return replace(none, reason=f"{DELIVERED_STATUS} was received, but not the whole response: {failed}")
    if most_s + slept_s > ANSWER_WITHIN_S:
        return not_known(
            f"{DELIVERED_STATUS} was received, but {stalled}; whether it arrived within 10 s is not known",
            number,
        )
    if elapsed_s - stopped_s > ANSWER_WITHIN_S:
        return replace(
            found,
            reason=f"{found.reason}; its body took {elapsed_s:.1f} s, and Lean does not document whether it"
            " waits for that",
        )
    return found


def _key(to: Destination) -> _Key:
    return to.secure, to.host, to.port, to.server_name, *to.tls
