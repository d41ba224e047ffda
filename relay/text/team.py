"""Wording about following a team's log, for commands and screens. Pure."""

from __future__ import annotations

LOST = "the team's log is not the one that this database has followed"

DECIDE = (
    "nothing is followed until `lean-relay listen --follow` starts with --from 7d, beginning or now; "
    "what is here stays"
)
"""The next step where the history of the log was lost."""

TOO_OLD = "it was older than an hour when it came from the team"
"""Reason of a delivery that its backend no longer expects."""
