"""A team's log in a real PostgreSQL: order, bytes, rights, retention."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from os import urandom
from time import monotonic
from typing import Any, cast

import asyncpg
import msgspec
import pytest

from relay.errors import RelayError
from relay.team import postgres as postgres_log
from relay.team import tables
from relay.team.address import TeamAddress
from relay.team.connect import open_log
from relay.team.log import LogState, TeamCapture
from relay.team.postgres import PostgresLog
from relay.team.retention import prune
from tests.support.postgres import Postgres, make_log
from tests.support.team import a_team_capture


@pytest.fixture
def name(postgres: Postgres) -> str:
    """A log of this test's own."""
    return postgres.new_log()


@asynccontextmanager
async def opened(postgres: Postgres, name: str, login: str = "") -> AsyncIterator[PostgresLog]:
    """Args: login: `node`, `laptop`, or empty for the owner."""
    log = await open_log(postgres.address(name, f"{name}_{login}" if login else "postgres"))
    try:
        yield log
    finally:
        await log.close()


def without_position(captures: Sequence[TeamCapture]) -> list[TeamCapture]:
    return [msgspec.structs.replace(each, position=0) for each in captures]


HOSTILE = [
    a_team_capture(1, body=bytes(range(256)) * 3),
    a_team_capture(2, body=b""),
    a_team_capture(
        3, target="/\xe9\udcff'\"\\{},NULL%00", headers='[["X-\u00e9","\\u0000 \u2028"],["x","1"],["X","2"]]'
    ),
    a_team_capture(
        4, tls='{"version":"TLSv1.3","subject":"\u0645"}', answer=503, answer_reason="--respond 503"
    ),
    a_team_capture(5, client="[fe80::1%eth0]:1", origin="sample", http_version="1.0", method="PROPFIND"),
]


async def test_what_is_published_is_read(postgres: Postgres, name: str) -> None:
    """Everything that a capture carries comes back byte for byte, with positions 1, 2, 3 in order."""
    async with opened(postgres, name, "node") as node, opened(postgres, name, "laptop") as laptop:
        assert await laptop.read(0) == []
        assert await node.publish(HOSTILE[:2]) == 1
        assert await node.publish(HOSTILE[2:]) == 3
        read = await laptop.read(0)
        assert [each.position for each in read] == [1, 2, 3, 4, 5]
        assert without_position(read) == HOSTILE
        assert [each.position for each in await laptop.read(3)] == [4, 5]
        assert await laptop.read(5) == []


async def test_large_bodies_are_read_a_few_at_a_time(postgres: Postgres, name: str) -> None:
    """A read ends after the row that passes its limit, and always has one."""
    body = urandom(2**20)
    async with opened(postgres, name) as log:
        await log.publish([a_team_capture(number, body=body) for number in range(1, 6)])
        assert [each.position for each in await log.read(0, limit_bytes=2 * 2**20)] == [1, 2]
        assert [each.position for each in await log.read(0, limit_bytes=1)] == [1]
        assert [each.position for each in await log.read(2, rows=2)] == [3, 4]
        ten = urandom(10 * 2**20)
        position = await log.publish([a_team_capture(9, body=ten)])
        assert (await log.read(position - 1))[0].body == ten


async def test_state_and_digest(postgres: Postgres, name: str) -> None:
    """The state counts what is in the log; a digest tells whether a position holds the same capture."""
    async with opened(postgres, name, "node") as node, opened(postgres, name, "laptop") as laptop:
        empty = await node.state()
        assert (empty.newest, empty.pruned, empty.bytes, empty.oldest_at) == (0, 0, 0, None)
        assert (empty.keep, empty.keep_bytes) == (tables.DEFAULT_KEEP, tables.DEFAULT_KEEP_BYTES)
        await node.publish([a_team_capture(1), a_team_capture(2)])
        state = await laptop.state()
        assert (state.id, state.newest, state.count) == (empty.id, 2, 2)
        assert state.oldest_at is not None
        assert abs(state.oldest_at - datetime.now(UTC)) < timedelta(minutes=1)
        digest = await laptop.digest(2)
        assert digest is not None
        assert digest.received_at == a_team_capture(2).received_at
        assert digest.body_sha256 == sha256(a_team_capture(2).body).hexdigest()
        assert await laptop.digest(3) is None


