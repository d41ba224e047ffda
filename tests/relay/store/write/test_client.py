"""The writing process as its engine sees it: groups, repeats, trouble and recovery, on real files."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from relay.store.columns import COLUMNS, Row
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.write import client as writer_module
from relay.store.write import files, lifetime
from relay.store.write.client import Writer
from relay.store.write.groups import ROWS_AT_ONCE
from relay.store.write.recorder import WriteTimeouts
from tests.support.receiving import (
    executed,
    rows,
)
from tests.support.waiting import until


def a_row(
    *,
    body: bytes = b"{}",
    event_id: str | None = None,
    received_at: int = 1_780_000_000_000_000,
    **more: Any,
) -> Row:
    """A capture's values, ordinary but for what is named."""
    known: dict[str, Any] = {
        "received_at": received_at,
        "method": "POST",
        "target": "/",
        "http_version": "1.1",
        "client": "127.0.0.1:50000",
        "answer": 200,
        "origin": "received",
        "event_id": event_id,
        "signature": "missing",
        "body_sha256": "00",
        "headers": "[]",
        "body": body,
        **more,
    }
    values: dict[str, Any] = {name: known.get(name) for name in COLUMNS}
    return Row(**values)


def fails(connection: sqlite3.Connection) -> None:
    """A job that changes something, and then raises."""
    connection.execute("INSERT INTO refusals (at, client, reason, detail) VALUES (1, '', 'x', '')")
    raise ValueError("no")


def nothing(connection: sqlite3.Connection) -> None:
    """A job that changes nothing."""


def page_limit(connection: sqlite3.Connection, *, pages: int) -> int:
    """Bound the database's size; gives the bound that SQLite takes."""
    found: int = connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0]
    return found


@asynccontextmanager
async def a_writer(path: Path, **options: Any) -> AsyncIterator[Writer]:
    files.create_private(path)
    writer = await Writer.open(path, **options)
    try:
        yield writer
    finally:
        await writer.close()


async def test_ids_follow_the_order_of_arrival(tmp_path: Path) -> None:
    """Captures get ascending ids in the order in which they were added, in groups of any size."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        ids = await asyncio.gather(*(writer.add(a_row(body=str(n).encode())) for n in range(500)))
    assert ids == list(range(1, 501))
    assert rows(path, "SELECT id, body FROM captures ORDER BY id") == [
        (n + 1, str(n).encode()) for n in range(500)
    ]


async def test_a_stored_capture_is_seen_by_others_when_its_future_is_done(tmp_path: Path) -> None:
    """The future ends after the COMMIT: another connection sees the row at that moment."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        for number in range(1, 20):
            assert await writer.add(a_row()) == number
            assert rows(path, "SELECT max(id) FROM captures") == [(number,)]


async def test_repeats_point_at_the_first_capture_of_their_event(tmp_path: Path) -> None:
    """A later capture of an event names the first one, within one group and across groups and restarts."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await asyncio.gather(*(writer.add(a_row(event_id=name)) for name in ("a", "b", "a", "a")))
        await writer.add(a_row(event_id="b"))
        await writer.add(a_row(event_id=None))
    async with a_writer(path) as writer:
        await writer.add(a_row(event_id="a"))
    assert rows(path, "SELECT id, repeat_of FROM captures ORDER BY id") == [
        (1, None),
        (2, None),
        (3, 1),
        (4, 1),
        (5, 2),
        (6, None),
        (7, 1),
    ]


@pytest.mark.slow
async def test_ids_are_never_used_twice(tmp_path: Path) -> None:
    """After the newest capture was removed and the store opened again, its id is not given to another."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        await writer.add(a_row())
        assert await writer.write(partial(executed, sql="DELETE FROM captures WHERE id = 2")) == 1
    async with a_writer(path) as writer:
        assert await writer.add(a_row()) == 3


@pytest.mark.slow
async def test_a_failing_job_rolls_back_and_the_next_one_works(tmp_path: Path) -> None:
    """What a job did before it raised is gone, its error reaches the caller, captures go on."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        with pytest.raises(ValueError, match="no"):
            await writer.write(fails)
        assert await writer.add(a_row()) == 1
    assert rows(path, "SELECT count(*) FROM refusals") == [(0,)]


async def test_a_cancelled_waiter_does_not_undo_the_write(tmp_path: Path) -> None:
    """A capture whose waiter leaves is stored all the same."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        writer.add(a_row()).cancel()
        await writer.add(a_row())
    assert rows(path, "SELECT count(*) FROM captures") == [(2,)]


