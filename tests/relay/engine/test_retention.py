"""What `keep` removes by itself, and what it must not before its user has agreed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from relay.config import ProjectFile, Settings, trusted
from relay.config.trusted import OuterSetting
from relay.control.messages import StarRequest
from relay.engine import access, engine
from relay.models import Capture
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.receiving import (
    rows,
)
from tests.support.waiting import until

KEEP = timedelta(days=30)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a database with 20 old captures, one of them starred, and a new one."""
    db = tmp_path / "relay.db"
    connection = new_log(db)
    insert_all(connection, old(range(1, 21)))
    insert_all(connection, [a_capture(id=1000, received_at=datetime.now(UTC))])
    connection.execute("INSERT INTO notes (capture_id, starred) VALUES (3, 1)")
    connection.close()
    return Settings(db=db, port=0, keep=KEEP, sources=MappingProxyType({"keep": "LEAN_RELAY_KEEP"}))


def old(ids: range) -> Iterator[Capture]:
    for number in ids:
        yield a_capture(id=number, received_at=datetime.now(UTC) - timedelta(days=90))


def of_project(settings: Settings) -> Settings:
    """The same `keep` from a project file, which is trusted."""
    file = settings.db.with_name("lean-relay.toml")
    trusted.trust(ProjectFile(path=file, outer=(OuterSetting(name="keep", value="30d"),)))
    return replace(settings, keep_file=file)


def count(settings: Settings) -> int:
    return int(rows(settings.db, "SELECT count(*) FROM captures")[0][0])


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "relay.retention"]


async def test_a_project_file_removes_nothing_before_the_user_agrees(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The engine says how many are older and which command removes them; once agreed to, they go."""
    settings = of_project(settings)
    with caplog.at_level(logging.INFO):
        async with engine.running(settings, receive=True):
            await until(lambda: bool(said(caplog)), "the line")
        ((level, line),) = said(caplog)
        assert level == "WARNING"
        assert line.startswith(f"19 captures older than 30d (keep of {settings.keep_file}) stay until")
        assert "`lean-relay prune until:30d`" in line
        assert count(settings) == 21
        caplog.clear()
        assert settings.keep_file is not None
        trusted.agree_to_removal(settings.keep_file, settings.db, KEEP)
        async with engine.running(settings, receive=True):
            await until(lambda: count(settings) == 2, "old captures to go")


async def test_an_engine_that_serves_a_command_neither_removes_nor_speaks(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """`star` in a cloned repository removes nothing either."""
    settings = of_project(settings)
    with caplog.at_level(logging.INFO):
        await access.request(settings, StarRequest(ids=[1], starred=True))
        async with engine.running(settings, receive=False) as running:
            await running.request(StarRequest(ids=[2], starred=True))
    assert said(caplog) == []
    assert count(settings) == 21


@pytest.mark.slow
async def test_the_first_removal_is_a_warning_with_its_number(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """From a variable or the user's own file `keep` holds at once; the first removal by it, or by a shorter
    one, is told where a screen shows it, and that outlives the engine."""
    with caplog.at_level(logging.INFO):
        for ids, keep, level in (
            (None, KEEP, "WARNING"),
            (range(100, 101), KEEP, "INFO"),
            (range(200, 203), timedelta(days=20), "WARNING"),
            (range(300, 302), KEEP, "INFO"),
        ):
            if ids is not None:
                connection = new_log(settings.db)
                insert_all(connection, old(ids))
                connection.close()
            gone = 19 if ids is None else len(ids)
            many = "1 capture" if gone == 1 else f"{gone} captures"
            caplog.clear()
            async with engine.running(replace(settings, keep=keep), receive=True):
                await until(lambda: bool(said(caplog)), "the removal")
            line = f"removed {many} older than {keep.days}d (LEAN_RELAY_KEEP)"
            assert said(caplog) == [(level, line)]
