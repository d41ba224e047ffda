"""All checks that need settings, in the order in which to fix what they find."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relay.checks import clock, database, engine, following, public_url, secrets, targets, team, tls
from relay.checks.findings import Finding
from relay.config import Settings


async def every(settings: Settings) -> AsyncIterator[Finding]:
    """The findings of each check, one after another; targets, engine and PostgreSQL are contacted."""
    for check in (database.folder, database.database, engine.engine_and_port):
        for finding in check(settings):
            yield finding
    status, silent = await engine.responding(settings)
    for finding in silent:
        yield finding
    async for finding in team.team(settings):
        yield finding
    for finding in following.following(status):
        yield finding
    for finding in await targets.reachable(settings, status):
        yield finding
    for check in (tls.receiver, targets.certificates):
        for finding in check(settings):
            yield finding
    for finding in secrets.secrets(settings, status):
        yield finding
    for check in (secrets.app_token, clock.clock):
        for finding in check(settings):
            yield finding
    for finding in public_url.in_force(settings, status):
        yield finding
