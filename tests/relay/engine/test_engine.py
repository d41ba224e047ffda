"""The engine: what it owns, what it does when asked, and one engine to a database."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import ANY

import pytest
from aiohttp import http_parser

from relay.config import Settings
from relay.control import client
from relay.control.exchange import EngineRequest
from relay.control.lock import Holder, holder, lock_path
from relay.control.messages import (
    ChangeResult,
    NoteRequest,
    PruneRequest,
    PruneResult,
    ReloadRequest,
    StarRequest,
    StatusRequest,
    StopRequest,
    StopResult,
)
from relay.engine import access, engine
from relay.errors import RelayError, Unreachable
from tests.support.receiving import (
    a_post,
    executed,
    read_answer,
    rows,
)
from tests.support.waiting import until


def settings_for(folder: Path, **changes: Any) -> Settings:
    return replace(Settings(db=folder / "data" / "relay.db", port=0), **changes)


async def post(url: str | None, data: bytes) -> bytes:
    assert url is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        writer.write(data)
        return await read_answer(reader)
    finally:
        writer.close()


async def test_an_engine_receives_and_says_where(tmp_path: Path) -> None:
    """While it runs, the lock names its pid and URL; after it, the database is free and no -wal is left."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        found = holder(settings.db)
        assert found is not None
        assert (found.pid, found.url) == (os.getpid(), running.url)
        assert b" 200 " in await post(running.url, a_post())
        status = await client.request(settings.db, StatusRequest())
        assert status.engine.captures == 1
        assert status.store.state == "ok"
    assert holder(settings.db) is None
    assert sorted(file.name for file in settings.db.parent.iterdir()) == ["relay.db", "relay.db.lock"]
    assert rows(settings.db, "SELECT count(*) FROM captures") == [(1,)]


async def test_a_second_engine_is_refused(tmp_path: Path) -> None:
    """The database has one engine; the second hears who the first is and touches nothing."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as first:
        with pytest.raises(RelayError, match=f"pid {os.getpid()}, listening on {first.url}") as refused:
            async with engine.running(settings, receive=True):
                pytest.fail("two engines on one database")
        assert refused.value.word == "engine-running"
        assert b" 200 " in await post(first.url, a_post())


async def test_a_taken_port_is_said_and_leaves_no_lock(tmp_path: Path) -> None:
    """port-taken names the port; the database is free again afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        settings = settings_for(tmp_path, port=port)
        with pytest.raises(RelayError, match=str(port)) as refused:
            async with engine.running(settings, receive=True):
                pytest.fail("the port was taken")
        assert refused.value.word == "port-taken"
    assert holder(settings.db) is None


