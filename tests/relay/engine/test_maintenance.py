"""Changes to many captures: in slices, so that those that arrive meanwhile do not wait for all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.config import Route, Settings
from relay.control.messages import ChangeResult, ForwardRequest, NoteRequest, PauseRequest, StarRequest
from relay.engine import engine, maintenance
from relay.errors import RelayError
from relay.store.errors import StoreUnavailable
from relay.store.write import changes
from tests.relay.store.write.test_client import a_row, a_writer

IDS = [1, 2, 3, 4, 5, 99]


@pytest.mark.parametrize("request_", [StarRequest(IDS, True), NoteRequest(IDS, "look")])
async def test_many_captures_are_changed_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: StarRequest | NoteRequest
) -> None:
    """Each transaction changes a few of them; where the store fails on the way, that is said."""
    monkeypatch.setattr(changes, "CHANGED_AT_ONCE", 2)
    async with a_writer(tmp_path / "relay.db") as writer:
        for _ in range(5):
            await writer.add(a_row())
        write = writer.write
        slices: list[list[int]] = []

        async def noted(work: Any, **more: Any) -> Any:
            slices.append(work.keywords["ids"])
            if len(slices) == 5:
                raise StoreUnavailable("store-full", "no room")
            return await write(work, **more)

        monkeypatch.setattr(writer, "write", noted)
        handler = maintenance.handlers(writer)[type(request_)]
        assert await handler(request_) == ChangeResult(5)
        assert slices == [[1, 2], [3, 4], [5, 99]]
        with pytest.raises(RelayError, match="not all was changed: no room") as trouble:
            await handler(request_)
        assert trouble.value.word == "store-full"


async def test_many_captures_are_queued_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are changed, so are they forwarded."""
    monkeypatch.setattr(changes, "CHANGED_AT_ONCE", 2)
    target = Route(to="http://127.0.0.1:1", where="--forward-to")
    settings = Settings(db=tmp_path / "relay.db", port=0, forward=(target,))
    async with engine.running(settings, receive=True) as running:
        await running.request(PauseRequest())
        for _ in range(3):
            await running._writer.add(a_row())
        write = running._writer.write
        slices: list[list[int]] = []

        async def noted(work: Any, **more: Any) -> Any:
            slices.append(work.keywords["ids"])
            return await write(work, **more)

        monkeypatch.setattr(running._writer, "write", noted)
        result = await running.request(ForwardRequest([1, 2, 3]))
        monkeypatch.undo()
        assert (result.queued, result.released) == (3, 0)
        assert slices == [[1, 2], [3]]
