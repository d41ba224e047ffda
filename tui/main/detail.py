"""The detail of the main screen: which capture it shows, when that is read, and the ways into it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic

from textual import work

from relay.errors import RelayError
from relay.models import CaptureRow
from relay.text.safe import visible
from tui.gateway import Gateway
from tui.main.browser import Browsing
from tui.main.replay import ReplayingScreen
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail

DETAIL_AFTER_S = 0.05
"""How long the cursor rests before the detail is read, so that a held key scrolls freely."""

DETAIL_EVERY_S = 0.4
"""While the newest capture is followed, the detail is another one at most so often: nobody reads faster."""


class DetailingScreen(ReplayingScreen):
    """The part of the main screen that has to do with one capture's detail."""

    gateway: Gateway
    _browsing: Browsing
    _list: CaptureList
    _detail: Detail
    _detail_read_at = 0.0
    """`monotonic()` of the last look at a capture for the detail."""
    _shown_row: CaptureRow | None = None
    """What the list said of the capture in the detail when that was read."""

    def _grey_keys(self) -> None:
        """Other keys may work now."""
        raise NotImplementedError

    def _cannot_read(self, error: RelayError) -> None:
        """Leave the log alone."""
        raise NotImplementedError

    # -- reading -------------------------------------------------------------------------------

    def _read_detail_if_changed(self) -> None:
        row = self._list.row(self._browsing.listing.cursor)
        if row != self._shown_row or (row is None) != (self._detail.subject is None):
            self._shown_row = row
            self._read_detail(row.id if row else None)

    @work(exclusive=True, group="detail")
    async def _read_detail(self, number: int | None) -> None:
        # A held key moves on before this: then nothing is read, and the list scrolls freely.
        rest_s = DETAIL_AFTER_S
        if self._browsing.listing.following:
            rest_s = max(rest_s, self._detail_read_at + DETAIL_EVERY_S - monotonic())
        await asyncio.sleep(rest_s)
        self._detail_read_at = monotonic()
        try:
            subject = None if number is None else await self.gateway.subject(number)
            self._detail.show(subject)
            self._grey_keys()
            if subject is not None and subject.findings is None:
                # Its body is large: that is on the screen already while this is worked out.
                found = await self.gateway.findings(subject)
                if found is not None:
                    self._detail.show(replace(subject, findings=found))
                    self._grey_keys()
        except RelayError as error:
            self._cannot_read(error)

    # -- ways in -------------------------------------------------------------------------------

    def on_capture_list_opened(self) -> None:
        self.remove_class("-zoom-list")
        self._detail.focus_page()

    def action_tab(self, by: int) -> None:
        self.remove_class("-zoom-list")
        self._detail.turn(by)

    def action_show_tab(self, place: int) -> None:
        self.remove_class("-zoom-list")
        self._detail.open_tab(place)

    def action_next_difference(self) -> None:
        self.remove_class("-zoom-list")
        self._detail.next_difference()

    def why_not(self, action: str) -> str | None:
        if action == "next_difference":
            return self._why_no_difference()
        return super().why_not(action)

    def _why_no_difference(self) -> str | None:
        subject = self._detail.subject
        if subject is None:
            return "There is no capture to look into."
        if subject.findings is None:
            return "It is still being compared with what Lean documents."
        judgement = subject.findings.judgement
        return None if judgement.differences else f"Nothing differs in it: {visible(judgement.summary)}."
