"""Sending again through the engine: runs begun, followed, cancelled, and a request as a form to edit."""

from __future__ import annotations

import asyncio

import msgspec

from relay.config import Settings
from relay.control.exchange import Requester
from relay.control.messages import (
    CancelRequest,
    Preview,
    PreviewRequest,
    ReplayQuery,
    ReplayRequest,
    ReplayStatus,
)
from relay.delivery.expectations import Expectation
from relay.delivery.replay_plan import rounds
from relay.errors import NotFound
from relay.store.read.reader import Reader
from relay.text.safe import mask_headers
from tui.gateway.checking import Checking
from tui.gateway.editing import Form, form

PREVIEWED_AT_ONCE = 10
"""Captures of one page; the engine shows no more at once."""


class Replays:
    """The engine's replays, as a screen uses them."""

    def __init__(self, settings: Settings, send: Requester) -> None:
        self._settings = settings
        self._send = send

    async def begin(self, request: ReplayRequest) -> ReplayStatus:
        """Begin a run; gives how it stands."""
        return await self._send(request)

    async def progress(self, run: int, after: int, wait_s: float) -> tuple[ReplayStatus, list[int]]:
        """How a run stands, and its attempts after the first `after`; waits for more of them for so long."""
        news = await self._send(ReplayQuery(run=run, after=after, wait_s=wait_s))
        return news.runs[0], news.attempts

    async def cancel(self, run: int) -> ReplayStatus:
        """Send no more of a run, whoever began it; gives how it stood."""
        return (await self._send(CancelRequest(run))).runs[0]

    async def checking(self, expected: Expectation) -> Checking:
        """Holds the answers of a run that is about to begin against what is expected."""
        return await asyncio.to_thread(Checking, self._settings.db, expected)

    async def preview(self, request: ReplayRequest, page: int) -> tuple[list[Preview], int]:
        """What would be sent of some captures, secret headers masked, and how many captures there are.

        Args:
            page: which PREVIEWED_AT_ONCE of them, in the order in which they are sent, from 0 on.

        Raises:
            RelayError: it cannot be sent.
        """
        ids = [number for first, last in request.ranges for number in range(first, last + 1)]
        ids = list(rounds(ids, 1, request.shuffle))
        some = ids[page * PREVIEWED_AT_ONCE : (page + 1) * PREVIEWED_AT_ONCE]
        ranges = tuple((number, number) for number in some)
        shown = PreviewRequest(msgspec.structs.replace(request, ranges=ranges, shuffle=None))
        found = (await self._send(shown)).requests
        mask = self._settings.mask_headers
        return [
            msgspec.structs.replace(each, headers=mask_headers(each.headers, mask)) for each in found
        ], len(ids)

    async def form(self, number: int) -> Form:
        """A capture's request to be edited.

        Raises:
            NotFound: it is gone.
        """
        return await asyncio.to_thread(self._form, number)

    def _form(self, number: int) -> Form:
        with Reader(self._settings.db) as reader:
            capture = reader.capture(number)
        if capture is None:
            raise NotFound(f"capture {number} is no longer there")
        return form(capture, self._settings)
