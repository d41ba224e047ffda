"""What can be done with captures without changing anything: compare them, copy from them."""

from __future__ import annotations

from typing import ClassVar

from textual import work

from relay.errors import RelayError
from relay.text.safe import visible
from tui.keyboard import keymap
from tui.main.captures import ActingScreen
from tui.presenters.blocks import Subject
from tui.presenters.copies import Item, of_one, of_several
from tui.screens.compare import CompareScreen
from tui.screens.copying import CopyMenu
from tui.screens.journey import JourneyScreen
from tui.screens.refusals import RefusalsScreen


class LookingScreen(ActingScreen):
    """Actions that only read; what they are about is told by the screen that builds on it."""

    NEED_CAPTURES: ClassVar[frozenset[str]] = ActingScreen.NEED_CAPTURES | {"compare", "copy", "journey"}

    @property
    def subject(self) -> Subject | None:
        """The capture in the detail."""
        raise NotImplementedError

    @property
    def cursor(self) -> int | None:
        """The capture under the cursor, marked or not."""
        raise NotImplementedError

    def value_at_cursor(self) -> tuple[str, str] | None:
        """Path and JSON of the value under the body's cursor, where one is in sight."""
        raise NotImplementedError

    def why_not(self, action: str) -> str | None:
        if action == "compare" and len(self.chosen()) > 2:
            return f"{len(self.chosen()):,} captures are marked; two can be compared."
        return super().why_not(action)

    def action_compare(self) -> None:
        """Two marks; a mark and the capture under the cursor; or that one and the one before of its type."""
        ids = self.chosen()
        if len(ids) == 1 and self.cursor not in (None, *ids):
            ids = sorted((*ids, self.cursor or 0))
        self.app.push_screen(CompareScreen(self.gateway, ids[0], ids[1] if len(ids) > 1 else None))

    def action_refusals(self) -> None:
        self.app.push_screen(RefusalsScreen(self.gateway))

    def on_status_line_refusals_wanted(self) -> None:
        self.action_refusals()

    @work(group="dialog")
    async def action_journey(self) -> None:
        number = self.cursor
        if number is not None:
            wanted = await self.app.push_screen_wait(JourneyScreen(self.gateway, number))
            if wanted is not None:
                self.go_to(wanted)

    def go_to(self, number: int) -> None:
        """Put the cursor on a capture; a filter that hides it is switched off."""
        raise NotImplementedError

    @work(group="dialog")
    async def action_copy(self) -> None:
        ids = self.chosen()
        try:
            if len(ids) > 1:
                title = f"Copy of {len(ids):,} captures"
                items = list(of_several(ids, await self.gateway.event_ids(ids)))
            else:
                # What is in the detail may be the one before still.
                subject = self.subject
                if subject is None or subject.capture.id != ids[0]:
                    subject = await self.gateway.subject(ids[0])
                    at_cursor = None
                else:
                    at_cursor = self.value_at_cursor()
                if subject is None:
                    self.notify(f"Capture {ids[0]} is no longer there.", severity="warning", markup=False)
                    return
                title = f"Copy of capture {ids[0]}"
                items = list(of_one(subject.capture, self.gateway.curl(subject.capture), at_cursor))
            chosen = await self.app.push_screen_wait(CopyMenu(title, items))
            if chosen is not None:
                await self._copy(*chosen)
        except RelayError as error:
            self.failed(error)

    async def _copy(self, item: Item, into_file: bool) -> None:
        text = item.as_text
        if into_file or text is None:
            path = await self.gateway.save(item.file, item.data)
            why = "" if into_file else "Too large for a clipboard, or no text. "
            self.notify(f"{why}In {visible(str(path))}", title=item.name, timeout=15, markup=False)
            return
        self.app.copy_to_clipboard(text)
        copy = keymap.of(self.app).written("capture.copy")
        self.notify(
            f"{item.preview}\nIf your terminal keeps it from the clipboard: {copy}, f writes a file.",
            title=f"Copied: {item.name}",
            markup=False,
        )
