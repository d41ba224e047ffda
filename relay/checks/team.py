"""The checks of the team's PostgreSQL: reachable, verified, durable, this login's rights, its clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from relay.checks.findings import Finding, fault, ok, warning
from relay.config import Settings
from relay.errors import RelayError, UsageError
from relay.team.address import TeamAddress
from relay.team.connect import open_log
from relay.team.log import LogState, Server

CHECK = "team"
CLOCKS_APART = timedelta(minutes=1)


async def team(settings: Settings) -> AsyncIterator[Finding]:
    """Whether this machine can share or follow; nothing where no team is set."""
    if settings.team.url is None and not (settings.share or settings.follow):
        return
    try:
        address = TeamAddress.of_settings(settings)
        log = await open_log(address, publish=settings.share, read=settings.follow)
        try:
            server, state = log.server, await log.state()
        finally:
            await log.close()
    except UsageError as error:
        yield fault(CHECK, str(error), "correct the settings of [team]; see `lean-relay help team`")
        return
    except RelayError as error:
        text, _, step = str(error).partition("; ")
        yield fault(CHECK, text, step or "see `lean-relay help team`")
        return
    yield ok(CHECK, _summary(server, state))
    if address.is_plain:
        yield warning(
            CHECK,
            f"webhooks cross the network to {address} without verified TLS (allow_plain)",
            "use sslmode=verify-full in the URL, with sslrootcert=FILE for an authority of your own",
        )
    if not server.full_page_writes:
        yield warning(
            CHECK,
            "full_page_writes is off there, so a power cut can damage pages that were being written",
            "set full_page_writes = on in postgresql.conf",
        )
    apart = abs(server.at - datetime.now(UTC))
    if apart > CLOCKS_APART:
        yield warning(
            CHECK,
            f"its clock and this machine's are {apart.total_seconds():.0f} s apart",
            "set both clocks, and let the systems keep them right (NTP)",
        )


def _summary(server: Server, state: LogState) -> str:
    may = " and ".join(
        word for word, has in (("publish", server.may_publish), ("read", server.may_read)) if has
    )
    return (
        f"{server.address}, PostgreSQL {server.version}, {server.stored}; "
        f"{server.login} may {may or 'do nothing'}; newest position {state.newest}"
    )