@pytest.mark.slow
async def test_a_command_becomes_the_engine_where_none_runs(tmp_path: Path) -> None:
    """The same action works through the socket of a running engine and without one."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        for _ in range(3):
            await post(running.url, a_post())
        assert await access.request(settings, StarRequest(ids=[1, 2, 99], starred=True)) == ChangeResult(2)
    assert await access.request(settings, StarRequest(ids=[2], starred=False)) == ChangeResult(1)
    assert await access.request(settings, NoteRequest(ids=[3], text="look")) == ChangeResult(1)
    assert rows(settings.db, "SELECT capture_id, starred, text FROM notes ORDER BY 1") == [
        (1, 1, None),
        (3, 0, "look"),
    ]
    assert holder(settings.db) is None


async def test_an_engine_is_asked_to_stop(tmp_path: Path) -> None:
    """The asker gets an answer first; then whoever holds the engine is told to leave it."""
    settings = settings_for(tmp_path)
    asked = asyncio.Event()
    async with engine.running(settings, receive=True, stop=asked.set):
        answer = await client.request(settings.db, StopRequest())
        assert answer == StopResult(os.getpid())
        assert asked.is_set()
    with pytest.raises(Unreachable) as none:
        await client.request(settings.db, StopRequest())
    assert none.value.word == "no-engine"


async def test_a_command_s_own_engine_is_not_stopped_unless_that_is_meant(tmp_path: Path) -> None:
    """`engine-busy` without `yes`; with it the command ends in order, in its own words."""
    settings = settings_for(tmp_path)
    begun, left = asyncio.Event(), asyncio.Event()

    async def command() -> None:
        async with access.connect(settings) as send:
            await send(StarRequest(ids=[1], starred=True))
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                left.set()

    task = asyncio.ensure_future(command())
    await begun.wait()
    with pytest.raises(RelayError) as busy:
        await client.request(settings.db, StopRequest())
    assert busy.value.word == "engine-busy"
    assert not left.is_set()
    assert await client.request(settings.db, StopRequest(yes=True)) == StopResult(os.getpid())
    with pytest.raises(RelayError) as stopped:
        await task
    assert stopped.value.word == "stopped"
    assert left.is_set()
    assert holder(settings.db) is None


async def test_an_engine_is_found_by_any_name_and_from_any_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to the database leads to its one engine, and so does a shell with other folders for sockets."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as first:
        alias = tmp_path / "alias.db"
        alias.symlink_to(settings.db)
        with pytest.raises(RelayError, match=f"listening on {first.url}") as refused:
            async with engine.running(replace(settings, db=alias), receive=True):
                pytest.fail("two engines on one database")
        assert refused.value.word == "engine-running"
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        for name in (settings.db, alias):
            assert (await client.request(name, StatusRequest())).engine.url == first.url


async def test_a_silent_engine_is_unreachable(tmp_path: Path) -> None:
    """Where somebody holds the lock and nobody answers, the command says so."""
    with pytest.raises(Unreachable) as silent:
        await client.request_at(tmp_path / "none.sock", StatusRequest())
    assert silent.value.word == "engine-silent"


async def test_a_socket_left_behind_is_cleared(tmp_path: Path) -> None:
    """A socket file of an engine that was killed does not keep the next one from starting."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=False):
        found = holder(settings.db)
    assert found is not None
    assert found.socket is not None
    path = Path(found.socket)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with engine.running(settings, receive=False):
        assert holder(settings.db) == replace(found, started_at=ANY)
        assert (await client.request_at(path, StatusRequest())).engine.pid == os.getpid()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["socket", "folder"])
async def test_a_socket_that_was_cleaned_away_is_made_anew(tmp_path: Path, gone: str) -> None:
    """As systemd-tmpfiles or a logout does it: commands find the engine again, and wait until they do."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=False):
        found = holder(settings.db)
        assert found is not None
        assert found.socket is not None
        path = Path(found.socket)
        path.unlink()
        if gone == "folder":
            path.parent.rmdir()
        assert (await client.request(settings.db, StatusRequest())).engine.pid == os.getpid()
        if gone == "folder":
            path.unlink()
            path.parent.rmdir()
            path.parent.write_text("another program's")  # The first place is taken by now.
            assert (await client.request(settings.db, StatusRequest())).engine.pid == os.getpid()


async def test_a_lock_that_was_removed_is_taken_again(tmp_path: Path) -> None:
    """As `rm *.lock` does it: the engine is found again, and no second one starts."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as first:
        lock_path(settings.db).unlink()
        await until(lambda: getattr(holder(settings.db), "url", None) == first.url, "the lock to be back")
        with pytest.raises(RelayError) as refused:
            async with engine.running(settings, receive=True):
                pytest.fail("two engines on one database")
        assert refused.value.word == "engine-running"
    assert holder(settings.db) is None


async def test_a_socket_that_cannot_be_made_anew_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that comes back late, or a full disk: commands find the engine once there is room."""
    monkeypatch.setattr("relay.engine.reachability.LOOK_EVERY_S", 0.05)
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=False) as running:
        control = running._control
        assert control is not None
        place, refused = control._place, list[Path]()

        def placed() -> Path:
            if len(refused) < 3:
                refused.append(control.path)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return place()

        monkeypatch.setattr(control, "_place", placed)
        control.path.unlink()
        await until(lambda: control.path.exists(), "the socket")
        assert len(refused) == 3
        assert (await client.request(settings.db, StatusRequest())).engine.pid == os.getpid()


async def test_a_full_disk_does_not_end_an_engine_that_describes_itself_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes into the new lock file once there is room."""
    monkeypatch.setattr("relay.engine.reachability.LOOK_EVERY_S", 0.05)
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        describe, refused = running._lock.describe, list[Holder]()

        def described(holder: Holder) -> None:
            if not refused:
                refused.append(holder)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            describe(holder)

        monkeypatch.setattr(running._lock, "describe", described)
        lock_path(settings.db).unlink()
        await until(lambda: getattr(holder(settings.db), "url", None) == running.url, "its description")
        assert len(refused) == 1


