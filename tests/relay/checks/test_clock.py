"""The clock."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.checks import clock
from tests.support.loaded_settings import settings


def test_a_clock_that_is_behind(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock before this version, or before the newest capture, cannot be right."""

    class Clock(datetime):
        at = datetime(2026, 12, 1, tzinfo=UTC)

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return cls.at

    monkeypatch.setattr(clock, "datetime", Clock)
    assert [f.level for f in clock.clock(settings())] == ["ok"]
    connection = sqlite3.connect(db)
    later = Clock.at + timedelta(hours=1)
    connection.execute(
        "INSERT INTO captures (received_at, method, target, http_version, client, body_sha256, headers, body)"
        " VALUES (?, 'POST', '/', '1.1', '127.0.0.1:1', '', '[]', x'')",
        (int(later.timestamp()) * 1_000_000,),
    )
    connection.commit()
    connection.close()
    assert [f.level for f in clock.clock(settings())] == ["warning"]
    Clock.at = datetime(1970, 1, 1, tzinfo=UTC)
    assert [f.level for f in clock.clock(settings())] == ["fault"]
