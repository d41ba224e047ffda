"""What `doctor` says of a database that follows a team's log."""

from __future__ import annotations

from typing import Any

import pytest

from relay.checks import following
from relay.control.messages import EngineStatus, FollowerStatus, TeamStatus

AT = "2026-11-27T10:04:31.000000Z"


def found(**known: Any) -> list[tuple[str, str]]:
    status = EngineStatus(team=TeamStatus(follower=FollowerStatus(**known)))
    return [(each.level, each.text) for each in following.following(status)]


@pytest.mark.parametrize("status", [None, EngineStatus()])
def test_nothing_without_an_engine_or_a_team(status: EngineStatus | None) -> None:
    """What does not follow has nothing to say about it."""
    assert list(following.following(status)) == []


@pytest.mark.parametrize(
    ("known", "level", "text"),
    [
        ({"state": "following", "position": 7, "newest": 9, "behind": 2}, "ok", "position 7, 2 behind"),
        ({}, "ok", "connecting to the team's log"),
        (
            {"state": "silent", "since": AT, "reason": "nothing listens", "position": 7},
            "warning",
            f"silent since {AT}: nothing listens; position 7 is here",
        ),
        (
            {"state": "stopped", "reason": "it ends at position 3"},
            "fault",
            "the team's log is not the one that this database has followed: it ends at position 3",
        ),
    ],
)
def test_each_state(known: dict[str, Any], level: str, text: str) -> None:
    """Silence is a warning with its reason, a lost history a fault; to be behind is neither."""
    assert found(**known) == [(level, text)]


def test_what_was_missed() -> None:
    """Webhooks that were pruned too early are told for as long as the database is there."""
    assert found(state="following", position=7, behind=0, missed=3)[1] == (
        "warning",
        "3 webhooks were pruned from the team's log before this database read them",
    )
