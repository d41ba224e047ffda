"""A node: what it takes is committed to the team's log before its 200, and not kept in its database."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import asyncpg
import pytest

from relay.config import Route, SecretSource, Settings, TeamAccess
from relay.control import client
from relay.control.messages import ReloadRequest, StatusRequest
from relay.engine import engine
from relay.errors import RelayError, UsageError
from tests.relay.engine.test_engine import post, settings_for
from tests.support.postgres import Postgres
from tests.support.receiving import a_post, rows
from tests.support.waiting import until


@pytest.fixture
def name(postgres: Postgres) -> str:
    return postgres.new_log()


@pytest.fixture
def settings(tmp_path: Path, postgres: Postgres, name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LEAN_TEAM_URL", postgres.url(f"{name}_node"))
    url = SecretSource(name="url", env="LEAN_TEAM_URL", where="lean-relay.toml: team.url")
    return settings_for(tmp_path, share=True, team=TeamAccess(url=url, name=name))


@pytest.fixture
async def node(settings: Settings) -> AsyncIterator[engine.Engine]:
    async with engine.running(settings, receive=True) as running:
        yield running


async def test_a_webhook_is_in_the_log_before_its_200(
    node: engine.Engine, postgres: Postgres, name: str
) -> None:
    """Body, target and headers as they came; the node's own database has none."""
    body = bytes(range(256))
    data = a_post(body, target="/hook?x=%FF", headers=[("X-B", "1"), ("x-b", "\xe9")])
    assert b" 200 " in await post(node.url, data)
    found = postgres.sql(f'SELECT position, target, headers, body, answer, origin FROM "{name}".captures')
    assert len(found) == 1
    position, target, headers, stored, answer, origin = found[0]
    assert (position, target, stored, answer, origin) == (1, b"/hook?x=%FF", body, 200, "received")
    assert [tuple(pair) for pair in json.loads(headers)][:3] == [
        ("Host", "relay"),
        ("X-B", "1"),
        ("x-b", "\xe9"),
    ]
    assert rows(node.settings.db, "SELECT count(*) FROM captures") == [(0,)]
    status = await client.request(node.settings.db, StatusRequest())
    assert status.team is not None
    assert status.team.node is not None
    assert (status.team.name, status.team.node.published, status.team.node.position) == (name, 1, 1)


async def test_a_sample_is_refused(node: engine.Engine, settings: Settings) -> None:
    """It would reach everybody; the refusal is counted."""
    sample = a_post(headers=[("X-Lean-Relay-Sample", "1")])
    assert b" 403 " in await post(node.url, sample)
    assert node.refusals.counts == {"team-sample": 1}


async def test_a_sample_on_request(settings: Settings, postgres: Postgres, name: str) -> None:
    """With share_samples it is shared, as what it is."""
    async with engine.running(replace(settings, share_samples=True), receive=True) as node:
        assert b" 200 " in await post(node.url, a_post(headers=[("X-Lean-Relay-Sample", "1")]))
    assert postgres.sql(f'SELECT origin FROM "{name}".captures') == [("sample",)]


async def test_a_connection_without_a_byte(node: engine.Engine, postgres: Postgres, name: str) -> None:
    """A load balancer's check: no capture and no refusal, even one that stays open for a while."""
    assert node.url is not None
    port = int(node.url.rpartition(":")[2])
    for ends in (socket.SHUT_WR, None):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            if ends is not None:
                connection.shutdown(ends)
                assert await asyncio.to_thread(connection.recv, 1) == b""
    assert b" 200 " in await post(node.url, a_post())
    assert node.refusals.counts == {}
    assert postgres.sql(f'SELECT count(*) FROM "{name}".captures') == [(1,)]


async def test_a_node_forwards_nothing(node: engine.Engine, settings: Settings) -> None:
    """Each node would forward the same webhooks, so targets are refused, at the start and in a reload."""
    targets = (Route(to=":3000", where="lean-relay.toml: forward"),)
    node._reread = lambda: replace(settings, forward=targets)
    with pytest.raises(UsageError, match="forwards nothing"):
        await node.request(ReloadRequest())
    assert b" 200 " in await post(node.url, a_post())


async def test_the_end_is_quick(settings: Settings, postgres: Postgres) -> None:
    """A node ends at once, even while PostgreSQL commits nothing."""
    async with engine.running(settings, receive=True) as node:
        connection = await asyncpg.connect(postgres.url())
        await connection.execute(f'BEGIN; SELECT * FROM "{settings.team.name}".log FOR UPDATE')
        waiting = asyncio.ensure_future(post(node.url, a_post()))
        await until(lambda: node._sharing is not None and node._sharing.publisher.waiting, "the webhook")
        began = monotonic()
    assert monotonic() - began < 5
    assert b" 503 " in await waiting
    await connection.close()


async def test_a_node_that_cannot_share_does_not_start(settings: Settings) -> None:
    """Rather than refuse everything that comes."""
    with pytest.raises(RelayError) as caught:
        async with engine.running(replace(settings, team=replace(settings.team, name="other")), receive=True):
            pass
    assert caught.value.word == "team-not-initialised"


async def test_a_log_that_went_away(node: engine.Engine, postgres: Postgres, name: str) -> None:
    """503 with Retry-After, counted with its reason."""
    postgres.sql(f'ALTER SCHEMA "{name}" RENAME TO "{name}x"')
    answer = await post(node.url, a_post())
    assert b" 503 " in answer
    assert b"Retry-After: 60" in answer
    assert node.refusals.counts == {"team-down": 1}
    postgres.sql(f'ALTER SCHEMA "{name}x" RENAME TO "{name}"')
