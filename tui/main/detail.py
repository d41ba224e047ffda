"""The detail of the main screen: when the capture under the cursor is read into it."""

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
from tui.presenters.blocks import Subject

DETAIL_AFTER_S = 0.05
"""How long the cursor rests before the detail is read, so that a held key scrolls freely."""

DETAIL_EVERY_S = 0.4
"""The shortest time between two captures while the newest is followed: nobody reads faster."""


class DetailView(Protocol):
    """Where a capture is shown."""

    @property
    def subject(self) -> Subject | None:
        """The capture that is shown."""

    def show(self, subject: Subject | None) -> None:
        """Show another capture, or nothing."""


class DetailController:
    """Keeps the detail on the capture under the cursor."""

    def __init__(self, context: CaptureContext, view: DetailView, is_following: Callable[[], bool]) -> None:
        """
        Args:
            is_following: whether the cursor goes with the newest capture.
        """
        self._context, self._view, self._is_following = context, view, is_following
        self._read_at = 0.0
        """`monotonic()` when a capture was read last."""
        self._row: CaptureRow | None = None
        """The list's row of the capture in the detail, when that was read."""

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action != "next_difference":
            return None
        subject = self._view.subject
        if subject is None:
            return "No capture is selected."
        if subject.findings is None:
            return "The body is still being compared with Lean's documentation."
        judgement = subject.findings.judgement
        return None if judgement.differences else f"No differences: {visible(judgement.summary)}."

    def show(self, row: CaptureRow | None) -> None:
        """Show the capture of a row; one that is shown already is read again only where its row differs."""
        if row != self._row or (row is None) != (self._view.subject is None):
            self._row = row
            work = partial(self._read, row.id if row else None)
            self._context.ui.start(work, group="detail", exclusive=True)

    async def _read(self, number: int | None) -> None:
        # A held key moves on before this: then nothing is read, and the list scrolls freely.
        rest_s = DETAIL_AFTER_S
        if self._is_following():
            rest_s = max(rest_s, self._read_at + DETAIL_EVERY_S - monotonic())
        await asyncio.sleep(rest_s)
        self._read_at = monotonic()
        gateway = self._context.gateway
        try:
            subject = None if number is None else await gateway.subject(number)
            self._show(subject)
            if subject is not None and subject.findings is None:
                # Its body is large: that is on the screen already while this is worked out.
                found = await gateway.findings(subject)
                if found is not None:
                    self._show(replace(subject, findings=found))
        except RelayError as error:
            self._context.cannot_read(error)

    def _show(self, subject: Subject | None) -> None:
        self._view.show(subject)
        self._context.refresh_keys()