async def test_a_time_leads_to_a_position(postgres: Postgres, name: str) -> None:
    """Reading from a time on begins after the last capture that was published before it."""
    async with opened(postgres, name) as log:
        assert await log.position_before(datetime.now(UTC)) == 0
        await log.publish([a_team_capture(1)])
        between = await log._value("SELECT clock_timestamp()")
        await log.publish([a_team_capture(2), a_team_capture(3)])
        assert await log.position_before(between) == 1
        assert await log.position_before(between - timedelta(days=7)) == 0
        assert await log.position_before(between + timedelta(days=1)) == 3


async def test_a_notification_ends_the_wait(postgres: Postgres, name: str) -> None:
    """A follower that waits is woken by a commit, and not by nothing."""
    async with opened(postgres, name, "node") as node, opened(postgres, name, "laptop") as laptop:
        assert not await laptop.wait(0.01)
        waiting = asyncio.ensure_future(laptop.wait(20))
        await asyncio.sleep(0)
        await node.publish([a_team_capture(1)])
        assert await waiting


# -- positions -------------------------------------------------------------------------------------


async def _skipped(postgres: Postgres, name: str, publish: str, seconds: float) -> tuple[int, int]:
    """Eight writers and one reader that goes on from what it saw: (published, never seen by the reader)."""
    until = monotonic() + seconds
    published = 0

    async def write() -> None:
        nonlocal published
        connection = await asyncpg.connect(postgres.url())
        try:
            while monotonic() < until:
                await connection.fetchval(publish, a_team_capture(1).body)
                published += 1
        finally:
            await connection.close()

    async def follow(done: asyncio.Event) -> int:
        connection = await asyncpg.connect(postgres.url())
        seen = cursor = 0
        try:
            while True:
                was_done = done.is_set()
                rows = await connection.fetch(
                    f'SELECT position FROM "{name}".captures WHERE position > $1 ORDER BY position', cursor
                )
                seen += len(rows)
                cursor = rows[-1][0] if rows else cursor
                if was_done and not rows:
                    return seen
        finally:
            await connection.close()

    done = asyncio.Event()
    follower = asyncio.ensure_future(follow(done))
    await asyncio.gather(*(write() for _ in range(8)))
    done.set()
    return published, published - await follower


ONE = "1700000000000000, 'POST', '/', '1.1', '', NULL::bytea, 200, NULL::text, 'received', '[]'"


async def test_no_position_is_skipped(postgres: Postgres, name: str) -> None:
    """Eight writers at once: a reader that goes on from the last position it saw misses none."""
    values = ONE.split(", ")
    arrays = (
        ", ".join(f"ARRAY[{value}]" for value in values)
        .replace("'/'", "'/'::bytea")
        .replace("'[]'", "'[]'::bytea")
    )
    published, skipped = await _skipped(
        postgres, name, f"SELECT \"{name}\".publish('n', {arrays}, ARRAY[$1::bytea])", 1.0
    )
    assert published > 100
    assert skipped == 0


@pytest.mark.slow
async def test_a_sequence_skips(postgres: Postgres, name: str) -> None:
    """The control: numbers from a sequence are taken before the commit, and the reader misses some."""
    postgres.sql(f'CREATE SEQUENCE "{name}".numbers')
    publish = (
        f"INSERT INTO \"{name}\".captures SELECT nextval('\"{name}\".numbers'), clock_timestamp(), 1, 'n',"
        f" {ONE}, $1 RETURNING position"
    )
    skipped = 0
    for _ in range(5):
        skipped += (await _skipped(postgres, name, publish, 2.0))[1]
        if skipped:
            break
    assert skipped > 0


# -- rights ----------------------------------------------------------------------------------------

REFUSED = {
    "node": (
        'SELECT body FROM "{0}".captures',
        'SELECT * FROM "{0}".log',
        'INSERT INTO "{0}".captures DEFAULT VALUES',
        'UPDATE "{0}".log SET newest = 0',
        'DELETE FROM "{0}".captures',
        'TRUNCATE "{0}".captures',
        'CREATE TABLE "{0}".mine (x int)',
        "CREATE OR REPLACE FUNCTION \"{0}\".prune() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        'SET ROLE "{0}_owner"',
        'SET ROLE "{0}_reader"',
    ),
    "laptop": (
        'SELECT "{0}".prune()',
        'INSERT INTO "{0}".captures DEFAULT VALUES',
        'UPDATE "{0}".log SET newest = 0',
        'DELETE FROM "{0}".captures',
        'DROP SCHEMA "{0}" CASCADE',
        'SET ROLE "{0}_owner"',
        'SET ROLE "{0}_writer"',
    ),
    "stranger": ('SELECT body FROM "{0}".captures', 'SELECT "{0}".state()', 'SELECT "{0}".prune()'),
}


