"""How far a database has followed its team's log; for both halves of the store."""

from __future__ import annotations

from dataclasses import dataclass

from relay.store.columns import Row
from relay.store.sources import Execute

POSITION = "team_position"
"""Mark: the last position that is here, or was pruned before it was read."""
MISSED = "team_missed"
"""Mark: the number of captures that were pruned from the log before they were read."""
LOG = "team_log"
"""Fact: the id of the log."""
LAST = "team_last"
"""Fact: what the capture at that position is, as `identity` has it."""
STOPPED = "team_stopped"
"""Fact: why this database no longer follows, until a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamProgress:
    """The progress of a follower."""

    position: int | None = None
    """The last position that was read; None before the first start."""
    log: str | None = None
    """The id of the log; None before the first start."""
    last: str | None = None
    """The identity of the capture at that position; None where it is not known."""
    missed: int = 0
    stopped: str | None = None
    """Why it no longer follows; None while it does."""


def progress(execute: Execute) -> TeamProgress:
    """Read how far a database has followed."""
    marks: dict[str, int] = dict(
        execute("SELECT name, value FROM marks WHERE name IN (?, ?)", (POSITION, MISSED))
    )
    facts: dict[str, str] = dict(
        execute("SELECT name, value FROM facts WHERE name IN (?, ?, ?)", (LOG, LAST, STOPPED))
    )
    return TeamProgress(
        position=marks.get(POSITION),
        log=facts.get(LOG),
        last=facts.get(LAST),
        missed=marks.get(MISSED, 0),
        stopped=facts.get(STOPPED),
    )


def identity(received_at: int, body_sha256: str) -> str:
    """Tells captures apart that have the same position in two histories of a log."""
    return f"{received_at} {body_sha256}"


def identity_of(row: Row) -> str:
    """The same of a row."""
    return identity(row.received_at, row.body_sha256)
