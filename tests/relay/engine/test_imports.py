"""Imports in slices: one commit at the end takes all of them to the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.config import Settings
from relay.control.messages import ImportRequest
from relay.engine import engine
from tests.relay.store.write.test_imports import an_import


async def test_the_last_commit_takes_all_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It alone is synced, and has a page to write also where the last slice was known before."""
    settings, wal = Settings(db=tmp_path / "relay.db"), tmp_path / "relay.db-wal"
    async with engine.running(settings, receive=False) as running:
        known = [an_import(number) for number in range(5)]
        await running.request(ImportRequest(captures=known))
        write = running._writer.write
        commits: list[tuple[bool, bool]] = []

        async def noted(work: Any, *, synced: bool = True, **more: Any) -> Any:
            before = wal.read_bytes()
            result = await write(work, synced=synced, **more)
            commits.append((synced, wal.read_bytes() != before))
            return result

        monkeypatch.setattr(running._writer, "write", noted)
        result = await running.request(ImportRequest(captures=[an_import(5), an_import(6), *known]))
        assert (result.added, result.known, result.ids) == (2, 5, [6, 7, 1, 2, 3, 4, 5])
    assert commits == [(False, True), (False, False), (True, True)]