class Explode(EngineRequest[StopResult], frozen=True, tag="explode"):
    """What no engine knows."""


async def test_unknown_actions_and_wrong_settings_are_errors_of_the_asker(tmp_path: Path) -> None:
    """An action the engine does not know is a usage error, and the engine goes on."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        with pytest.raises(RelayError, match="no action 'explode'") as unknown:
            await client.request(settings.db, Explode())
        assert unknown.value.exit_code == 2
        assert b" 200 " in await post(running.url, a_post())


async def test_everything_is_private_under_any_umask(tmp_path: Path) -> None:
    """Database, its side files and the lock are 0600 in a 0700 folder from their first byte."""
    settings = settings_for(tmp_path)
    before = os.umask(0)
    try:
        async with engine.running(settings, receive=True) as running:
            await post(running.url, a_post())
            assert settings.db.parent.stat().st_mode & 0o777 == 0o700
            modes = {file.name: file.stat().st_mode & 0o777 for file in settings.db.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("relay.db", "relay.db-wal", "relay.db-shm", "relay.db.lock"), 0o600)


async def test_pruned_captures_leave_no_bytes_behind(tmp_path: Path) -> None:
    """After a prune what was removed is in none of the files; starred captures stay."""
    settings = settings_for(tmp_path)
    canary = b"AE070331234567890123456"
    async with engine.running(settings, receive=True) as running:
        for _ in range(30):
            await post(running.url, a_post(canary * 300, headers=[("X-Iban", canary.decode())]))
        await post(running.url, a_post(b"keep me"))
        await access.request(settings, NoteRequest(ids=[1], text=canary.decode()))
        await access.request(settings, StarRequest(ids=[31], starred=True))
        result = await access.request(settings, PruneRequest(ranges=[(1, 31)], starred_too=False))
        assert result == PruneResult(removed=30, emptied=True)
        held = b"".join(file.read_bytes() for file in settings.db.parent.iterdir())
    assert canary not in held
    assert rows(settings.db, "SELECT id FROM captures") == [(31,)]
    assert rows(settings.db, "SELECT count(*) FROM notes") == [(1,)]


async def test_a_prune_outlasts_a_short_read(tmp_path: Path) -> None:
    """While a reader holds the WAL it is emptied again until that one has ended; one that stays is told."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        for _ in range(2):
            await post(running.url, a_post())
        with closing(sqlite3.connect(settings.db, isolation_level=None, check_same_thread=False)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM captures").fetchone()
            asyncio.get_running_loop().call_later(0.3, reader.execute, "ROLLBACK")
            first = await access.request(settings, PruneRequest(ranges=[(1, 1)], starred_too=False))
            assert first == PruneResult(removed=1, emptied=True)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM captures").fetchone()
            second = await access.request(settings, PruneRequest(ranges=[(2, 2)], starred_too=False))
            assert second == PruneResult(removed=1, emptied=False)


@pytest.mark.slow
async def test_keep_removes_old_captures(tmp_path: Path) -> None:
    """With `keep`, what is older goes when the engine starts; newer and starred captures stay."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        for _ in range(4):
            await post(running.url, a_post())
        await access.request(settings, StarRequest(ids=[1], starred=True))
        await running._writer.write(
            partial(executed, sql="UPDATE captures SET received_at = 1000 WHERE id < 4")
        )
    async with engine.running(replace(settings, keep=timedelta(days=30)), receive=False):
        await until(
            lambda: rows(settings.db, "SELECT id FROM captures") == [(1,), (4,)], "old captures to go"
        )


async def test_refusals_reach_the_log(tmp_path: Path) -> None:
    """A refused request is a row within moments, alike ones joined."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        for _ in range(5):
            assert b" 403 " in await post(running.url, a_post(headers=[("Origin", "https://x.example")]))
        await until(lambda: bool(rows(settings.db, "SELECT 1 FROM refusals")), "the refusals")
    found = rows(settings.db, "SELECT client, reason, sum(count) FROM refusals")
    assert found == [("127.0.0.1", "cross-site", 5)]


async def test_reload_takes_new_settings_or_keeps_the_old(tmp_path: Path) -> None:
    """Secrets and answers change without a restart; a wrong setting changes nothing and says why."""
    settings = settings_for(tmp_path)
    fresh: list[Settings | Exception] = [
        replace(settings, respond=500, port=1),
        RelayError("port: no number"),
    ]

    def reread() -> Settings:
        following = fresh.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    async with engine.running(settings, receive=True, reread=reread) as running:
        result = await client.request(settings.db, ReloadRequest())
        assert result.after_restart == ["port"]
        assert b" 500 " in await post(running.url, a_post())
        with pytest.raises(RelayError, match="port: no number"):
            await client.request(settings.db, ReloadRequest())
        assert b" 500 " in await post(running.url, a_post())


@pytest.mark.slow
async def test_a_corrupt_database_is_moved_aside(tmp_path: Path) -> None:
    """A damaged file of ours is kept under another name, and a new one takes captures."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        for _ in range(50):
            await post(running.url, a_post(b"x" * 3000))
    with settings.db.open("r+b") as file:
        file.write(b"\xff" * 8192)
    async with engine.running(settings, receive=True) as running:
        assert [*tmp_path.rglob("*.corrupt-*")]
        assert b" 200 " in await post(running.url, a_post())
    assert rows(settings.db, "SELECT count(*) FROM captures") == [(1,)]


@pytest.mark.slow
async def test_a_stranger_s_file_is_left_alone(tmp_path: Path) -> None:
    """A text file, and another program's database, are refused and not touched."""
    settings = settings_for(tmp_path)
    settings.db.parent.mkdir()
    settings.db.write_text("my diary, which is no database" * 50)
    with pytest.raises(RelayError) as text:
        async with engine.running(settings, receive=False):
            pytest.fail("that is no database")
    assert text.value.word == "foreign-database"
    assert settings.db.read_text().startswith("my diary")
    other = replace(settings, db=settings.db.with_name("other.db"))
    connection = sqlite3.connect(other.db)
    connection.execute("CREATE TABLE cats (name)")
    connection.close()
    with pytest.raises(RelayError) as foreign:
        async with engine.running(other, receive=False):
            pytest.fail("that is another program's")
    assert foreign.value.word == "foreign-database"


async def test_a_network_file_system_is_refused_unless_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On NFS and its like the engine does not start, unless the setting takes the risk."""
    monkeypatch.setattr("relay.store.write.files.network_filesystem", lambda folder: "nfs4")
    settings = settings_for(tmp_path)
    with pytest.raises(RelayError, match="nfs4") as refused:
        async with engine.running(settings, receive=False):
            pytest.fail("that is a network's")
    assert refused.value.word == "network-filesystem"
    async with engine.running(replace(settings, allow_network_fs=True), receive=False):
        pass


async def test_an_engine_ends_within_its_time_with_requests_in_hand(tmp_path: Path) -> None:
    """Stopping waits for answers on their way, not for callers that never finish."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=True) as running:
        assert running.url is not None
        port = int(running.url.rpartition(":")[2])
        _, slow = await asyncio.open_connection("127.0.0.1", port)
        slow.write(b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\nhalf")
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        await slow.drain()
        started = monotonic()
    assert monotonic() - started < 5.0
    slow.close()
    idle.close()


async def test_without_the_c_parser_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp's Python parser reads requests less strictly: no receiver is built on it."""
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    with pytest.raises(RelayError, match="C parser") as refused:
        async with engine.running(settings_for(tmp_path), receive=True):
            pytest.fail("that parser is not strict")
    assert refused.value.word == "no-c-parser"
