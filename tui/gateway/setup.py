"""The setup for the first screen, by the checks of `doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from relay.checks import database, public_url, secrets
from relay.checks.findings import Finding, ok
from relay.config import Settings
from relay.errors import UsageError
from relay.text.units import format_duration
from tui.presenters.setup import Part, Setup, backend, part
from tui.presenters.status import EngineState, Status

NEW = "new since the screen started, and in force once `lean-relay reload` has run"
"""Of secrets; whether it has run is not known here."""

Reread = Callable[[], Settings]
"""Reads the settings again, from flags, environment and files.

Raises UsageError where they are wrong.
"""


async def look(
    settings: Settings, begun_with: Settings, status: Status, reread: Reread | None
) -> tuple[Setup, Settings]:
    """Look at the setup; return it, and the settings with the secrets as they are now.

    Args:
        settings: as the screen has them.
        begun_with: as they were when the screen started.
        reread: without it, changed files are not noticed.
    """
    return await asyncio.to_thread(_look, settings, begun_with, status, reread)


def _look(
    settings: Settings, begun_with: Settings, status: Status, reread: Reread | None
) -> tuple[Setup, Settings]:
    wrong: tuple[Part, ...] = ()
    fresh = settings
    if reread is not None:
        try:
            fresh = reread()
        except UsageError as error:
            wrong = (Part("settings", "wrong", str(error), "correct them; `lean-relay doctor` checks them"),)
    secret = part("secret", list(secrets.secrets(fresh)), reload=True)
    if secret.state == "done" and fresh.secrets != begun_with.secrets:
        secret = replace(secret, text=f"{secret.text}; {NEW}")
    parts = [*wrong, secret]
    if status.engine is EngineState.RUNNING:
        parts.append(backend(status.targets))
    parts.append(part("public URL", list(_public_url(fresh, status))))
    parts.append(part("database", [*database.folder(fresh), *database.modes(fresh), _kept(fresh)]))
    now = replace(settings, secrets=fresh.secrets, app_token=fresh.app_token)
    return Setup(parts=tuple(parts), signs=bool(fresh.secrets)), now


def _public_url(fresh: Settings, status: Status) -> Iterator[Finding]:
    if status.tunnel is None:
        return public_url.configured(replace(fresh, public_url=status.public_url or fresh.public_url))
    return public_url.through(status.tunnel)


def _kept(settings: Settings) -> Finding:
    kept = "for ever" if settings.keep is None else f"for {format_duration(settings.keep)}"
    return ok("database", f"{settings.db.name}, for you alone; captures are kept {kept}")
