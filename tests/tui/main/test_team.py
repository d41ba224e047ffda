"""A team's webhooks on the screen: how far they were followed, their positions, and why they do not come."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import SecretSource, Settings, TeamAccess
from relay.engine import engine, following
from relay.team import follower
from relay.team.address import TeamAddress
from tests.support.screen import screen_on
from tests.support.team import a_team_capture
from tests.support.team_log import MemoryLog


async def test_the_head_and_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to date, silent with the reason, up to date again, and stopped with what to decide."""
    team = MemoryLog()

    async def open_log(address: TeamAddress, *, read: bool) -> MemoryLog:
        return await team.open()

    monkeypatch.setattr(following, "open_log", open_log)
    monkeypatch.setattr(follower, "POLL_S", 0.05)
    monkeypatch.setattr(follower, "PAUSES_S", (0.05,))
    url = tmp_path / "url"
    url.write_text("postgresql://ann@localhost/team")
    url.chmod(0o600)
    settings = Settings(
        db=tmp_path / "relay.db",
        port=0,
        follow=True,
        follow_from="beginning",
        team=TeamAccess(url=SecretSource(name="url", file=url, where="test")),
    )
    async with engine.running(settings, receive=True), screen_on(settings, size=(100, 30)) as see:
        text = await see.shows("team: 0, 0 behind")
        assert " pos " not in text
        team.add(*(a_team_capture(number) for number in range(1, 4)))
        await see.shows("team: 3, 0 behind", " pos ", "3 captures")
        await see.press("slash", *"pos:2", "enter")
        await see.shows("1 match", "#2 ")
        team.down = "nothing listens there"
        await see.shows("team: silent since", "nothing listens there. Its webhooks come when it is back.")
        team.down = None
        await see.shows("team: 3, 0 behind")
        team.id = "log-2"
        await see.shows("team: stopped since", "it was made again", "--from 7d, beginning or now")
