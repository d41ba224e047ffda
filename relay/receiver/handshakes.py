"""The protocol of a new HTTPS connection until its TLS handshake is done or has failed.

Owns the deadline, the shutdown and the refusal of handshakes. Connections are accepted as plain TCP and then
upgraded, because the loop's own TLS server reports neither a failed handshake nor its client, and does not
count handshakes in progress as connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from relay.receiver.refusals import Refusals
from relay.tls.verdicts import Failure

if TYPE_CHECKING:  # loads OpenSSL: 100 ms that plain HTTP does not need
    from relay.tls.handshake import ServerTls

log = logging.getLogger("relay.receiver")

HANDSHAKE_WITHIN_S = 5.0
"""By the listener's clock, which stops while this loop cannot read; the loop's own deadline would not."""

NEVER_S = 3600.0
"""Disables the loop's own deadline."""

SHUTDOWN_WITHIN_S = 2.0
"""For close_notify."""

LINGER_S = 1.0
"""Time for the caller of a failed handshake to read the alert and disconnect."""


class Handshake(asyncio.Protocol):
    """A connection during its handshake; `hand_over` makes its next protocol, or it is refused."""

    def __init__(
        self,
        serving: ServerTls,
        refusals: Refusals,
        under_way: set[Handshake],
        hand_over: Callable[[str], asyncio.Protocol],
        come: Callable[[Handshake], None],
    ) -> None:
        """
        Args:
            under_way: the handshakes in progress; holds this one while it runs.
            hand_over: makes the protocol of a connection from its TLS facts.
            come: called with this handshake once it is connected.
        """
        self._serving = serving
        self._refusals = refusals
        self._under_way = under_way
        self._hand_over = hand_over
        self._come = come
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._early = b""  # received before TLS was ready
        self._over = False
        self._lost = False
        self.dropped = False
        self.spoke = False
        """Whether a byte was received. Silent callers are not counted: many only check for an open port."""
        self._bound: asyncio.TimerHandle | None = None
        self.address = ""
        self.incomplete_since = self._loop.time()
        self.task: asyncio.Task[None]

    # -- called by the loop, for the plain and at first for the encrypted connection -----------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        peername = transport.get_extra_info("peername")
        self.address = str(peername[0]) if isinstance(peername, tuple) else ""
        self._under_way.add(self)
        self.task = self._loop.create_task(self._run(), name=f"handshake with {self.address}")
        self._come(self)

    def data_received(self, data: bytes) -> None:
        self._early += data

    def take_early(self) -> bytes:
        """Return and forget bytes received before TLS was ready: uvloop reads at once."""
        early, self._early = self._early, b""
        return early

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lost = True

    # -- the handshake ------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            if not self._transport.is_closing():
                await self._upgrade()
        except Exception as error:  # nothing awaits this task
            log.error("a TLS handshake with %s failed inside the relay: %r", self.address, error)
            self.spoke = True
            self._refuse("internal", f"{type(error).__name__} during the handshake")
            self._transport.abort()
        finally:
            self._under_way.discard(self)
            if self._bound is not None:
                self._bound.cancel()

    async def _upgrade(self) -> None:
        try:
            transport: Any = await self._loop.start_tls(
                self._transport,
                self,
                self._serving.context(self),
                server_side=True,
                ssl_handshake_timeout=NEVER_S,
                ssl_shutdown_timeout=SHUTDOWN_WITHIN_S,
            )
        except OSError:
            self._refuse("tls-hung-up", "the caller disconnected during the handshake")
            return
        made = transport.get_extra_info("ssl_object") if transport is not None else None
        if made is None or self._lost or transport.is_closing():
            self._refuse("tls-hung-up", "the caller disconnected during the handshake")
            return
        self._under_way.discard(self)
        protocol = self._hand_over(self._serving.facts(made))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        early = self.take_early()  # asyncio at once decrypts data that came with the end of the handshake
        if early:
            protocol.data_received(early)

    def failed(self, failure: Failure) -> None:
        """Count a failed handshake now, and close it once the caller can have read the alert."""
        self._refuse(failure.reason, failure.detail)
        self._loop.call_soon(self._say_goodbye)  # the loop sends the alert first

    def _say_goodbye(self) -> None:
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            # Closing with unread bytes would reset the connection and discard the alert just sent.
            self._transport.write_eof()
        self._bound = self._loop.call_later(LINGER_S, self._transport.abort)

    def _refuse(self, reason: str, detail: str) -> None:
        if self.spoke and not self._over:
            self._refusals.note(self.address, reason, detail)
        self._over = True

    def overdue(self, now: float) -> None:
        """Close it if it took too long; called a few times a second, with the listener's clock."""
        if not self._over and now - self.incomplete_since > HANDSHAKE_WITHIN_S:
            self._refuse("tls-timeout", f"the handshake did not finish within {HANDSHAKE_WITHIN_S:g} s")
            self.end()

    def drop(self, reason: str, detail: str) -> None:
        """Close it now and count the reason."""
        self._refusals.note(self.address, reason, detail)
        self.end()

    def end(self) -> None:
        """Close it now and count nothing."""
        self._over = self.dropped = True
        self._transport.abort()
