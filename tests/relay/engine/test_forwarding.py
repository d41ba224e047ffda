"""What the status says of the targets' queues."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import Route, Settings
from relay.control.messages import StatusRequest
from relay.engine import engine, forwarding
from relay.errors import RelayError
from relay.store.backlog import Backlog

TARGET = "http://localhost:9"


async def test_a_count_is_used_again_where_it_took_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each status counts again, and a count that failed is not kept."""
    took_s: list[float | None] = [0.0, 0.0, None, 3600.0]
    made: list[float | None] = []

    def count(_: Path) -> forwarding.Counted:
        made.append(took_s[len(made)])
        if made[-1] is None:
            raise RelayError("cannot read it", word="unreadable-database")
        return {TARGET: Backlog(waiting=len(made))}, made[-1]

    settings = Settings(db=tmp_path / "relay.db", port=0, forward=(Route(to=":9", where="--forward-to"),))
    async with engine.running(settings, receive=True) as running:
        monkeypatch.setattr(forwarding, "_count", count)
        waiting = [(await running.request(StatusRequest())).targets[0].waiting for _ in range(6)]
    assert waiting == [1, 2, None, 4, 4, 4]
