"""TLS handshakes at the door: one protocol for each connection until its handshake is done or has failed.

Owns the deadline, the goodbye and the refusal of handshakes. A connection is taken as plain TCP and upgraded,
not left to the loop's own TLS server: that tells neither that a handshake failed nor whose, and leaves those
under way out of the count of connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from relay.receiver.refusals import Refusals
from relay.tls.verdicts import Failure

if TYPE_CHECKING:  # 100 ms of OpenSSL that plain HTTP need not wait for
    from relay.tls.handshake import ServerTls

log = logging.getLogger("relay.receiver")

HANDSHAKE_WITHIN_S = 5.0
"""By the clock of the door, which stands still while this loop could not read; the loops' own would not."""

NEVER_S = 3600.0
"""For the loops' own deadline."""

SHUTDOWN_WITHIN_S = 2.0
"""For TLS's goodbye."""

LINGER_S = 1.0
"""How long the caller of a failed handshake may take to read the alert and leave."""


class Handshake(asyncio.Protocol):
    """A connection before its handshake is done; ends as the one that `hand_over` makes, or in a refusal."""

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
            under_way: it is in there for as long as it lasts.
            hand_over: makes the protocol of a connection with these TLS facts.
            come: told when it is there.
        """
        self._serving = serving
        self._refusals = refusals
        self._under_way = under_way
        self._hand_over = hand_over
        self._come = come
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._early = b""  # came before there was anybody to take it
        self._over = False
        self._lost = False
        self.dropped = False
        self.spoke = False
        """A byte came: who says nothing at all is not counted, as many only look whether the port is open."""
        self._bound: asyncio.TimerHandle | None = None
        self.address = ""
        self.incomplete_since = self._loop.time()
        self.task: asyncio.Task[None]

    # -- as the protocol of the plain connection, and for a moment of the encrypted one -------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        peername = transport.get_extra_info("peername")
        self.address = str(peername[0]) if isinstance(peername, tuple) else ""
        self._under_way.add(self)
        self.task = self._loop.create_task(self._run(), name=f"handshake with {self.address}")
        self._come(self)

    def data_received(self, data: bytes) -> None:
        self._early += data

    def take_early(self) -> bytes:
        """What came before the TLS of the connection was there to take it: uvloop reads at once."""
        early, self._early = self._early, b""
        return early

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lost = True

    # -- the handshake ------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            if not self._transport.is_closing():
                await self._upgrade()
        except Exception as error:  # nobody asks a handshake's task how it ended
            log.error("a TLS handshake with %s failed inside the relay: %r", self.address, error)
            self.spoke = True
            self._refuse("internal", f"{type(error).__name__} within the handshake")
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
            self._refuse("tls-hung-up", "the caller left within the handshake")
            return
        made = transport.get_extra_info("ssl_object") if transport is not None else None
        if made is None or self._lost or transport.is_closing():
            self._refuse("tls-hung-up", "the caller left within the handshake")
            return
        self._under_way.discard(self)
        protocol = self._hand_over(self._serving.facts(made))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        early = self.take_early()  # asyncio decrypts what came with the end of the handshake at once
        if early:
            protocol.data_received(early)

    def failed(self, failure: Failure) -> None:
        """It came to nothing: counted at once, ended when the caller had a chance to read why."""
        self._refuse(failure.reason, failure.detail)
        self._loop.call_soon(self._say_goodbye)  # the loop sends the alert first

    def _say_goodbye(self) -> None:
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            # A close with bytes unread would be a reset, and take the alert back that was just sent.
            self._transport.write_eof()
        self._bound = self._loop.call_later(LINGER_S, self._transport.abort)

    def _refuse(self, reason: str, detail: str) -> None:
        if self.spoke and not self._over:
            self._refusals.note(self.address, reason, detail)
        self._over = True

    def overdue(self, now: float) -> None:
        """End it if it took too long; called a few times a second, with the door's clock."""
        if not self._over and now - self.incomplete_since > HANDSHAKE_WITHIN_S:
            self._refuse("tls-timeout", f"no whole handshake within {HANDSHAKE_WITHIN_S:g} s")
            self.end()

    def drop(self, reason: str, detail: str) -> None:
        """End it now, and count why."""
        self._refusals.note(self.address, reason, detail)
        self.end()

    def end(self) -> None:
        """End it now; nothing more is counted of it."""
        self._over = self.dropped = True
        self._transport.abort()