async def test_after_close_nothing_is_taken(tmp_path: Path) -> None:
    """close may be called twice; then adding and writing raise StoreClosed, and no -wal is left."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        await writer.close()
        await writer.close()
        with pytest.raises(StoreClosed):
            writer.add(a_row())
        with pytest.raises(StoreClosed):
            await writer.write(nothing)
    assert [file.name for file in tmp_path.iterdir()] == ["relay.db"]


async def test_what_waits_at_close_is_stored(tmp_path: Path) -> None:
    """close drains: captures added just before it are on disk after it."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        futures = [writer.add(a_row()) for _ in range(200)]
        await writer.close()
        assert [await future for future in futures] == list(range(1, 201))
    assert rows(path, "SELECT count(*) FROM captures") == [(200,)]


@pytest.mark.slow
async def test_a_full_disk_refuses_and_heals_by_itself(tmp_path: Path) -> None:
    """With no page left adding fails as store-full, at once the second time; with room it works again."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        full = await writer.outside_transaction(partial(page_limit, pages=1))
        with pytest.raises(StoreUnavailable) as first:
            for _ in range(100):
                await writer.add(a_row(body=b"x" * 8192))
        assert first.value.reason == "store-full"
        assert writer.trouble is not None
        assert writer.trouble.reason == "store-full"
        with pytest.raises(StoreUnavailable):
            writer.add(a_row(body=b"x" * 8192))
        await writer.outside_transaction(partial(page_limit, pages=full + 10_000))
        await until(lambda: writer.trouble is None, "the store to heal", within_s=5)
        stored = await writer.add(a_row(body=b"x" * 8192))
    assert rows(path, "SELECT max(id), count(*) FROM captures") == [(stored, stored)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_a_short_lock_is_waited_out(tmp_path: Path) -> None:
    """Another program's transaction of half a second delays a capture and does not refuse it."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = writer.add(a_row())
        asyncio.get_running_loop().call_later(0.5, other.execute, "COMMIT")
        assert await waiting == 2
        other.close()


@pytest.mark.slow
async def test_a_long_lock_refuses_within_five_seconds_and_heals(tmp_path: Path) -> None:
    """A transaction that stays open gives store-locked in time, and storing goes on when it ends."""
    path = tmp_path / "relay.db"
    async with a_writer(path, timeouts=WriteTimeouts(locked_s=1.0)) as writer:
        await writer.add(a_row())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        started = monotonic()
        with pytest.raises(StoreUnavailable) as trouble:
            await writer.add(a_row())
        assert trouble.value.reason == "store-locked"
        if sys.platform == "linux":  # Which tells who has what locked.
            assert f"(pid {os.getpid()}, " in trouble.value.detail
        assert monotonic() - started < 5
        with pytest.raises(StoreUnavailable):
            writer.add(a_row())
        other.execute("COMMIT")
        other.close()
        await until(lambda: writer.trouble is None, "the lock to be gone")
        assert await writer.add(a_row()) == 2


async def test_what_took_its_place_is_left_alone(tmp_path: Path) -> None:
    """Another log at the path gets nothing of ours, and keeps its -wal when our process ends."""
    path, away = tmp_path / "relay.db", tmp_path / "away"
    away.mkdir()
    async with a_writer(path) as writer:
        await writer.add(a_row())
        for each in tmp_path.glob("relay.db*"):
            each.rename(away / each.name)
        async with a_writer(path) as other:
            await other.add(a_row(body=b"another's"))
            with pytest.raises(StoreUnavailable) as trouble:
                await writer.add(a_row())
            assert trouble.value.reason == "store-gone"
            # Before the other was there, a look of its own may have found none.
            await until(
                lambda: writer.trouble and f"{path} was replaced by another file" in writer.trouble.detail,
                "what is at the path to be found",
            )
            wal = path.with_name("relay.db-wal").read_bytes()
            assert wal
            await writer.close()
            assert path.with_name("relay.db-wal").read_bytes() == wal
            assert await other.add(a_row()) == 2
    assert rows(path, "SELECT body FROM captures") == [(b"another's",), (b"{}",)]
    assert rows(away / "relay.db", "SELECT id, body FROM captures") == [(1, b"{}")]


