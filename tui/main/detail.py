"""The detail of the main screen: reads the capture under the cursor into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Protocol

from relay.errors import RelayError
from relay.models import CaptureRow
from relay.text.safe import visible
from tui.main.context import CaptureContext
from tui.presenters.blocks import CaptureDetail

DETAIL_AFTER_S = 0.05
"""Time that the cursor rests before the detail is read, so that a held key scrolls freely."""

DETAIL_EVERY_S = 0.4
"""Shortest time between two captures while following the newest."""


class DetailView(Protocol):
    """The view of a capture."""

    @property
    def current(self) -> CaptureDetail | None:
        """The capture shown."""

    def show(self, detail: CaptureDetail | None) -> None:
        """Show another capture, or nothing."""


class DetailController:
    """Keeps the detail on the capture under the cursor."""

    def __init__(self, context: CaptureContext, view: DetailView, is_following: Callable[[], bool]) -> None:
        """
        Args:
            is_following: whether the cursor follows the newest capture.
        """
        self._context, self._view, self._is_following = context, view, is_following
        self._read_at = 0.0
        """`monotonic()` of the last read."""
        self._row: CaptureRow | None = None
        """Row of the capture in the detail, at the time of reading."""

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action != "next_difference":
            return None
        detail = self._view.current
        if detail is None:
            return "No capture is selected."
        if detail.analysis is None:
            return "The body is still being compared with Lean's documentation."
        result = detail.analysis.shape_result
        return None if result.differences else f"No differences: {visible(result.summary)}."

    def show(self, row: CaptureRow | None) -> None:
        """Show the capture of a row; read the current one again only if its row has changed."""
        if row != self._row or (row is None) != (self._view.current is None):
            self._row = row
            work = partial(self._read, row.id if row else None)
            self._context.ui.start(work, group="detail", exclusive=True)

    async def _read(self, number: int | None) -> None:
        # A held key cancels this before it reads, so that the list scrolls freely.
        rest_s = DETAIL_AFTER_S
        if self._is_following():
            rest_s = max(rest_s, self._read_at + DETAIL_EVERY_S - monotonic())
        await asyncio.sleep(rest_s)
        self._read_at = monotonic()
        gateway = self._context.gateway
        try:
            detail = None if number is None else await gateway.detail(number)
            self._show(detail)
            if detail is not None and detail.analysis is None:
                # A large body is shown before it is analysed.
                found = await gateway.analysis(detail)
                if found is not None:
                    self._show(replace(detail, analysis=found))
        except RelayError as error:
            self._row = None  # Once the database can be read again, the same row is read again.
            self._context.cannot_read(error)

    def _show(self, detail: CaptureDetail | None) -> None:
        self._view.show(detail)
        self._context.refresh_keys()