@pytest.mark.parametrize("who", REFUSED)
def test_each_role_is_refused_what_it_does_not_need(postgres: Postgres, name: str, who: str) -> None:
    """Who publishes reads no body and turns nothing back; who reads changes nothing; others do nothing."""
    postgres.sql(f'CREATE ROLE "{name}_stranger" LOGIN')
    for statement in REFUSED[who]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            postgres.sql(statement.format(name), f"{name}_{who}")


async def test_a_reader_cannot_publish(postgres: Postgres, name: str) -> None:
    """By our own words too."""
    async with opened(postgres, name, "laptop") as laptop:
        assert (laptop.server.may_publish, laptop.server.may_read) == (False, True)
        with pytest.raises(RelayError) as caught:
            await laptop.publish([a_team_capture(1)])
        assert caught.value.word == "team-denied"
    async with opened(postgres, name, "node") as node:
        assert (node.server.may_publish, node.server.may_read) == (True, False)


async def test_a_function_is_not_led_astray(postgres: Postgres, name: str) -> None:
    """Functions and tables of a writer's own, first in its search_path, are not used."""
    connection = await asyncpg.connect(postgres.url(f"{name}_node"))
    try:
        await connection.execute(
            "CREATE TEMP TABLE captures (x int); SET search_path = pg_temp, pg_catalog;"
            " CREATE FUNCTION pg_temp.octet_length(bytea) RETURNS integer LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'led astray'; END $$"
        )
        arrays = ", ".join(
            f"ARRAY[{value}]" + ("::bytea[]" if value in ("'/'", "'[]'") else "") for value in ONE.split(", ")
        )
        assert await connection.fetchval(f"SELECT \"{name}\".publish('n', {arrays}, ARRAY['x'::bytea])") == 1
    finally:
        await connection.close()


async def test_not_durable_is_not_published(postgres: Postgres, name: str) -> None:
    """A session that would not wait for the disk publishes nothing, even if it was switched off later."""
    async with opened(postgres, name, "node") as node:
        await node.execute("SET synchronous_commit = off")
        with pytest.raises(RelayError) as caught:
            await node.publish([a_team_capture(1)])
        assert caught.value.word == "team-not-durable"
        assert "synchronous_commit is off" in str(caught.value)
        await node.execute("SET synchronous_commit = on")
        assert await node.publish([a_team_capture(1)]) == 1


async def test_a_node_cannot_say_what_no_node_does(postgres: Postgres, name: str) -> None:
    """By a node's login no capture is fetched from Lean's API or imported, or has an odd answer."""
    async with opened(postgres, name, "node") as node:
        for odd in ({"origin": "events-api"}, {"http_version": "2"}, {"answer": 99}):
            with pytest.raises(RelayError, match="check constraint"):
                await node.publish([a_team_capture(1, **odd)])
        assert await node.publish([a_team_capture(1)]) == 1


async def test_a_message_quotes_no_capture(postgres: Postgres, name: str) -> None:
    """An error of the server has its DETAIL, which can have the row, left out."""
    async with opened(postgres, name, "node") as node:
        with pytest.raises(RelayError) as caught:
            await node.publish([msgspec.structs.replace(a_team_capture(1), answer=None, body=b"canary")])
        assert "canary" not in str(caught.value)
        assert caught.value.word == "team-failing"


# -- init and retention ----------------------------------------------------------------------------


async def test_init_can_be_run_again(postgres: Postgres, name: str) -> None:
    """What is stored stays, also what it keeps, unless init says otherwise."""
    async with opened(postgres, name) as log:
        await log.publish([a_team_capture(1)])
        before = await log.state()
        await log.execute(tables.init(name))
        assert await log.state() == before
        await log.execute(tables.init(name, keep=timedelta(days=2), keep_bytes=2**30))
        changed = await log.state()
        assert (changed.keep, changed.keep_bytes) == (timedelta(days=2), 2**30)
        await log.execute(tables.init(name, keep=timedelta(0)))
        assert (await log.state()).keep is None


async def test_init_without_a_superuser(postgres: Postgres, name: str) -> None:
    """The login that a provider gives, which may create roles and a schema, is enough; twice, too."""
    other, login = f"{name}c", f"{name}_admin"
    postgres.sql(f'CREATE ROLE "{login}" LOGIN CREATEROLE')
    postgres.sql(f'GRANT CREATE ON DATABASE postgres TO "{login}"')
    for _ in range(2):
        await make_log(postgres.address(other, login))
    postgres.sql(f'CREATE ROLE "{other}_node" LOGIN IN ROLE "{other}_writer"')
    async with opened(postgres, other, "node") as node:
        assert await node.publish([a_team_capture(1)]) == 1
    functions = f"FROM pg_proc WHERE pronamespace = '\"{other}\"'::regnamespace"
    assert postgres.sql(f"SELECT DISTINCT proowner::regrole::text {functions}") == [(f"{other}_owner",)]