@pytest.mark.slow
async def test_a_commit_that_comes_too_late_confesses(tmp_path: Path) -> None:
    """A capture given up on while the disk stalled is answered 503; stored after all, its row says so."""
    path = tmp_path / "relay.db"
    async with a_writer(path, timeouts=WriteTimeouts(answer_s=0.3)) as writer:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = writer.add(a_row())
        await until(lambda: writer.give_up_late() == 1, "it to be given up")
        with pytest.raises(StoreUnavailable) as trouble:
            await waiting
        assert trouble.value.reason == "store-slow"
        other.execute("COMMIT")
        other.close()
        await until(lambda: writer.trouble is None, "the store to heal")
        await writer.write(nothing)
    assert rows(path, "SELECT answer, answer_reason FROM captures") == [(503, "stored too late")]


@pytest.mark.parametrize("is_given_up", [True, False])
async def test_what_is_refused_at_the_end_says_so(tmp_path: Path, is_given_up: bool) -> None:
    """The end of the engine refuses what waits for the disk, and closes the store, which then commits it."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        stored = writer.add(a_row())
        if is_given_up:
            writer._timeouts = WriteTimeouts(answer_s=-1.0)
            writer.give_up_late()
            assert isinstance(stored.exception(), StoreUnavailable)
        else:
            stored.cancel()
        closing = asyncio.ensure_future(writer.close())
        await asyncio.sleep(0)
        other.close()
        await closing
    assert rows(path, "SELECT answer, answer_reason FROM captures") == [(503, "stored too late")]


async def test_committed_is_told_after_each_group(tmp_path: Path) -> None:
    """The callback hears of each group, and so of each capture once."""
    heard: list[tuple[int, int]] = []
    async with a_writer(tmp_path / "relay.db", committed=lambda *group: heard.append(group)) as writer:
        await asyncio.gather(*(writer.add(a_row()) for _ in range(300)))
    assert [number for first, count in heard for number in range(first, first + count)] == [*range(1, 301)]
    assert max(count for _, count in heard) <= ROWS_AT_ONCE


@pytest.mark.slow
async def test_the_log_stays_small_under_load(tmp_path: Path) -> None:
    """Eager checkpoints restart the write-ahead log: it stays far below what was written."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        for _ in range(40):
            await asyncio.gather(*(writer.add(a_row(body=b"x" * 20_000)) for _ in range(50)))
        assert writer.wal_bytes < 24 * 1024 * 1024
    assert path.stat().st_size > 30 * 1024 * 1024


async def test_trouble_is_raised_anew_each_time(tmp_path: Path) -> None:
    """Refusals share no exception: one raised again and again would keep each refused body alive."""
    async with a_writer(tmp_path / "relay.db") as writer:
        writer._its_trouble = StoreUnavailable("store-full", "no room")
        raised = []
        for _ in range(2):
            with pytest.raises(StoreUnavailable) as caught:
                await writer.add(a_row())
            raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert [error.reason for error in raised] == ["store-full", "store-full"]


async def test_a_process_that_dies_is_replaced_and_no_200_was_wrong(tmp_path: Path) -> None:
    """What waits when the writing process is killed is refused, not lost in silence; then storing goes on."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        assert await writer.add(a_row()) == 1
        first = writer.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)  # So that the capture is surely on its way when it dies.
        waiting = writer.add(a_row())
        job = asyncio.ensure_future(writer.write(nothing))
        await asyncio.sleep(0)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(StoreUnavailable, match="the process that writes the database ended"):
            await waiting
        with pytest.raises(StoreUnavailable):
            await job
        with pytest.raises(StoreUnavailable):
            writer.add(a_row())
        await until(lambda: writer.trouble is None, "another process")
        assert writer.pid != first
        stored = await writer.add(a_row())
    assert rows(path, "SELECT id, answer FROM captures WHERE answer = 200") == [(1, 200), (stored, 200)]


async def test_what_was_committed_and_not_told_says_so(tmp_path: Path) -> None:
    """A row whose process died before it could tell was answered 503, and its row says that."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        writer._newest_id = 0  # As if the word of the commit had been lost with the process.
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        await until(lambda: writer.trouble is not None, "the end to be noticed")
        await until(lambda: writer.trouble is None, "another process")
    assert rows(path, "SELECT answer, answer_reason FROM captures") == [(503, "stored too late")]


