"""Rehearsals from the main screen: asked for, conducted in the background, and shown; one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from relay.errors import RelayError
from relay.rehearsal.choices import Choices
from relay.rehearsal.report import Result
from relay.text.safe import visible
from tui.main.context import CaptureContext, no_engine
from tui.presenters.messages import Severity
from tui.presenters.rehearsal import RehearsalForm
from tui.screens.dialogs import Confirm
from tui.screens.rehearsal import RehearsalScreen
from tui.screens.rehearsal_dialog import RehearsalDialog
from tui.state.rehearsal_run import RehearsalRun

if TYPE_CHECKING:
    from relay.rehearsal.preparation import Prepared

GROUP = "rehearsal"


class RehearsalController:
    """Puts a backend through what Lean will do to it, with the selected captures."""

    def __init__(self, context: CaptureContext, show_captures: Callable[[Sequence[int]], None]) -> None:
        """
        Args:
            show_captures: shows just these in the list.
        """
        self._context, self._show_captures = context, show_captures
        self._last_form = RehearsalForm()
        """The form as it was sent last."""
        self._run: RehearsalRun | None = None

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        return no_engine(self._context) if action == "rehearse" and not self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether a rehearsal of this screen is in progress."""
        return self._run is not None and self._run.is_running

    async def rehearse(self) -> None:
        """Ask what to try and begin; while a rehearsal runs, show it."""
        if not self.is_running and not await self._began():
            return
        assert self._run is not None
        captures = await self._context.ui.ask(RehearsalScreen(self._run, self._end))
        if captures:
            self._show_captures(captures)

    async def _began(self) -> bool:
        selected = self._context.selected_ids()
        ids = selected if len(selected) > 1 else []  # One capture alone has no order; it is the cursor's.
        targets = self._context.engine_status.targets
        usual = [each.target for each in targets if each.state != "not configured"]
        asked = await self._context.ui.ask(RehearsalDialog(ids, usual, self._last_form))
        if asked is None:
            return False
        self._last_form, choices = asked
        try:
            prepared, plan = await self._context.gateway.rehearsals.prepare(ids, choices)
        except RelayError as error:
            self._context.ui.failed(error)
            return False
        if not await self._context.ui.ask(Confirm("Begin the rehearsal?", f"{plan}.", "Yes, begin", "No")):
            return False
        self._run = run = RehearsalRun(target=choices.to or "", plan=plan)
        self._context.ui.start(partial(self._conduct, run, prepared, choices), group=GROUP)
        return True

    async def _conduct(self, run: RehearsalRun, prepared: Prepared, choices: Choices) -> None:
        def show(words: str) -> None:
            run.progress = words

        try:
            run.report = await self._context.gateway.rehearsals.run(
                prepared, choices, report=run.lines.append, progress=show
            )
        except RelayError as error:
            run.error = visible(str(error))
            self._context.ui.failed(error)
            return
        finally:
            self._context.refresh_list()
        failed, warned = run.report.count(Result.FAILED), run.report.count(Result.WARNING)
        severity: Severity = "error" if failed else "warning" if warned else "information"
        captures = sorted(
            {number for line in run.lines if line.result is Result.FAILED for number in line.captures}
        )
        self._context.ui.show_notice(
            run.report.summary, title="Rehearsal", severity=severity, captures=captures
        )

    def _end(self) -> None:
        self._context.ui.cancel(GROUP)
