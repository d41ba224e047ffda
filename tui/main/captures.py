"""Actions on the selected captures: star, note, delete, compare, copy, journey."""

from __future__ import annotations

import asyncio
from functools import partial

from relay.errors import RelayError
from relay.text.safe import visible
from tui.main.context import CaptureContext, act, no_capture, no_engine
from tui.presenters.copies import Item, of_one, of_several
from tui.presenters.format import format_captures
from tui.screens.compare import CompareScreen
from tui.screens.copy_menu import CopyMenu
from tui.screens.dialogs import Confirm, NoteDialog
from tui.screens.journey import JourneyScreen

READS = frozenset({"compare", "copy", "journey"})
CHANGES = frozenset({"star", "note", "delete"})
"""Actions that need an engine."""

STARS_AT_ONCE = 500
"""Captures whose stars are read in one go: some milliseconds, in which no key is handled."""


class CaptureController:
    """Changes, compares and copies the selected captures."""

    def __init__(self, context: CaptureContext) -> None:
        self._context = context

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action not in READS | CHANGES:
            return None
        selected = len(self._context.selected_ids())
        if action == "compare" and selected > 2:
            return f"{selected:,} captures are marked; only two can be compared."
        if (reason := no_capture(self._context)) is not None:
            return reason
        return no_engine(self._context) if action in CHANGES else None

    # -- changes -------------------------------------------------------------------------------

    def star(self) -> None:
        """Star the selected captures; unstar them where all have a star."""
        self._context.ui.start(partial(self._star, self._context.selected_ids()), group="act")

    async def _star(self, ids: list[int]) -> None:
        try:
            starred = await self._starred(ids) < len(ids)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        done = f"{'Starred' if starred else 'Unstarred'} {format_captures(ids)}"
        await act(self._context, partial(self._context.gateway.engine.star, ids, starred), done)

    async def _starred(self, ids: list[int]) -> int:
        """Number of captures with a star; 100,000 can be marked."""
        found = 0
        for start in range(0, len(ids), STARS_AT_ONCE):
            rows = self._context.gateway.rows(ids[start : start + STARS_AT_ONCE])
            found += sum(row.starred for row in rows.values())
            if start:
                await asyncio.sleep(0)
        return found

    async def note(self) -> None:
        """Ask for a note on the selected captures, beginning with the one there is."""
        ids = self._context.selected_ids()
        row = self._context.row(ids[0]) if len(ids) == 1 else None  # The detail is read a moment later.
        before = row.note or "" if row is not None else ""
        text = await self._context.ui.ask(NoteDialog(f"Note on {format_captures(ids)}", before))
        if text is not None:
            done = (
                f"Saved the note on {format_captures(ids)}"
                if text
                else f"Removed the note on {format_captures(ids)}"
            )
            work = partial(self._context.gateway.engine.note, ids, text or None)
            self._context.ui.start(partial(act, self._context, work, done), group="act")

    async def delete(self) -> None:
        """Ask, then delete the selected captures that have no star."""
        ids = self._context.selected_ids()
        try:
            starred = await self._starred(ids)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        if starred == len(ids):
            star = self._context.ui.key("capture.star")
            self._context.ui.show_notice(
                f"Starred captures are not deleted; press {star} to unstar them first."
            )
            return
        kept = f" {starred:,} starred will be kept." if starred else ""
        question = (
            f"{format_captures(ids).capitalize()} will be removed from "
            f"{visible(str(self._context.gateway.db))} for good, with body, headers, note and all "
            f"deliveries, and the bytes overwritten.{kept}"
        )
        if await self._context.ui.ask(Confirm("Delete for good?", question, "Yes, delete")):
            self._context.ui.start(partial(self._delete, ids), group="act")

    async def _delete(self, ids: list[int]) -> None:
        try:
            gone = await self._context.gateway.engine.prune(ids)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        self._context.ui.show_notice(f"Deleted {gone:,} {'capture' if gone == 1 else 'captures'}")
        self._context.refresh_list()

    # -- reading -------------------------------------------------------------------------------

    def compare(self) -> None:
        """Compare two marks; a mark and the cursor; or the cursor and its partner."""
        ids, cursor = self._context.selected_ids(), self._context.cursor
        if len(ids) == 1 and cursor not in (None, *ids):
            ids = sorted((*ids, cursor or 0))
        other = ids[1] if len(ids) > 1 else None
        self._context.ui.open(CompareScreen(self._context.gateway, ids[0], other))

    async def journey(self) -> None:
        """Show the journey of the capture under the cursor, and go to the capture chosen there."""
        number = self._context.cursor
        if number is not None:
            chosen = await self._context.ui.ask(JourneyScreen(self._context.gateway, number))
            if chosen is not None:
                self._context.go_to(chosen)

    async def copy(self) -> None:
        """Ask which part of the selected captures to copy, and where to."""
        ids = self._context.selected_ids()
        try:
            items = await self._copies_of_one(ids[0]) if len(ids) == 1 else await self._copies(ids)
            if items is None:
                self._context.ui.show_notice(f"Capture {ids[0]} no longer exists.", severity="warning")
                return
            chosen = await self._context.ui.ask(CopyMenu(f"Copy from {format_captures(ids)}", items))
            if chosen is not None:
                await self._copy(*chosen)
        except RelayError as error:
            self._context.ui.failed(error)

    async def _copies(self, ids: list[int]) -> list[Item]:
        return list(of_several(ids, await self._context.gateway.event_ids(ids)))

    async def _copies_of_one(self, number: int) -> list[Item] | None:
        detail, at_cursor = self._context.detail, self._context.value_at_cursor()
        if detail is None or detail.capture.id != number:  # The detail still shows the previous one.
            detail, at_cursor = await self._context.gateway.detail(number), None
        if detail is None:
            return None
        return list(of_one(detail.capture, self._context.gateway.curl(detail.capture), at_cursor))

    async def _copy(self, item: Item, into_file: bool) -> None:
        text = item.as_text
        if into_file or text is None:
            path = await self._context.gateway.save(item.file, item.data)
            why = "" if into_file else "Too large for the clipboard, or not text. "
            self._context.ui.show_notice(f"{why}Saved to {visible(str(path))}", title=item.name)
            return
        self._context.ui.copy(text)
        copy = self._context.ui.key("capture.copy")
        self._context.ui.show_notice(
            f"{item.preview}\nIf your terminal blocks the clipboard, press {copy} and f to save a file.",
            title=f"Copied: {item.name}",
        )