async def test_the_process_ends_when_its_engine_is_gone(tmp_path: Path) -> None:
    """Nobody is left behind: the end of the socket ends the writing process, and the log stays whole."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        assert writer._process is not None
        assert writer._channel is not None
        writer._closed = True
        writer._channel._transport.abort()
        assert await asyncio.to_thread(writer._process.wait, 10) == 0
    assert rows(path, "SELECT count(*) FROM captures") == [(1,)]


async def test_it_knows_no_secret_of_lean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writing process is started without the variables that may hold secrets."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", "not for it")
    async with a_writer(tmp_path / "relay.db") as writer:
        assert b"not for it" not in Path(f"/proc/{writer.pid}/environ").read_bytes()


async def test_large_bodies_cross_whole(tmp_path: Path) -> None:
    """Bodies of many sizes, one larger than any buffer on the way, arrive byte for byte and in order."""
    path = tmp_path / "relay.db"
    bodies = [os.urandom(size) for size in (0, 1, 300_000, 5_000_000, 10)]
    async with a_writer(path) as writer:
        await asyncio.gather(*(writer.add(a_row(body=body)) for body in bodies))
    assert [body for (body,) in rows(path, "SELECT body FROM captures ORDER BY id")] == bodies


async def test_a_process_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system starts none just now, the store stays in trouble, and heals when it does."""
    monkeypatch.setattr(writer_module, "PROBE_EVERY_S", 0.05)
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        refused: list[socket.socket] = []

        def refuses_twice(db: Path, channel: socket.socket, lock: int | None) -> subprocess.Popen[bytes]:
            if len(refused) < 2:
                refused.append(channel)
                raise BlockingIOError("no more processes")
            return lifetime.spawn(db, channel, lock)

        monkeypatch.setattr(writer_module, "spawn", refuses_twice)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        await until(lambda: len(refused) == 2, "two refusals")
        await until(lambda: writer.trouble is None, "another process")
        assert await writer.add(a_row()) == 2


async def test_a_probe_is_not_put_off_by_requests(tmp_path: Path) -> None:
    """The store heals although something asks it for more all the time, as screens and deliveries do."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        path.with_name("relay.db-wal").unlink()
        with pytest.raises(StoreUnavailable):
            await writer.add(a_row())

        async def ask_until_well() -> None:
            while writer.trouble is not None:
                with suppress(StoreUnavailable):
                    await writer.outside_transaction(nothing)
                await asyncio.sleep(0.05)

        await asyncio.wait_for(ask_until_well(), 20)
        assert await writer.add(a_row()) == 3
    assert rows(path, "SELECT id, answer FROM captures") == [(1, 200), (2, 503), (3, 200)]


async def test_a_process_that_finds_no_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It shows no traceback; with the file put back storing goes on."""
    monkeypatch.setattr(writer_module, "PROBE_EVERY_S", 0.05)
    path, away = tmp_path / "relay.db", tmp_path / "away"
    async with a_writer(path) as writer:
        await writer.add(a_row())
        path.rename(away)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        said = f"{path} was moved or deleted"
        await until(lambda: writer.trouble is not None and said in writer.trouble.detail, "the reason")
        away.rename(path)
        await until(lambda: writer.trouble is None, "another process")
        assert await writer.add(a_row()) == 2
    assert capfd.readouterr().err == ""


async def test_an_error_that_nobody_awaits_is_not_reported(tmp_path: Path) -> None:
    """A waiter that leaves takes the error of its job with it."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    async with a_writer(tmp_path / "relay.db") as writer:
        waiting = asyncio.ensure_future(writer.write(fails, within_s=10))
        await asyncio.sleep(0)
        waiting.cancel()
        await writer.write(nothing)
    del waiting  # It holds the future that nobody awaits.
    gc.collect()
    assert reported == []
