"""The check of how far this database has followed the team's log."""

from __future__ import annotations

from collections.abc import Iterator

from relay.checks.findings import Finding, fault, ok, warning
from relay.control.messages import EngineStatus
from relay.text.team import DECIDE, LOST


def following(status: EngineStatus | None) -> Iterator[Finding]:
    """Whether the running engine follows, and how far; nothing where none runs or it does not follow."""
    found = None if status is None or status.team is None else status.team.follower
    if found is None:
        return
    at = "" if found.position is None else f"; position {found.position} is here"
    match found.state:
        case "following":
            yield ok("following", f"position {found.position}, {found.behind or 0} behind")
        case "stopped":
            yield fault("following", f"{LOST}: {found.reason}{at}", DECIDE)
        case "connecting":
            yield ok("following", "connecting to the team's log")
        case state:
            yield warning(
                "following",
                f"{state} since {found.since}: {found.reason}{at}",
                "`lean-relay team status` says whether the team's PostgreSQL answers",
            )
    if found.missed:
        yield warning(
            "following",
            f"{found.missed} webhooks were pruned from the team's log before this database read them",
            "start it more often, or have the team keep more (`keep` in [team])",
        )
