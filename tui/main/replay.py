"""Replays from the main screen: as received, with changes, or edited; one run at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

from relay.control.messages import ReplayRequest, ReplayState, ReplayStatus
from relay.delivery.expectations import Expectation
from relay.errors import RelayError
from relay.text.safe import visible
from relay.text.units import format_duration
from tui.gateway import RunCheck
from tui.main.context import CaptureContext, no_capture, no_engine
from tui.main.filter import can_be_written
from tui.presenters.format import Tone, format_captures
from tui.presenters.messages import Severity
from tui.presenters.replay import (
    ReplayForm,
    as_expected,
    conclusion,
    duration_s,
    expectation,
    replay_request,
    stop_warning,
    verdict,
)
from tui.presenters.status import EngineState
from tui.screens.dialogs import Confirm
from tui.screens.edit_form import EditScreen
from tui.screens.replay_dialog import ReplayDialog

BULK = 10
"""More deliveries than this are asked about first."""

TIMED = 100
"""Captures whose earlier attempts are looked at, to say how long a replay may take."""

NEWS_WITHIN_S = 0.3

SEVERITIES: dict[Tone, Severity] = {"bad": "error", "warn": "warning"}

SENDS = frozenset({"replay", "replay_to", "edit"})


class RunView(Protocol):
    """The view of runs."""

    progress: ReplayStatus | None
    """The run that this screen has started; None without one."""
    others: tuple[ReplayStatus, ...]
    """Runs that were started elsewhere."""


class ReplayController:
    """Sends the selected captures again, and follows the run."""

    def __init__(self, context: CaptureContext, view: RunView) -> None:
        self._context, self._view = context, view
        self._last_form = ReplayForm()
        """The form as it was sent last."""
        self._own: set[tuple[int, str]] = set()
        """Runs that were started here."""

    @property
    def _targets(self) -> tuple[str, ...]:
        """The usual targets."""
        targets = self._context.engine_status.targets
        return tuple(target.target for target in targets if target.state != "not configured")

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action not in SENDS:
            return None
        otherwise = self._context.ui.key("capture.replay_to")
        if self._view.progress is not None:
            return f"A replay is running; {self._context.ui.key('look.back')} cancels it."
        if (
            action == "replay"
            and self._context.engine_status.engine is EngineState.RUNNING
            and not self._targets
        ):
            return f"No target is configured; press {otherwise} to choose one."
        if action == "edit" and len(self._context.selected_ids()) > 1:
            return f"Only one capture can be edited at a time; {otherwise} changes values in several."
        return no_capture(self._context) or no_engine(self._context)

    # -- starting ------------------------------------------------------------------------------

    async def replay(self) -> None:
        """Send to the usual targets, as received."""
        ids = self._context.selected_ids()
        if await self._confirmed(ids, ReplayForm()):
            self._start(ids, replay_request(ids, ReplayForm()))

    async def replay_to(self) -> None:
        """Ask for targets and options, then send."""
        ids = self._context.selected_ids()
        replays = self._context.gateway.replays
        try:
            fresh = await replays.fresh_ids(ids)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        form = await self._context.ui.ask(ReplayDialog(replays, ids, self._targets, self._last_form, fresh))
        if form is not None:
            self._last_form = form
            if await self._confirmed(ids, form):
                self._start(ids, replay_request(ids, form, fresh=fresh), expectation(form))

    async def edit(self) -> None:
        """Show the request as a form, then send it as edited."""
        ids = self._context.selected_ids()
        if len(ids) != 1:
            return  # A key that came at the same moment has marked another.
        replays = self._context.gateway.replays
        try:
            form = await replays.form(ids[0])
        except RelayError as error:
            self._context.ui.failed(error)
            return
        sending = await self._context.ui.ask(EditScreen(replays, form, self._targets, self._last_form))
        if sending is not None:
            self._start(ids, replay_request(ids, sending.form, sending.edits))

    async def _confirmed(self, ids: list[int], form: ReplayForm) -> bool:
        """Ask before sending more than BULK deliveries; True where confirmed or fewer."""
        to = form.to.split() or list(self._targets)
        times = int(form.times)
        count = len(ids) * times * max(len(to), 1)
        if count <= BULK:
            return True
        often = "" if times == 1 else f", {times:,} times each"
        question = (
            f"{format_captures(ids).capitalize()} will be sent to {visible(' and '.join(to))}{often}: "
            f"up to {count:,} requests{self._duration(ids, form, count)}. "
            f"{self._context.ui.key('look.back')} cancels the rest; requests already sent stay sent."
        )
        return await self._context.ui.ask(Confirm("Send them again?", question, "Yes, send", "No")) is True

    def _duration(self, ids: list[int], form: ReplayForm, count: int) -> str:
        """`, in about 40 s`: by the times that a sample of these took before; empty where it is not known."""
        try:
            rows = self._context.gateway.rows(ids[:: max(len(ids) // TIMED, 1)][:TIMED])
        except RelayError:
            return ""  # Reading the list shows the error.
        taken = [
            each.elapsed_ms for row in rows.values() for each in row.deliveries if each.elapsed_ms is not None
        ]
        seconds = duration_s(form, count, taken)
        return f", in about {format_duration(timedelta(seconds=seconds))}" if seconds is not None else ""

    def _start(self, ids: list[int], request: ReplayRequest, expected: Expectation | None = None) -> None:
        self._context.ui.start(partial(self._run, ids, request, expected), group="replay", exclusive=True)

    # -- following -----------------------------------------------------------------------------

    async def _run(self, ids: list[int], request: ReplayRequest, expected: Expectation | None) -> None:
        replays = self._context.gateway.replays
        run_check = None if expected is None else replays.run_check(expected)
        try:
            progress = await replays.begin(request)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        self._own.add(_identity(progress))
        try:
            made: list[int] = []
            attempts = [0]
            while progress.is_running or attempts:
                self._show(progress)
                progress, attempts = await replays.progress(progress.run, len(made), NEWS_WITHIN_S)
                made += attempts
                if run_check is not None:
                    await run_check.look(attempts)
            delivered = await replays.delivered(sorted(made))
        except RelayError as error:
            # It may go on: then it is shown, and can be ended, as one that was started elsewhere.
            self._own.discard(_identity(progress))
            self._context.ui.failed(error)
            return
        finally:
            self._show(None)
        others = [number for number in ids if number not in delivered] if len(ids) > 1 else []
        self._show_end(ids, progress, run_check, others)
        self._context.refresh_list(unmark=delivered)

    def _show(self, progress: ReplayStatus | None) -> None:
        self._view.progress = progress
        self._context.refresh_keys()

    def _show_end(
        self, ids: list[int], progress: ReplayStatus, run_check: RunCheck | None, others: Sequence[int]
    ) -> None:
        """Show the result of a run; `others` were not delivered, and stay marked."""
        text, tone = conclusion(progress)
        if len(ids) == 1 and progress.total == progress.done == 1 and progress.state == ReplayState.ENDED:
            try:
                row = self._context.gateway.rows(ids).get(ids[0])
            except RelayError:
                row = None  # Reading the list shows the error.
            text, tone = (verdict(row.deliveries) if row is not None else None) or (text, tone)
        if run_check is not None:
            checked, check_tone = as_expected(run_check.check)
            text += f"\n{checked}"
            tone = check_tone if progress.state == ReplayState.ENDED else tone
        if progress.stale_signatures:
            text += "\nThe body was changed and not signed again, so the signature does not verify."
        self._context.ui.show_notice(
            text,
            title=f"Sent again: {format_captures(ids)}",
            severity=SEVERITIES.get(tone, "information"),
            captures=others if can_be_written(others) else (),
        )

    def show_others(self, replays: Sequence[ReplayStatus]) -> None:
        """Show the engine's runs that were not started here."""
        self._view.others = tuple(each for each in replays if _identity(each) not in self._own)

    # -- ending --------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether a run of this screen is in progress."""
        return self._view.progress is not None

    @property
    def has_others(self) -> bool:
        """Whether a run that was started elsewhere is in progress."""
        return bool(self._view.others)

    def end(self) -> None:
        """Cancel this screen's run; without one, ask whether to end one that was started elsewhere."""
        if self.is_running:
            self._context.ui.start(self._cancel, group="act")
        elif self.has_others:
            self._context.ui.start(partial(self._end_other, self._view.others[0]), group="dialog")

    async def _cancel(self) -> None:
        progress = self._view.progress
        if progress is not None:
            try:
                await self._context.gateway.replays.cancel(progress.run)
            except RelayError as error:
                self._context.ui.failed(error)

    async def _end_other(self, other: ReplayStatus) -> None:
        ask = Confirm(f"End replay {other.run}?", stop_warning(other), "Yes, end it", "No, keep it running")
        if not await self._context.ui.ask(ask):
            return
        try:
            ended = await self._context.gateway.replays.cancel(other.run)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        was_over = not ended.is_running
        text = "It had already ended." if was_over else f"{ended.done:,} of {ended.total:,} were sent."
        self._context.ui.show_notice(text, title=f"Replay {other.run} ended")


def _identity(progress: ReplayStatus) -> tuple[int, str]:
    """Identity of a run across engines; each engine counts from 1."""
    return progress.run, progress.started_at
