"""Publishing what a receiver takes: committed before it is confirmed, gathered, and healing by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from relay.errors import RelayError, Unreachable
from relay.store.columns import Row
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.team import publisher as module
from relay.team.address import TeamAddress
from relay.team.connect import open_log
from relay.team.log import TeamCapture, TeamLog
from relay.team.publisher import BYTES_AT_ONCE, DOWN, Publisher
from tests.support.postgres import Postgres, running_postgres
from tests.support.waiting import until


def a_row(body: bytes = b"{}") -> Row:
    return Row(
        1, "POST", "/", "1.1", "127.0.0.1:1", None, 200, None, "received", None, None, None, None, "missing",
        None, None, None, "", "[]", body,
    )  # fmt: skip


class ScriptedLog:
    """A log of which a test says when it answers, and with what."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: RelayError | None = None
        self.is_closed = False
        self.opened = 0
        self.asked = 0

    async def open(self) -> TeamLog:
        self.opened += 1
        if self.error is not None:
            raise self.error
        self.is_closed = False
        return self  # type: ignore[return-value]

    async def publish(self, captures: Sequence[TeamCapture]) -> int:
        first = sum(map(len, self.batches)) + 1
        self.batches.append([each.body for each in captures])
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return first

    async def state(self) -> None:
        self.asked += 1
        if self.error is not None:
            self.is_closed = True
            raise self.error

    async def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True
        self.error = Unreachable("the connection ended", word="team-unreachable")
        self.answers.set()


@asynccontextmanager
async def publishing(log: ScriptedLog) -> AsyncIterator[Publisher]:
    publisher = Publisher("node-a", log.open)
    task = asyncio.ensure_future(publisher.run())
    try:
        yield publisher
    finally:
        await publisher.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRIES_EVERY_S", 0.01)
    monkeypatch.setattr(module, "LOOKS_EVERY_S", 0.01)


async def test_what_waits_goes_together() -> None:
    """While one commit is under way, others gather; each gets its own position."""
    log = ScriptedLog()
    async with publishing(log) as publisher:
        log.answers.clear()
        first = publisher.add(a_row(b"1"))
        await until(lambda: log.batches, "the first batch")
        others = [publisher.add(a_row(b"%d" % number)) for number in range(2, 6)]
        assert publisher.waiting == 5
        log.answers.set()
        assert await first == 1
        assert await asyncio.gather(*others) == [2, 3, 4, 5]
        assert log.batches == [[b"1"], [b"2", b"3", b"4", b"5"]]
        assert (publisher.published, publisher.newest, publisher.waiting) == (5, 5, 0)


