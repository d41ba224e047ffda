"""Replays through the engine: start, follow, cancel and preview them; a request as a form to edit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import msgspec

from relay.config import Settings
from relay.control.exchange import Requester
from relay.control.messages import (
    CancelRequest,
    FreshIds,
    Preview,
    PreviewRequest,
    ReplayQuery,
    ReplayRequest,
    ReplayStatus,
)
from relay.delivery.expectations import Expectation
from relay.delivery.replay_options import new_ids
from relay.delivery.replay_plan import rounds
from relay.errors import NotFound
from relay.store.read.attempts import delivered
from relay.store.read.reader import Reader
from relay.store.read.replayed import replayed_events
from relay.text.safe import mask_headers
from tui.gateway.edit_form import Form, form
from tui.gateway.run_check import RunCheck

PREVIEWED_AT_ONCE = 10
"""Captures on one page; the engine previews no more at once."""


class Replays:
    """The engine's replays, for a screen."""

    def __init__(self, settings: Callable[[], Settings], send: Requester) -> None:
        """
        Args:
            settings: the current ones.
        """
        self._settings, self._send = settings, send

    @property
    def _db(self) -> Path:
        return self._settings().db

    async def begin(self, request: ReplayRequest) -> ReplayStatus:
        """Start a run; return its status."""
        return await self._send(request)

    async def progress(self, run: int, after: int, wait_s: float) -> tuple[ReplayStatus, list[int]]:
        """Status of a run, and its attempts after the first `after`; waits up to `wait_s` for more."""
        news = await self._send(ReplayQuery(run=run, after=after, wait_s=wait_s))
        return news.runs[0], news.attempts

    async def cancel(self, run: int) -> ReplayStatus:
        """Cancel a run, no matter who started it; return its last status."""
        return (await self._send(CancelRequest(run))).runs[0]

    async def delivered(self, attempts: Sequence[int]) -> set[int]:
        """Captures of these attempts whose every delivery was delivered; `attempts` are ids, ascending."""
        return await asyncio.to_thread(self._delivered, attempts)

    def _delivered(self, attempts: Sequence[int]) -> set[int]:
        with Reader(self._db) as reader:
            return delivered(reader, attempts)

    def run_check(self, expected: Expectation) -> RunCheck:
        """A check of the responses of a run."""
        return RunCheck(self._db, expected)

    async def fresh_ids(self, ids: Sequence[int]) -> FreshIds:
        """New ids and times for a replay of these captures, so that the newest event happens now."""
        return await asyncio.to_thread(self._fresh_ids, ids)

    def _fresh_ids(self, ids: Sequence[int]) -> FreshIds:
        with Reader(self._db) as reader:
            newest_at = replayed_events(reader, ids, ()).newest_at
        return new_ids(newest_at, datetime.now(UTC), token_hex(8), payload=True)

    async def preview(self, request: ReplayRequest, page: int) -> tuple[list[Preview], int]:
        """One page of the requests that would be sent, secret headers masked, and the number of captures.

        Args:
            page: from 0; PREVIEWED_AT_ONCE captures each, in the order of sending.

        Raises:
            RelayError: a request cannot be built.
        """
        ids = [number for first, last in request.ranges for number in range(first, last + 1)]
        ids = list(rounds(ids, 1, request.shuffle))
        some = ids[page * PREVIEWED_AT_ONCE : (page + 1) * PREVIEWED_AT_ONCE]
        ranges = tuple((number, number) for number in some)
        shown = PreviewRequest(msgspec.structs.replace(request, ranges=ranges, shuffle=None))
        found = (await self._send(shown)).requests
        mask = self._settings().mask_headers
        return [
            msgspec.structs.replace(each, headers=mask_headers(each.headers, mask)) for each in found
        ], len(ids)

    async def form(self, number: int) -> Form:
        """A capture's request as a form.

        Raises:
            NotFound: it does not exist.
        """
        return await asyncio.to_thread(self._form, number)

    def _form(self, number: int) -> Form:
        with Reader(self._db) as reader:
            capture = reader.capture(number)
        if capture is None:
            raise NotFound(f"capture {number} no longer exists")
        return form(capture, self._settings())
