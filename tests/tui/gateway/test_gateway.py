"""The database as the screen reads it: replaced, closed in the middle of a read, and with newer settings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from relay.config import SecretSource, Settings
from relay.errors import RelayError
from relay.models import Capture
from relay.store.read.reader import Reader
from tests.support.factories import a_capture, insert_all, new_log
from tui.gateway import Gateway, capture_details


def a_database(path: Path, captures: Iterable[Capture]) -> Path:
    log = new_log(path)
    insert_all(log, captures)
    log.close()
    return path


def put_in_place(path: Path, db: Path) -> None:
    """Replace the database of a reader by another file."""
    for name in (f"{db.name}-wal", f"{db.name}-shm"):
        db.with_name(name).unlink(missing_ok=True)
    path.replace(db)


async def test_a_new_file_that_cannot_be_read_yet(tmp_path: Path) -> None:
    """While an engine makes a new database, the captures of the old one stay, and the reason is said."""
    db = a_database(tmp_path / "relay.db", [a_capture(1)])
    with Gateway(Settings(db=db)) as gateway:
        (tmp_path / "empty.db").touch()
        put_in_place(tmp_path / "empty.db", db)
        for _ in range(2):
            assert not gateway.reopened()
            said = gateway.missing() or ""
            assert "The database was replaced; the captures shown are from before" in said
            assert "is still empty" in said
        assert gateway.span().last == 1
        assert await gateway.detail(1) is not None
        put_in_place(a_database(tmp_path / "new.db", map(a_capture, (1, 2))), db)
        assert gateway.reopened()
        assert (gateway.missing(), gateway.span().last) == (None, 2)
        assert await gateway.detail(2) is not None


async def test_a_read_that_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that runs while the database is closed ends with an error that its caller knows."""
    reading = Event()

    def endless(reader: Reader, settings: Settings, number: int) -> Any:
        begun = reader.add_function(0, reading.set)
        reader.rows(
            f"WITH RECURSIVE n(i) AS (SELECT {begun}() UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
        )

    monkeypatch.setattr(capture_details, "detail", endless)
    with Gateway(Settings(db=a_database(tmp_path / "relay.db", [a_capture(1)]))) as gateway:
        detail = asyncio.ensure_future(gateway.detail(1))
        await asyncio.to_thread(reading.wait, 30)
        gateway.close()
        with pytest.raises(RelayError) as raised:
            await detail
    assert raised.value.word == "stopped"


async def test_a_secret_that_was_set_since_the_start(tmp_path: Path) -> None:
    """The edit form names the secret that signs now."""
    with Gateway(Settings(db=a_database(tmp_path / "relay.db", [a_capture(1)]))) as gateway:
        assert (await gateway.replays.form(1)).secret is None
        source = SecretSource(name="sandbox", file=tmp_path / "secret", where="test")
        gateway.settings = replace(gateway.settings, secrets=(source,))
        assert (await gateway.replays.form(1)).secret == "sandbox"
