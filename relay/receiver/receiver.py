"""Receives webhooks: request -> row -> store -> 200, and nothing else.

Every request that aiohttp's parser accepts becomes a capture and is answered after its COMMIT with a short
fixed text, the same for each method and path: this port shows and controls nothing. Bodies are kept as
received, never decompressed, never parsed into forms. Every other request is a refusal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Protocol

from aiohttp.http_parser import RawRequestMessage

from relay.receiver.body_budget import SMALL_BYTES
from relay.receiver.connections import Connections
from relay.receiver.fast_connection import Plain, Stored
from relay.receiver.intake import SAMPLE, Intake, Peer, as_capture, with_answer
from relay.receiver.limits import ReceiverLimits
from relay.receiver.refusals import Refusals
from relay.receiver.request import Request
from relay.receiver.response_rules import PlannedResponse, ResponseRules
from relay.receiver.responses import STORED, Refused, Response
from relay.receiver.routes import Routes
from relay.receiver.web_pages import UNKNOWN_HOST, WebPageGuard
from relay.store.columns import Row
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.write.answers import mark_unanswered
from relay.store.write.client import Writer
from relay.store.write.protocol import Send

if TYPE_CHECKING:
    from relay.tls.handshake import ServerTls

log = logging.getLogger("relay.receiver")

JUDGED_APART_BYTES = 128 * 1024
"""Larger bodies are checked in a thread: HMAC and SHA-256 of 12 MB take 17 ms, without the GIL."""


class CaptureStore(Protocol):
    """Where captures go; their 200 waits for it."""

    @property
    def trouble(self) -> StoreUnavailable | None:
        """The reason why captures cannot be stored; None while they can."""

    def add(self, row: Row, targets: tuple[Send, ...] = ()) -> asyncio.Future[int]:
        """Store one; the future returns its number after the commit. Raises StoreUnavailable, StoreClosed."""


class Receiver:
    """Handles whole requests; `connections.accept` is the factory for `loop.create_server`."""

    def __init__(
        self,
        writer: Writer,
        intake: Intake,
        response_rules: ResponseRules,
        routes: Routes,
        refusals: Refusals,
        *,
        limits: ReceiverLimits,
        sites: WebPageGuard,
        tls: ServerTls | None = None,
        shared: CaptureStore | None = None,
        takes_samples: bool = True,
    ) -> None:
        """
        Args:
            shared: where captures go instead of the database.
            takes_samples: whether those of `lean-relay trigger` are accepted.
        """
        self.intake = intake
        self.response_rules = response_rules
        self.routes = routes
        self.sites = sites
        self._writer = writer
        self._captures: CaptureStore = writer if shared is None else shared
        self._takes_samples = takes_samples
        self._unanswered: list[int] = []
        self._marking: asyncio.Task[None] | None = None
        self.connections = Connections(
            self._handle,
            self._store_plain,
            self._objection,
            self._mark_unanswered,
            peer_of=lambda peername, tls: self.intake.peer(peername, tls),
            refusals=refusals,
            limits=limits,
            tls=tls,
        )

    async def stop(self, within_s: float) -> None:
        """Finish whole requests, drop incomplete ones, close all connections. Close the listener first."""
        await self.connections.close(within_s)
        if self._marking is not None:
            await self._marking

    # -- what a request becomes ----------------------------------------------------------------

    def _objection(
        self, message: RawRequestMessage, version: str | None, length: int | None
    ) -> Refused | None:
        """The refusal of a request after its head, or None."""
        if version is None:
            major, minor = message.version
            return Refused(505, "http-version", f"HTTP/{major}.{minor} is not supported")
        if self.sites.refuses(message.headers):
            return Refused(
                403, "cross-site", "a web page sent this, not a server; allow_cross_site = true accepts it"
            )
        if not self._takes_samples and SAMPLE in message.headers:
            return Refused(
                403, "team-sample", "this node takes no samples; --share-samples accepts them, for everybody"
            )
        if length is not None and length > self.connections.limits.max_body:
            return self.connections.too_large(length)
        trouble = self._captures.trouble
        if trouble is not None and (length is None or length > SMALL_BYTES):
            # Refuse before reading: bodies that wait for the store already fill the memory.
            return Refused(503, trouble.reason, trouble.detail)
        return None

    async def _handle(self, request: Request, peer: Peer) -> Response:
        number, planned = await self._store(request, peer)
        self.connections.give_back(request)
        if planned is None:
            return Response(200, STORED, number, usual=True)
        if planned.delay_s:
            with suppress(asyncio.CancelledError):  # stopping the relay cuts it short
                await asyncio.sleep(planned.delay_s)
        text = STORED if planned.status == 200 else f"answered {planned.status} on purpose\n"
        return Response(planned.status, text, number)

    async def _store(self, request: Request, peer: Peer) -> tuple[int, PlannedResponse | None]:
        """Store one request; return its id, and the planned response if it is not the usual one."""
        message, body = request.message, request.body
        make_row, now = self.intake.row, time_ns() // 1000
        if len(body) > JUDGED_APART_BYTES:
            row = await asyncio.to_thread(make_row, message, now, request.version, peer, body)
        else:
            row = make_row(message, now, request.version, peer, body)
        planned = None
        if not self.response_rules.plain:
            planned = self.response_rules.to(lambda: as_capture(row))
            row = with_answer(row, planned.status, planned.reason)
        return await self._add(message, row), planned

    def _store_plain(self, requests: Sequence[Plain]) -> Sequence[Stored]:
        """Begin to store plain requests; None for each that has to be handled as all others are."""
        if not self.response_rules.plain:
            return [None] * len(requests)
        make_row, now = self.intake.row, time_ns() // 1000
        rows: list[Row | None] = []
        for message, body, peer in requests:
            try:
                rows.append(make_row(message, now, "1.1", peer, body))
            except Exception:  # Handled alone, it is responded to, and logged.
                rows.append(None)
        stored: list[Stored] = []
        for (message, _, _), row in zip(requests, rows, strict=True):
            try:
                stored.append(None if row is None else self._add(message, row))
            except Exception:  # Not stored; it is the store's to say why.
                stored.append(None)
        return stored

    def _add(self, message: RawRequestMessage, row: Row) -> asyncio.Future[int]:
        targets = self.routes.of(lambda: as_capture(row))
        if targets and self.sites.parks(message.method, message.path, message.headers):
            return self._captures.add(row, tuple((target, UNKNOWN_HOST) for target in targets))
        return self._captures.add(row, targets)

    # -- responses that were not written ---------------------------------------------------------

    def _mark_unanswered(self, number: int) -> None:
        if self._captures is not self._writer:
            return  # What a team shares is not changed any more.
        self._unanswered.append(number)
        if self._marking is None:
            self._marking = asyncio.get_running_loop().create_task(self._mark(), name="mark unanswered")

    async def _mark(self) -> None:
        try:
            while self._unanswered:
                ids, self._unanswered = self._unanswered, []
                await self._writer.write(partial(mark_unanswered, ids=ids), synced=False)
        except (StoreUnavailable, StoreClosed) as trouble:
            log.warning("cannot mark captures whose caller disconnected before the response: %r", trouble)
        finally:
            self._marking = None
