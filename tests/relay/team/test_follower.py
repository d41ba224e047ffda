"""Following a log: all of it, in order, once; holes, silence, and histories that went back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.models import to_micros
from relay.receiver.intake import Intake
from relay.store.write import files
from relay.store.write.client import Writer
from relay.store.write.followed import FollowedCapture
from relay.team import follower as module
from relay.team.follower import Follower
from relay.team.log import TeamCapture
from tests.support.receiving import rows
from tests.support.team import a_team_capture
from tests.support.team_log import MemoryLog
from tests.support.waiting import until

INTAKE = Intake(secrets={})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    monkeypatch.setattr(module, "PAUSES_S", (0.01,))


@asynccontextmanager
async def following(path: Path, team: MemoryLog, **options: Any) -> AsyncIterator[Follower]:
    """A follower on a database, until the context ends."""
    db = path / "relay.db"
    files.create_private(db)
    writer = await Writer.open(db)

    async def judge(capture: TeamCapture) -> FollowedCapture:
        row = INTAKE.copy(
            capture.received_at, capture.method, capture.target, capture.http_version, capture.client,
            capture.tls, capture.answer, capture.answer_reason, capture.origin, capture.headers, capture.body,
        )  # fmt: skip
        return FollowedCapture(capture.position, row, ())

    known: dict[str, Any] = {"start": "beginning", "is_receiving": lambda: False} | options
    follower = Follower(team.open, writer, judge, lambda newest, count: None, **known)
    task = asyncio.get_running_loop().create_task(follower.run(), name="follower")
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.wait({task})
        await writer.close()


def positions(path: Path) -> list[int | None]:
    return [row[0] for row in rows(path / "relay.db", "SELECT position FROM captures ORDER BY id")]


async def reached(follower: Follower, position: int) -> None:
    await until(lambda: follower.state.position == position, f"position {position}")


async def test_all_of_it_in_order_and_once(tmp_path: Path) -> None:
    """A restart goes on where the last one ended; what is published meanwhile wakes it."""
    team = MemoryLog()
    team.add(*(a_team_capture(number) for number in range(1, 1201)))
    async with following(tmp_path, team) as follower:
        await reached(follower, 1200)
        assert (follower.state.word, follower.state.newest) == ("following", 1200)
        team.add(a_team_capture(1201))
        await reached(follower, 1201)
    team.add(a_team_capture(1202))
    async with following(tmp_path, team, start="now") as follower:
        await reached(follower, 1202)
    assert positions(tmp_path) == list(range(1, 1203))


async def test_it_makes_room_for_what_is_received_here(tmp_path: Path) -> None:
    """While captures come in, a few are read and stored at a time."""
    team = MemoryLog()
    team.add(*(a_team_capture(number) for number in range(1, 31)))
    async with following(tmp_path, team, is_receiving=lambda: True) as follower:
        await reached(follower, 30)
    assert team.reads == 4
    assert positions(tmp_path) == list(range(1, 31))


@pytest.mark.parametrize(
    ("start", "first"), [("beginning", 2), ("now", 5), (timedelta(days=7), 4), (timedelta(days=30), 2)]
)
async def test_the_first_start(tmp_path: Path, start: Any, first: int) -> None:
    """So far back, or from now on, or from the oldest that is left."""
    team = MemoryLog()
    now = datetime.now(UTC)
    for days in (20, 10, 8, 6):
        team.add(a_team_capture(days, received_at=to_micros(now - timedelta(days=days))))
    team.prune_to(1)
    async with following(tmp_path, team, start=start) as follower:
        await reached(follower, 4)
        team.add(a_team_capture(5))
        await reached(follower, 5)
    assert positions(tmp_path) == list(range(first, 6))
    assert follower.state.missed == 0


async def test_a_hole_that_pruning_explains_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A log that was pruned past the follower costs exactly what was pruned, and that is counted and said."""
    team = MemoryLog()
    team.add(a_team_capture(1))
    async with following(tmp_path, team) as follower:
        await reached(follower, 1)
    team.add(*(a_team_capture(number) for number in range(2, 9)))
    team.prune_to(5)
    async with following(tmp_path, team) as follower:
        await reached(follower, 8)
        assert follower.state.missed == 4
    team.prune_to(8)
    team.add(a_team_capture(9), a_team_capture(10))
    team.prune_to(10)
    async with following(tmp_path, team) as follower:
        await reached(follower, 10)
        assert (follower.state.missed, follower.state.word) == (6, "following")
    assert positions(tmp_path) == [1, 6, 7, 8]
    assert "4 captures of the team, positions 2 to 5, were pruned" in caplog.text


