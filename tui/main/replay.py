"""Sending captures again: as usual, otherwise, or edited; one run at a time, followed to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import work
from textual.notifications import SeverityLevel

from relay.delivery.expectations import Expectation
from relay.errors import RelayError
from relay.text.replays import Progress
from relay.text.safe import visible
from tui.gateway import Checking
from tui.keyboard import keymap
from tui.main.captures import these
from tui.main.looking import LookingScreen
from tui.presenters.format import Tone
from tui.presenters.replay import Wanted, as_expected, conclusion, expectation, order, verdict, what_is_ended
from tui.presenters.status import Engine
from tui.screens.dialogs import Confirm
from tui.screens.editing import EditScreen
from tui.screens.sending import ReplayDialog
from tui.widgets.replay_line import ReplayLine

BULK = 10
"""More deliveries than this are asked about first."""

NEWS_WITHIN_S = 0.3

SEVERITIES: dict[Tone, SeverityLevel] = {"bad": "error", "warn": "warning"}


class ReplayingScreen(LookingScreen):
    """Actions that send; what they are about is told by the screen that builds on it."""

    SENDS: ClassVar[frozenset[str]] = frozenset({"replay", "replay_to", "edit"})
    NEED_CAPTURES: ClassVar[frozenset[str]] = LookingScreen.NEED_CAPTURES | SENDS
    NEED_ENGINE: ClassVar[frozenset[str]] = LookingScreen.NEED_ENGINE | SENDS

    _wanted = Wanted()
    """How something was sent otherwise the last time."""

    def __init__(self) -> None:
        super().__init__()
        self._own: set[tuple[int, str]] = set()
        """Runs that were begun here."""

    @property
    def replay_line(self) -> ReplayLine:
        """Where a run is shown."""
        raise NotImplementedError

    @property
    def targets(self) -> tuple[str, ...]:
        """The usual ones."""
        return tuple(target.url for target in self.engine.targets if target.state != "not configured")

    def why_not(self, action: str) -> str | None:
        written = keymap.of(self.app).written
        otherwise = written("capture.replay_to")
        if action in self.SENDS and self.replay_line.progress is not None:
            return f"A replay is on its way; {written('look.back')} cancels it."
        if action == "replay" and self.engine.engine is Engine.RUNNING and not self.targets:
            return f"No target is configured, so there is no usual one; {otherwise} names one."
        if action == "edit" and len(self.chosen()) > 1:
            return f"One capture is edited at a time; {otherwise} changes values in all that are marked."
        return super().why_not(action)

    @work(group="dialog")
    async def action_replay(self) -> None:
        ids = self.chosen()
        if await self._may(ids, Wanted()):
            self._replay(ids, order(ids, Wanted()))

    @work(group="dialog")
    async def action_replay_to(self) -> None:
        ids = self.chosen()
        wanted = await self.app.push_screen_wait(
            ReplayDialog(self.gateway.replays, ids, self.targets, self._wanted)
        )
        if wanted is not None:
            self._wanted = wanted
            if await self._may(ids, wanted):
                self._replay(ids, order(ids, wanted), expectation(wanted))

    @work(group="dialog")
    async def action_edit(self) -> None:
        (number,) = self.chosen()
        try:
            form = await self.gateway.replays.form(number)
        except RelayError as error:
            self.failed(error)
            return
        sending = await self.app.push_screen_wait(
            EditScreen(self.gateway.replays, form, self.targets, self._wanted)
        )
        if sending is not None:
            self._replay([number], order([number], sending.wanted, sending.edits))

    async def _may(self, ids: list[int], wanted: Wanted) -> bool:
        """Whether so many are to be sent; asks where it is a bulk."""
        to = wanted.to.split() or list(self.targets)
        times = int(wanted.times)
        count = len(ids) * times * max(len(to), 1)
        if count <= BULK:
            return True
        often = "" if times == 1 else f", {times:,} times each"
        question = (
            f"{these(ids).capitalize()} will be sent to {visible(' and '.join(to))}{often}: "
            f"up to {count:,} requests. "
            f"{keymap.of(self.app).written('look.back')} cancels them on their way; what has been sent stays "
            "sent."
        )
        sure = await self.app.push_screen_wait(Confirm("Send them again?", question, "Yes, send", "No"))
        return sure is True

    @work(exclusive=True, group="replay")
    async def _replay(
        self, ids: list[int], wanted: dict[str, Any], expected: Expectation | None = None
    ) -> None:
        replays = self.gateway.replays
        try:
            checking = None if expected is None else await replays.checking(expected)
            progress = await replays.begin(wanted)
            self._own.add(_named(progress))
            told, attempts = 0, [0]
            while progress["state"] == "running" or attempts:
                self.replay_line.progress = progress
                progress, attempts = await replays.progress(progress["run"], told, NEWS_WITHIN_S)
                told += len(attempts)
                if checking is not None:
                    await checking.look(attempts)
        except RelayError as error:
            self.failed(error)
            return
        finally:
            self.replay_line.progress = None
            self.refresh_bindings()
        self._tell_end(ids, progress, checking)
        self.done()

    def _tell_end(self, ids: list[int], progress: Progress, checking: Checking | None) -> None:
        said, tone = conclusion(progress)
        if len(ids) == 1 and progress["total"] == progress["done"] == 1 and progress["state"] == "ended":
            try:
                row = self.gateway.rows(ids).get(ids[0])
            except RelayError:
                row = None  # The list says so.
            said, tone = (verdict(row.deliveries) if row is not None else None) or (said, tone)
        if checking is not None:
            told, as_told = as_expected(checking.expected, checking.met, checking.unmet)
            said += f"\n{told}"
            tone = as_told if progress["state"] == "ended" else tone
        stale = progress["stale_signatures"]
        if stale:
            said += "\nIts body was changed and not signed again, so its signature does not verify."
        self.notify(
            said,
            title=f"Sent again: {these(ids)}",
            severity=SEVERITIES.get(tone, "information"),
            markup=False,
            timeout=10,
        )

    @work(group="act")
    async def cancel_replay(self) -> None:
        """Send no more of the run that is on its way."""
        progress = self.replay_line.progress
        if progress is not None:
            try:
                await self.gateway.replays.cancel(progress["run"])
            except RelayError as error:
                self.failed(error)

    def show_others(self, replays: Sequence[Progress]) -> None:
        """Tell of the runs that the engine has and that were not begun here."""
        self.replay_line.others = tuple(each for each in replays if _named(each) not in self._own)

    @work(group="dialog")
    async def end_other(self) -> None:
        """End a run that somebody else has begun, if that is meant."""
        other, *_ = self.replay_line.others
        ask = Confirm(f"End replay {other['run']}?", what_is_ended(other), "Yes, end it", "No, let it go on")
        if not await self.app.push_screen_wait(ask):
            return
        try:
            stood = await self.gateway.replays.cancel(other["run"])
        except RelayError as error:
            self.failed(error)
            return
        was_over = stood["state"] != "running"
        said = (
            "It had ended by itself." if was_over else f"{stood['done']:,} of {stood['total']:,} were sent."
        )
        self.notify(said, title=f"Replay {other['run']} is ended", markup=False)

    def on_replay_line_cancel_wanted(self) -> None:
        if self.replay_line.progress is not None:
            self.cancel_replay()
        elif self.replay_line.others:
            self.end_other()


def _named(progress: Progress) -> tuple[int, str]:
    """A run among those of all engines: another one counts from 1 again."""
    return progress["run"], str(progress["started_at"])
