"""What can be done with captures and with the engine from the main screen, and why it cannot now."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from textual import events, work
from textual.notifications import SeverityLevel
from textual.screen import Screen

from relay.errors import RelayError
from relay.lean.catalogue import catalogue
from relay.text.captures import response
from relay.text.safe import visible
from relay.text.units import format_ms
from tui.gateway import Gateway
from tui.keyboard import keymap
from tui.presenters.status import Engine, Status
from tui.screens.dialogs import Confirm, NoteDialog, TriggerDialog


class ActingScreen(Screen[None]):
    """Actions; what they are about is told by the screen that builds on it."""

    gateway: Gateway
    _last_sample: str | None = None

    NEED_CAPTURES: ClassVar[frozenset[str]] = frozenset({"star", "note", "delete", "mark"})
    NEED_ENGINE: ClassVar[frozenset[str]] = frozenset({"star", "note", "delete", "pause", "trigger"})

    @property
    def engine(self) -> Status:
        """How the engine was a moment ago."""
        raise NotImplementedError

    def chosen(self) -> list[int]:
        """The captures that an action is about, ascending."""
        raise NotImplementedError

    def is_starred(self, number: int) -> bool:
        """Whether a capture has a star."""
        raise NotImplementedError

    def done(self) -> None:
        """Something was changed on purpose: marks go, rows are read again."""
        raise NotImplementedError

    # -- what cannot be done -------------------------------------------------------------------

    def why_not(self, action: str) -> str | None:
        """Why an action cannot be done now, in a sentence; None where it can."""
        if action in self.NEED_CAPTURES and not self.chosen():
            return "There is no capture to do this with."
        if action in self.NEED_ENGINE and self.engine.engine is Engine.GONE:
            return "No engine runs on this log, and only it can do this; `lean-relay listen` starts one."
        if action == "trigger" and self.engine.engine is Engine.RUNNING and self.engine.url is None:
            return "The engine takes no webhooks, so there is nowhere to post to."
        if action == "pause" and self.engine.engine is Engine.RUNNING and not self.engine.targets:
            return "Nothing is sent on, so nothing can be held back; --forward-to names a target."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if self.why_not(action) else True  # None: shown, but grey.

    def on_key(self, event: events.Key) -> None:
        # What a binding refused arrives here.
        key = keymap.of(self.app).of_key(event.key)
        if key is not None and (reason := self.why_not(key.action)):
            event.stop()
            self.notify(reason, title=key.label, severity="warning", markup=False)

    # -- on captures ---------------------------------------------------------------------------

    def action_star(self) -> None:
        ids = self.chosen()
        starred = not all(map(self.is_starred, ids))
        self._act(self.gateway.star(ids, starred), f"{'Starred' if starred else 'No star on'} {these(ids)}")

    @work(group="dialog")
    async def action_note(self) -> None:
        ids = self.chosen()
        text = await self.app.push_screen_wait(NoteDialog(f"Note to {these(ids)}", self.note_of(ids)))
        if text is not None:
            done = f"Noted at {these(ids)}" if text else f"No note at {these(ids)}"
            self._act(self.gateway.note(ids, text or None), done)

    def note_of(self, ids: list[int]) -> str:
        """The note to begin with."""
        raise NotImplementedError

    @work(group="dialog")
    async def action_delete(self) -> None:
        ids = self.chosen()
        starred = sum(map(self.is_starred, ids))
        if starred == len(ids):
            star = keymap.of(self.app).written("capture.star")
            self.notify(f"What is starred is not deleted; {star} takes the star away.", markup=False)
            return
        spared = f" The {starred} starred stay." if starred else ""
        question = (
            f"{these(ids).capitalize()} with body, headers, note and all deliveries will be removed from "
            f"{visible(str(self.gateway.db))} for good, and what they held is overwritten.{spared}"
        )
        if await self.app.push_screen_wait(Confirm("Delete for good?", question, "Yes, delete")):
            self._delete(ids)

    @work(group="act")
    async def _delete(self, ids: list[int]) -> None:
        try:
            gone = await self.gateway.prune(ids)
        except RelayError as error:
            self.failed(error)
            return
        self.notify(f"{gone:,} removed", markup=False)
        self.done()

    # -- on the engine -------------------------------------------------------------------------

    def action_pause(self) -> None:
        paused = not self.engine.paused
        self._act(
            self.gateway.pause(paused), None if paused else "Deliveries go on"
        )  # A banner tells of a pause.

    @work(group="dialog")
    async def action_trigger(self) -> None:
        chosen = await self.app.push_screen_wait(TriggerDialog(catalogue().events, self._last_sample))
        if chosen is not None:
            self._last_sample = chosen
            self._post(chosen)

    @work(group="act")
    async def _post(self, type_: str) -> None:
        try:
            post = await self.gateway.trigger(type_)
        except RelayError as error:
            self.failed(error)
            return
        came = response(post.status, post.error)
        unsigned = "" if post.signed else ", unsigned: no webhook secret is set"
        text = f"{type_} -> {came} in {format_ms(post.elapsed_s * 1000)}{unsigned}"
        taken = post.verdict.word == "delivered"
        severity: SeverityLevel = "information" if taken else "error"
        self.notify(visible(text), title="Sample", severity=severity, markup=False)

    @work(group="act")
    async def _act(self, act: Awaitable[None], told: str | None) -> None:
        try:
            await act
        except RelayError as error:
            self.failed(error)
            return
        if told is not None:
            self.notify(told, markup=False)
        self.done()

    def failed(self, error: RelayError) -> None:
        """Say why something was not done."""
        self.notify(visible(str(error)), title=error.word or "", severity="error", markup=False, timeout=10)


def these(ids: list[int]) -> str:
    """`capture 12`, `1,234 captures`."""
    return f"capture {ids[0]}" if len(ids) == 1 else f"{len(ids):,} captures"
