"""What the top of the screen says of the engine."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from relay.control.messages import FollowerStatus, NodeStatus, TargetStatus, TunnelStatus
from tui.presenters.status import EngineState, Status, banners, line

SPARKS = [("▅", "accent")] * 20


def a_target(**changes: object) -> TargetStatus:
    values: dict[str, object] = {
        "target": "http://localhost:3000",
        "state": "up",
        "reason": None,
        "waiting": 0,
        "parked": 0,
    }
    return TargetStatus(**(values | changes))  # type: ignore[arg-type]


def written(status: Status, width: int = 200) -> str:
    return "".join(text for text, _ in line(status, SPARKS, "3/s", width))  # type: ignore[arg-type]


def said(status: Status, unreadable: str | None = None, ended: str | None = None) -> str:
    return "\n".join(text for text, _ in banners(status, unreadable=unreadable, ended=ended))


def test_all_in_one_line() -> None:
    """URL, arrivals, targets, refusals, public URL."""
    status = Status(
        engine=EngineState.RUNNING,
        url="http://127.0.0.1:5326",
        public_url="https://relay.example.com",
        targets=(a_target(), a_target(target="http://localhost:4000", state="down", waiting=12)),
        refusals={"too-large": 2, "malformed": 1},
    )
    text = written(status)
    for part in (
        "http://127.0.0.1:5326",
        "▅ 3/s",
        "→ localhost:3000 ✓ up",
        "✗ down 12 waiting",
        "3 refused",
        "public",
    ):
        assert part in text


def test_narrow_line_keeps_what_matters() -> None:
    """In 80 columns the sparkline is shortened before a target goes, and nothing is cut in half."""
    status = Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326", targets=(a_target(),))
    text = written(status, 78)
    assert "→ localhost:3000 ✓ up" in text
    assert 5 <= text.count("▅") < 20 or len(text) <= 78
    assert len(written(status, 40)) <= 40


def test_nothing_wrong_says_nothing() -> None:
    """A relay that works needs no sentence."""
    assert not banners(
        Status(engine=EngineState.RUNNING, url="http://x", targets=(a_target(),)), unreadable=None, ended=None
    )


def test_each_trouble_has_a_sentence_with_what_happens_next() -> None:
    """Engine gone, silent, disk full, paused, target down, log locked, listener ended."""
    down = a_target(state="down", reason="nothing listens on port 3000", waiting=3)
    assert "connects to it" in said(Status(engine=EngineState.GONE))
    assert "Retrying" in said(Status(engine=EngineState.SILENT, detail="pid 7: no answer"))
    assert "503" in said(Status(engine=EngineState.RUNNING, store_detail="the disk is full"))
    assert "p resumes" in said(
        Status(engine=EngineState.RUNNING, targets=(a_target(state="paused", waiting=1),))
    )
    assert "1 delivery waits" in said(
        Status(engine=EngineState.RUNNING, targets=(a_target(state="paused", waiting=1),))
    )
    assert "nothing listens on port 3000. 3 waiting" in said(
        Status(engine=EngineState.RUNNING, targets=(down,))
    )
    assert "Retrying" in said(Status(engine=EngineState.RUNNING), unreadable="the log is locked.")
    assert "has ended" in said(Status(engine=EngineState.GONE), ended="The listener has ended")


def test_hostile_words_are_made_safe() -> None:
    """A backend's words in a reason reach no terminal as they are."""
    status = Status(
        engine=EngineState.RUNNING, targets=(a_target(state="down", reason="\x1b]0;x\x07", target="\x1b[2J"),)
    )
    assert "\x1b" not in said(status) + written(status)


def test_a_tunnel_in_the_line_and_below_it() -> None:
    """Its URL where it is up, its state and reason where it is not, and a change until it was copied."""
    up = TunnelStatus(name="cloudflared", state="up", url="https://x.example")
    status = Status(
        engine=EngineState.RUNNING, url="http://127.0.0.1:5326", public_url="https://x.example", tunnel=up
    )
    assert "public https://x.example" in written(status)
    assert not said(status)
    changed = replace(status, tunnel=msgspec.structs.replace(up, previous_url="https://old.example"))
    assert "from https://old.example to https://x.example; u copies it" in said(changed)
    starting = replace(status, tunnel=TunnelStatus(name="ngrok", state="starting"), public_url=None)
    assert "tunnel starting" in written(starting)
    assert not said(starting)
    down = replace(
        status, tunnel=TunnelStatus(name="ngrok", state="down", reason="\x1b[2Jended"), public_url=None
    )
    assert "✗ tunnel down" in written(down)
    assert "ngrok is down: ␛[2Jended" in said(down)


def following(**known: object) -> Status:
    team = FollowerStatus(**known)  # type: ignore[arg-type]
    return Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326", targets=(a_target(),), team=team)


def test_the_team_in_the_head() -> None:
    """How far it was followed, since when it is silent and why, and what to decide if its history is lost."""
    at = "2026-11-27T10:04:31.000000Z"
    assert "team: connecting" in written(following())
    up_to_date = following(state="following", since=at, position=4711, newest=4711, behind=0)
    assert "team: 4711, 0 behind   → localhost:3000" in written(up_to_date, 100)
    assert said(up_to_date) == ""
    assert "team: 4711, 1,200 behind" in written(
        following(state="following", position=4711, newest=5911, behind=1200)
    )
    silent = following(state="silent", since=at, reason="nothing listens at db:5432", position=4711)
    assert re.search(r"team: silent since \d\d:04 ", written(silent))
    assert "nothing listens at db:5432" in said(silent)
    stopped = following(state="stopped", since=at, reason="it ends at position 12", position=4711)
    assert "it ends at position 12" in said(stopped)
    assert "--from 7d, beginning or now" in said(stopped)
    waiting = following(state="waiting", since=at, reason="position 12 is missing", position=11)
    assert "position 12 is missing" in said(waiting)
    assert "team: odd" in written(following(state="odd"))


def test_a_node_in_the_head() -> None:
    """How much it shared, or that it cannot and what that means for Lean."""
    well = replace(following(), team=None, node=NodeStatus(published=1234))
    assert "shares 1,234 with the team" in written(well)
    assert said(well) == ""
    down = replace(well, node=NodeStatus(state="team-down", detail="db:5432 cannot be reached"))
    assert "✗ cannot share" in written(down)
    assert "db:5432 cannot be reached" in said(down)
