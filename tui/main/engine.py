"""The engine on the main screen: status, banners, pause, samples, the URL for Lean."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from relay.errors import RelayError
from relay.lean.catalogue import catalogue
from relay.text.captures import relay_response
from relay.text.safe import visible
from relay.text.units import format_duration, format_ms
from tui.main.context import CaptureContext, act, no_engine
from tui.presenters.format import Piece
from tui.presenters.messages import Severity
from tui.presenters.status import EngineState, Status, banners
from tui.screens.dialogs import TriggerDialog

JUST_NOW = timedelta(minutes=5)
"""Webhooks that came within this time make the end of the listener worth a question."""


class EngineController:
    """Keeps the engine's status, pauses and resumes it, and posts samples."""

    def __init__(self, context: CaptureContext) -> None:
        self.status = Status(engine=EngineState.LOOKING)
        self._context = context
        self._last_sample: str | None = None
        """The event type posted last."""
        self._copied_url: str | None = None
        """The URL for Lean that was copied last: a change to it needs no banner any more."""

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can, or is another controller's."""
        if action not in ("pause", "trigger"):
            return None
        if (reason := no_engine(self._context)) is not None:
            return reason
        if self.status.engine is not EngineState.RUNNING:
            return None
        if action == "trigger" and self.status.url is None:
            return "The engine does not receive webhooks, so there is nowhere to post a sample."
        if action == "pause" and not self.status.targets:
            return "No targets are configured, so there is nothing to pause; add one with --forward-to."
        return None

    # -- status --------------------------------------------------------------------------------

    async def look(self) -> Status:
        """Ask the engine for its status."""
        self.status = await self._context.gateway.engine.status()
        return self.status

    def banners(self, *, unreadable: str | None) -> tuple[Piece, ...]:
        """Sentences about errors.

        Args:
            unreadable: why the database cannot be read.
        """
        pause = self._context.ui.key("relay.pause")
        copy = self._context.ui.key("relay.copy_url")
        ended = self._listener_ended()
        status, tunnel = self.status, self.status.tunnel
        if tunnel is not None and tunnel.url is not None and tunnel.url == self._copied_url:
            status = replace(status, tunnel=None)
        return tuple(banners(status, unreadable=unreadable, ended=ended, pause=pause, copy=copy))

    def _listener_ended(self) -> str | None:
        listener = self._context.gateway.listener
        how = listener.ended() if listener is not None else None
        if how is None or self.status.url is not None:
            return None
        return (
            f"The listener has exited ({how}), so no webhooks are received. "
            f"To restart it, press {self._context.ui.key('quit')} and run lean-relay."
        )

    def show_listener_lines(self, *, refusals_shown: bool) -> None:
        """Show lines that the listener has written to stderr.

        Args:
            refusals_shown: the refusals screen is on top, so notices about refusals are left out.
        """
        listener = self._context.gateway.listener
        for line in listener.new_lines() if listener is not None else ():
            if not (refusals_shown and line.startswith("refused")):
                self._context.ui.show_notice(visible(line), title="listener", severity="warning")

    def leaving_costs(self, now: datetime) -> str | None:
        """What would be lost by leaving: a sentence; None where nothing would.

        The listener of this screen ends with it, which costs something while a replay runs, deliveries wait
        or webhooks are coming.
        """
        listener = self._context.gateway.listener
        if listener is None or listener.is_detached or listener.ended() is not None:
            return None
        waiting = sum(target.waiting or 0 for target in self.status.targets)
        came: list[datetime] = []
        with suppress(RelayError):  # A database that cannot be read is shown by a banner.
            came = self._context.gateway.arrivals(now - JUST_NOW, 1)
        reasons = []
        if (running := len(self.status.replays)) > 0:
            reasons.append("a replay is running" if running == 1 else f"{running:,} replays are running")
        if waiting:
            reasons.append(f"{waiting:,} {'delivery waits' if waiting == 1 else 'deliveries wait'}")
        if came:
            reasons.append(f"the last webhook came {format_duration(max(now - came[0], timedelta()))} ago")
        return f"Leaving ends the listener too: {' and '.join(reasons)}." if reasons else None

    # -- actions -------------------------------------------------------------------------------

    def pause(self) -> None:
        """Pause forwarding, or resume it."""
        paused = not self.status.paused
        done = None if paused else "Forwarding resumed"  # A banner shows a pause.
        work = partial(self._context.gateway.engine.pause, paused)
        self._context.ui.start(partial(act, self._context, work, done), group="act")

    async def trigger(self) -> None:
        """Ask for an event type and post a sample of it."""
        chosen = await self._context.ui.ask(TriggerDialog(catalogue().events, self._last_sample))
        if chosen is not None:
            self._last_sample = chosen
            self._context.ui.start(partial(self._post, chosen), group="act")

    async def _post(self, type_: str) -> None:
        try:
            post = await self._context.gateway.engine.trigger(type_)
        except RelayError as error:
            self._context.ui.failed(error)
            return
        came = relay_response(post.status, post.error)
        unsigned = "" if post.signed else ", unsigned: no webhook secret is set"
        text = f"{type_}: {came} in {format_ms(post.elapsed_s * 1000)}{unsigned}"
        severity: Severity = "information" if post.verdict.word == "delivered" else "error"
        self._context.ui.show_notice(visible(text), title="Sample", severity=severity)

    def copy_url(self) -> None:
        """Copy the URL to give Lean."""
        tunnel, url = self.status.tunnel, self.status.public_url
        if tunnel is not None and url is None:
            text = visible(f"The tunnel {tunnel.name} is {tunnel.state}, so there is no public URL to copy.")
            self._context.ui.show_notice(text, severity="warning")
            return
        self._copied_url = url
        url = url or self._context.gateway.engine.url()
        self._context.ui.copy(url)
        self._context.ui.show_notice(visible(url), title="Copied")