async def test_large_bodies_are_divided() -> None:
    """A statement stays small, unless one body alone is larger."""
    log = ScriptedLog()
    async with publishing(log) as publisher:
        body = bytes(BYTES_AT_ONCE // 2 + 1)
        await asyncio.gather(*(publisher.add(a_row(each)) for each in (body, body, bytes(2 * BYTES_AT_ONCE))))
        assert [len(batch) for batch in log.batches] == [1, 1, 1]


async def test_a_short_outage_costs_time_alone() -> None:
    """What arrives while the log is away waits for it, and is not refused."""
    log = ScriptedLog()
    async with publishing(log) as publisher:
        log.error = Unreachable("away", word="team-unreachable")
        waiting = publisher.add(a_row())
        await until(lambda: log.opened > 2, "several attempts")
        assert publisher.trouble is None
        log.error = None
        assert await waiting == 1


async def test_a_long_outage_is_refused_at_once_and_heals(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time for an answer, webhooks are refused without waiting, until the log is back."""
    monkeypatch.setattr(module, "ANSWERS_WITHIN_S", 0.05)
    log = ScriptedLog()
    async with publishing(log) as publisher:
        log.error = Unreachable("away", word="team-unreachable")
        with pytest.raises(StoreUnavailable) as caught:
            await publisher.add(a_row())
        assert caught.value.reason == DOWN
        await until(lambda: publisher.trouble, "the trouble")
        with pytest.raises(StoreUnavailable):
            publisher.add(a_row())
        log.error = None
        await until(lambda: publisher.trouble is None, "the log to be back")
        assert await publisher.add(a_row()) == 1


async def test_a_log_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """No commit in time: its callers get 503, and the connection is given up."""
    monkeypatch.setattr(module, "ANSWERS_WITHIN_S", 0.05)
    log = ScriptedLog()
    async with publishing(log) as publisher:
        log.answers.clear()
        with pytest.raises(StoreUnavailable, match="no commit within"):
            await publisher.add(a_row())
        await until(lambda: log.is_closed, "the connection to be given up")
        log.error = None
        await until(lambda: publisher.trouble is None, "the log to be back")
        assert await publisher.add(a_row()) > 1


async def test_an_error_of_the_log_fails_its_batch_alone() -> None:
    """What a commit refused is not known to be stored; the next batch goes on a new connection."""
    log = ScriptedLog()
    async with publishing(log) as publisher:
        log.answers.clear()
        failing = publisher.add(a_row(b"1"))
        await until(lambda: log.batches, "the first batch")
        after = publisher.add(a_row(b"2"))
        log.error = RelayError("no space left", word="team-failing")
        log.answers.set()
        with pytest.raises(StoreUnavailable, match="no space left"):
            await failing
        log.error = None
        assert await after == 2


async def test_a_connection_that_is_idle_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dropped it meanwhile is found out before the next webhook is there."""
    monkeypatch.setattr(module, "IDLE_S", 0.02)
    log = ScriptedLog()
    async with publishing(log) as publisher:
        assert await publisher.add(a_row()) == 1
        await until(lambda: log.asked > 2, "several questions")
        log.error = Unreachable("dropped", word="team-unreachable")
        await until(lambda: log.opened > 1, "another connection")
        log.error = None
        assert await publisher.add(a_row()) == 2


async def test_the_end_fails_what_waits() -> None:
    """A publisher that is closed takes nothing more, and leaves no caller waiting."""
    log = ScriptedLog()
    log.answers.clear()
    async with publishing(log) as publisher:
        waiting = publisher.add(a_row())
        await publisher.close()
        with pytest.raises(StoreClosed):
            await waiting
        with pytest.raises(StoreClosed):
            publisher.add(a_row())


# -- a real server ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server(postgres: Postgres) -> Iterator[Postgres]:
    """One that a test may hang and kill."""
    with running_postgres() as server:
        yield server


@asynccontextmanager
async def real(address: TeamAddress) -> AsyncIterator[Publisher]:
    async def opened() -> TeamLog:
        return await open_log(address, publish=True)

    publisher = Publisher("node-a", opened)
    task = asyncio.ensure_future(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await publisher.close()


@pytest.mark.slow
async def test_a_server_that_hangs(own_server: Postgres) -> None:
    """Stopped for a while: 503 within 5 s, and afterwards webhooks are shared again; nothing is twice."""
    name = own_server.new_log()
    async with real(own_server.address(name, f"{name}_node")) as publisher:
        assert await publisher.add(a_row(b"before")) == 1
        own_server.freeze()
        try:
            began = monotonic()
            with pytest.raises(StoreUnavailable):
                await publisher.add(a_row(b"lost"))
            assert monotonic() - began < 5
        finally:
            own_server.thaw()
        await until(lambda: publisher.trouble is None, "the server to be back")
        await publisher.add(a_row(b"after"))
    bodies = [row[0] for row in own_server.sql(f'SELECT body FROM "{name}".captures ORDER BY position')]
    assert [each for each in bodies if each != b"lost"] == [b"before", b"after"]


@pytest.mark.slow
async def test_a_commit_that_no_standby_confirmed(own_server: Postgres) -> None:
    """Where the wait for a standby is cancelled, PostgreSQL only warns; the sender gets 503."""
    name = own_server.new_log()
    async with real(own_server.address(name, f"{name}_node")) as publisher:
        assert await publisher.add(a_row()) == 1
        own_server.sql("ALTER SYSTEM SET synchronous_standby_names = 'one'")
        own_server.sql("SELECT pg_reload_conf()")
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        try:
            waiting = asyncio.ensure_future(publisher.add(a_row()))
            await until(lambda: own_server.sql(waits), "the wait for a standby")
            own_server.sql(f"SELECT pg_cancel_backend(pid) FROM ({waits}) AS waiting")
            with pytest.raises(StoreUnavailable, match="canceling wait for synchronous replication"):
                await waiting
        finally:
            own_server.sql("ALTER SYSTEM RESET synchronous_standby_names")
            own_server.sql("SELECT pg_reload_conf()")


@pytest.mark.slow
async def test_a_server_that_is_restarted(own_server: Postgres) -> None:
    """Killed and started again at once: what came meanwhile waits, and no acknowledged webhook is lost."""
    name = own_server.new_log()
    async with real(own_server.address(name, f"{name}_node")) as publisher:
        acked: list[int] = []
        refused = 0
        stop = asyncio.Event()

        async def post(number: int) -> None:
            nonlocal refused
            while not stop.is_set():
                try:
                    acked.append(await publisher.add(a_row(b"%d" % number)))
                except StoreUnavailable:
                    refused += 1
                    await asyncio.sleep(0.01)

        posts = [asyncio.ensure_future(post(number)) for number in range(8)]
        await until(lambda: len(acked) > 200, "some webhooks")
        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)
        before = len(acked)
        await until(lambda: len(acked) > before + 200, "some more")
        stop.set()
        await asyncio.gather(*posts)
    positions = [
        row[0] for row in own_server.sql(f'SELECT position FROM "{name}".captures ORDER BY position')
    ]
    assert len(acked) == len(set(acked))
    assert set(acked) <= set(positions)
    assert positions == list(range(1, len(positions) + 1))
