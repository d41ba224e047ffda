"""The engine's side of the tunnel: starts it, logs its changes, and remembers its last URL.

Owns the words of its log lines and the fact `public_url` of the database; `relay.tunnel.supervisor` keeps the
program running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from time import time

from relay.config import Settings, TunnelChoice
from relay.control.messages import TunnelStatus
from relay.engine.store_errors import STORE_WITHIN_S
from relay.errors import UsageError
from relay.models import from_micros, iso
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.write import changes
from relay.store.write.client import Writer
from relay.text.units import format_duration
from relay.tunnel.kinds import KINDS, LocalAddress
from relay.tunnel.messages import Start
from relay.tunnel.state import Phase
from relay.tunnel.supervisor import Tunnel, environment, why_not_started

log = logging.getLogger("relay.tunnel")

FACT = "public_url"
"""Name of the last public URL among the facts of the database."""

LINES_LOGGED = 5
"""Of the last lines of a program that failed."""

SERVER_PORT = 5326
"""On the user's server, where this relay takes any free port."""

DASHBOARD = "Lean's dashboard (Development → Webhooks)"


def check(settings: Settings) -> None:
    """Check that the tunnel of the settings can be started.

    Raises:
        UsageError: its program is missing, or another setting excludes it.
    """
    if (reason := why_not_started(settings)) is not None:
        raise UsageError(reason)


class EngineTunnel:
    """The tunnel of an engine; `run` and `report` never end by themselves."""

    def __init__(
        self,
        writer: Writer,
        settings: Callable[[], Settings],
        choice: TunnelChoice,
        local: LocalAddress,
        *,
        url_changed: Callable[[], None],
    ) -> None:
        """
        Args:
            settings: returns those in force.
            local: where the receiver is.
            url_changed: called when `url` may have changed.
        """
        self._choice = choice
        self._writer = writer
        self._settings = settings
        self._url_changed = url_changed
        self._changed = asyncio.Event()
        self._watchers: list[Callable[[TunnelStatus], None]] = []
        self._previous_url: str | None = None
        self._logged: str | None = None
        """The reason that was logged last; a program that fails again and again fills no log."""
        self._was_up = False
        kind = KINDS[choice.kind]
        now = settings()
        start = Start(
            argv=tuple(map(os.fsencode, kind.arguments(choice, local))),
            environment=tuple(environment(os.environb, _variables_of_secrets(now)).items()),
            kind=choice.kind,
            pattern=choice.pattern,
        )
        self._tunnel = Tunnel(start, self._on_change, public_url=self._fixed_url)
        if kind.names_url and not choice.command and now.public_url is not None:
            log.warning(
                "public_url (%s) is not used: %s names its own URL", now.sources["public_url"], choice.kind
            )

    def _fixed_url(self) -> str | None:
        """The URL of a tunnel whose program names none."""
        return None if self._choice.kind not in ("ssh", "command") else self._settings().public_url

    @property
    def url(self) -> str | None:
        """The public URL to give Lean; None while it is not known."""
        return self._settings().public_url if self._choice.kind == "ssh" else self._tunnel.state.url

    def status(self) -> TunnelStatus:
        """The state of the tunnel, for clients."""
        state = self._tunnel.state
        return TunnelStatus(
            name=self._choice.name,
            state=str(state.phase),
            url=state.url,
            previous_url=self._previous_url,
            reason=state.reason,
            since=_iso(state.since),
            next_at=_iso(state.next_at) if state.next_at is not None else None,
        )

    def watch(self, watcher: Callable[[TunnelStatus], None]) -> None:
        """Call this with the status now and after each change, except while it is starting."""
        self._watchers.append(watcher)
        self._notify(watcher)

    def _notify(self, watcher: Callable[[TunnelStatus], None]) -> None:
        if self._tunnel.state.phase is not Phase.STARTING:
            watcher(self.status())

    async def run(self) -> None:
        """Keep the tunnel up."""
        await self._tunnel.run()

    async def report(self) -> None:
        """Log each change, remember the URL, and call the watchers."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._tunnel.state.phase is Phase.UP:
                await self._log_up()
            else:
                self._log_down()
            for watcher in self._watchers:
                self._notify(watcher)

    def _on_change(self) -> None:
        self._url_changed()
        self._changed.set()

    async def _log_up(self) -> None:
        url = self._tunnel.state.url
        assert url is not None
        before = await self._remember(url)
        name = self._choice.name
        if before is not None and before != url:
            self._previous_url = before
            log.warning(
                "the public URL has changed: it is %s now, by %s, and was %s; enter the new one in %s",
                url, name, before, DASHBOARD,
            )  # fmt: skip
        elif self._was_up:
            log.info("the tunnel is up again: %s", url)
        else:
            log.info("public URL %s by %s; enter it in %s", url, name, DASHBOARD)
        if not self._was_up:
            log.info("%s", KINDS[self._choice.kind].privacy)
        self._was_up = True
        self._logged = None

    async def _remember(self, url: str) -> str | None:
        """Store the URL; return the one before, None also where the store does not answer."""
        try:
            return await self._writer.write(
                partial(changes.replace_fact, name=FACT, value=url), within_s=STORE_WITHIN_S
            )
        except (StoreUnavailable, StoreClosed, sqlite3.Error):
            return None

    def _log_down(self) -> None:
        state = self._tunnel.state
        if state.reason is None or state.reason == self._logged:
            return
        self._logged = state.reason
        if state.phase is Phase.STARTING:
            log.warning("the tunnel is not up yet: %s", state.reason)
        elif state.next_at is None:
            log.warning("the tunnel is down: %s", state.reason)
        else:
            pause = format_duration(timedelta(seconds=max(state.next_at - time(), 0.0)))
            log.warning("the tunnel is down: %s; next attempt in %s", state.reason, pause)
        for line in state.lines[-LINES_LOGGED:]:
            log.info("%s: %s", self._choice.kind, line)


def _variables_of_secrets(settings: Settings) -> list[str]:
    """Environment variables that hold secrets, as the settings name them."""
    lean = settings.lean
    sources = (
        *settings.secrets,
        settings.app_token,
        lean.client_id,
        lean.client_secret,
        settings.team.url,
    )
    return [each.env for each in sources if each is not None and each.env is not None]


def _iso(at: float) -> str:
    return iso(from_micros(int(at * 1_000_000)))


def local_address(settings: Settings, port: int, *, secure: bool) -> LocalAddress:
    """Where a tunnel finds the receiver of these settings, which is bound to a port."""
    return LocalAddress.of(settings.host, port, secure=secure, server_port=settings.port or SERVER_PORT)