async def test_another_hole_is_waited_for(tmp_path: Path) -> None:
    """A position that is missing without a reason is never passed over."""
    team = MemoryLog()
    team.add(*(a_team_capture(number) for number in range(1, 6)))
    missing = team.captures[3]
    team.remove(3)
    async with following(tmp_path, team) as follower:
        await until(lambda: follower.state.word == "waiting", "the hole")
        assert follower.state.reason == "position 3 is missing in the team's log, and was not pruned"
        reads = team.reads
        await until(lambda: team.reads > reads + 3, "more reads")
        assert (follower.state.position, follower.state.newest) == (2, 5)
        team.captures[3] = missing
        await reached(follower, 5)
        now = follower.state
        assert (now.word, now.reason) == ("following", None)
    assert positions(tmp_path) == [1, 2, 3, 4, 5]


async def test_silence_is_told_with_its_reason(tmp_path: Path) -> None:
    """A log that does not answer is tried again; what it was silent about comes then."""
    team = MemoryLog()
    team.add(a_team_capture(1))
    async with following(tmp_path, team) as follower:
        await reached(follower, 1)
        team.down = "nothing listens there"
        await until(lambda: follower.state.word == "silent", "the silence")
        since = follower.state.since
        opened = team.opened
        team.down = "still nothing"
        await until(lambda: follower.state.reason == "still nothing", "another try")
        assert follower.state.since == since
        assert follower.state.position == 1
        team.down = None
        team.add(a_team_capture(2))
        await reached(follower, 2)
        assert (follower.state.word, team.opened) == ("following", opened + 1)


def _shorter(team: MemoryLog) -> None:
    team.newest = 2
    team.captures = {number: team.captures[number] for number in (1, 2)}


def _other_bytes(team: MemoryLog) -> None:
    team.captures[3] = a_team_capture(33)
    team.add(a_team_capture(4))


def _made_again(team: MemoryLog) -> None:
    team.id = "log-2"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_shorter, "it ends at position 2, and position 3 was read from it before"),
        (_other_bytes, "position 3 holds another webhook there than here"),
        (_made_again, "it was made again, or the settings name another one"),
    ],
)
@pytest.mark.parametrize("when", ["running", "restarted"])
async def test_a_history_that_went_back(
    tmp_path: Path, change: Any, says: str, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is noticed, and nothing is followed until somebody decides, whatever is restarted."""
    team = MemoryLog()
    team.add(*(a_team_capture(number) for number in (1, 2, 3)))
    async with following(tmp_path, team) as follower:
        await reached(follower, 3)
        if when == "running":
            team.down = "it fails over"
            await until(lambda: follower.state.word == "silent", "the failover")
            change(team)
            team.down = None
            await until(lambda: follower.state.word == "stopped", "the stop")
    if when == "restarted":
        change(team)
    team.add(a_team_capture(9), a_team_capture(10))
    for _ in range(2):
        async with following(tmp_path, team) as follower:
            await until(lambda: follower.state.word == "stopped", "the stop")
            if change is not _shorter or when == "running":
                assert follower.state.reason == says
    assert "--from 7d, beginning or now" in caplog.text
    assert positions(tmp_path) == [1, 2, 3]
    async with following(tmp_path, team, decided=True) as follower:
        await reached(follower, team.newest)
        assert follower.state.word == "following"
    async with following(tmp_path, team) as follower:
        await reached(follower, team.newest)
    there = [position for position in positions(tmp_path) if position is not None]
    assert sorted(there) == list(range(1, team.newest + 1))


async def test_an_unforeseen_error_does_not_end_it(tmp_path: Path) -> None:
    """Whatever a row holds, the follower lives, says why, and goes on where it was."""
    team = MemoryLog()
    team.add(a_team_capture(1), a_team_capture(2, answer="many"))
    async with following(tmp_path, team) as follower:
        await until(lambda: follower.state.word == "silent", "the error")
        assert "IntegrityError" in str(follower.state.reason)
        team.captures[2] = a_team_capture(2)
        await reached(follower, 2)
    assert positions(tmp_path) == [1, 2]


async def test_what_cannot_be_stored_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pauses grow until something is stored, also where the log answers."""
    team = MemoryLog()
    team.add(a_team_capture(1, answer="many"))
    used: list[int] = []

    class Pauses:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, at: int) -> float:
            used.append(at)
            return 0.001

    monkeypatch.setattr(module, "PAUSES_S", Pauses())
    async with following(tmp_path, team) as follower:
        await until(lambda: len(used) >= 4, "four failures")
        assert used[:4] == [0, 1, 2, 2]
        assert follower.state.word == "silent"
        team.captures[1] = a_team_capture(1)
        await reached(follower, 1)
        assert follower.state.word == "following"
    assert caplog.text.count("is not followed") == caplog.text.count("is followed again") == 1


async def test_what_is_published_during_the_first_look_is_followed(tmp_path: Path) -> None:
    """The history did not go back where the start is later than the first look at the log."""

    class Busy(MemoryLog):
        async def position_before(self, at: datetime) -> int:
            self.add(a_team_capture(self.newest + 1))
            return await super().position_before(at)

    team = Busy()
    async with following(tmp_path, team, start=timedelta(0)) as follower:
        await reached(follower, 1)
        assert follower.state.word == "following"
    assert positions(tmp_path) == [1]