async def test_two_inits_at_once(postgres: Postgres, name: str) -> None:
    """They wait for each other."""
    other = f"{name}b"
    await asyncio.gather(*(make_log(postgres.address(other)) for _ in range(4)))


async def _pruned(log: PostgresLog) -> LogState:
    while await log.prune():
        pass
    return await log.state()


async def test_old_captures_are_pruned(postgres: Postgres, name: str) -> None:
    """By time, oldest first, in slices; positions go on from where they were."""
    async with opened(postgres, name, "node") as node, opened(postgres, name) as owner:
        for _ in range(2):
            await node.publish([a_team_capture(number) for number in range(600)])
        assert await node.prune() == 0
        await owner.execute(
            f"UPDATE \"{name}\".captures SET published_at = now() - interval '31 days' WHERE position <= 1100"
        )
        assert await node.prune() == tables.PRUNED_AT_ONCE
        state = await _pruned(node)
        assert (state.pruned, state.newest, state.count) == (1100, 1200, 100)
        (size,) = (await owner._rows(f'SELECT sum(size) AS sum FROM "{name}".captures'))[0]
        assert state.bytes == size
        assert [each.position for each in await owner.read(1099, rows=2)] == [1101, 1102]
        assert await node.publish([a_team_capture(1)]) == 1201


async def test_a_node_prunes_all_that_is_due(postgres: Postgres, name: str) -> None:
    """Slice after slice, on a connection of its own."""
    async with opened(postgres, name) as owner:
        await owner.publish([a_team_capture(number) for number in range(700)])
        await owner.execute(f"UPDATE \"{name}\".captures SET published_at = now() - interval '31 days'")
        assert await prune(postgres.address(name, f"{name}_node")) == 700
        assert await prune(postgres.address(name, f"{name}_node")) == 0


async def test_too_much_is_pruned(postgres: Postgres, name: str) -> None:
    """By bytes, oldest first, until the rest fits."""
    async with opened(postgres, name, "node") as node, opened(postgres, name) as owner:
        await owner.execute(tables.init(name, keep_bytes=3 * 2**20))
        await node.publish([a_team_capture(number, body=bytes(2**20)) for number in range(6)])
        state = await _pruned(node)
        assert state.bytes <= 3 * 2**20 < state.bytes + 2**20 + 1000
        assert (state.pruned, state.count) == (4, 2)


async def test_an_empty_log_is_pruned(postgres: Postgres, name: str) -> None:
    """All of it may go, and what is not due stays even where an older one is newer by its time."""
    async with opened(postgres, name) as owner:
        await owner.publish([a_team_capture(1), a_team_capture(2), a_team_capture(3)])
        await owner.execute(
            f"UPDATE \"{name}\".captures SET published_at = now() - interval '31 days' WHERE position <> 2"
        )
        assert (await _pruned(owner)).pruned == 1
        await owner.execute(f"UPDATE \"{name}\".captures SET published_at = now() - interval '31 days'")
        state = await _pruned(owner)
        assert (state.pruned, state.count, state.bytes, state.oldest_at) == (3, 0, 0, None)


async def test_an_aborted_connection_raises(postgres: Postgres, name: str) -> None:
    """A call that waits ends with an error, not never."""
    async with opened(postgres, name) as blocker, opened(postgres, name, "node") as node:
        await blocker._connection.execute(f'BEGIN; SELECT * FROM "{name}".log FOR UPDATE')
        waiting = asyncio.ensure_future(node.publish([a_team_capture(1)]))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.1)
        node.abort()
        with pytest.raises(RelayError) as caught:
            await waiting
        assert caught.value.word == "team-unreachable"
        assert node.is_closed


async def test_a_question_that_is_never_answered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first wait asks for notifications, over a connection that a router may have dropped meanwhile."""

    class Mute:
        def add_log_listener(self, listener: Any) -> None:
            pass

        async def add_listener(self, channel: str, listener: Any) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(postgres_log, "ANSWERS_WITHIN_S", 0.01)
    log = PostgresLog(Mute(), TeamAddress.parse("postgresql://localhost/team"), cast(Any, None))
    with pytest.raises(RelayError, match="no answer in time") as caught:
        await log.wait(60.0)
    assert caught.value.word == "team-unreachable"
