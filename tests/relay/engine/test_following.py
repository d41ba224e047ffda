"""Following on an engine: checked with one's own secrets, forwarded here, parked where it is too old."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from relay.config import Route, SecretSource, Settings, TeamAccess
from relay.control import client
from relay.control.messages import FollowerStatus, StatusRequest
from relay.engine import engine
from relay.engine.following import judged
from relay.errors import UsageError
from relay.lean.signature import HEADER, sign
from relay.models import to_micros
from relay.store.read.reader import Reader
from relay.team.connect import open_log
from relay.team.log import TeamCapture
from relay.text.team import TOO_OLD
from tests.relay.engine.test_engine import post
from tests.support import team
from tests.support.backends import Backend, answers, backend
from tests.support.postgres import Postgres
from tests.support.receiving import a_post, a_receiver, rows
from tests.support.waiting import until


@pytest.fixture
def name(postgres: Postgres) -> str:
    """A log of this test's own."""
    return postgres.new_log()


def settings_for(folder: Path, postgres: Postgres, name: str, secret: str = "", **changes: Any) -> Settings:
    """Settings of a laptop that follows, with a webhook secret of its own."""
    folder.mkdir(exist_ok=True)
    for kind, text in (("team", postgres.url(f"{name}_laptop")), ("mine", secret)):
        (folder / kind).write_text(text)
        (folder / kind).chmod(0o600)
    mine = SecretSource(name="mine", file=folder / "mine", where="test")
    url = SecretSource(name="url", file=folder / "team", where="test")
    settings = Settings(
        db=folder / "relay.db",
        port=0,
        follow=True,
        secrets=(mine,) if secret else (),
        team=TeamAccess(url=url, name=name),
    )
    return replace(settings, **changes)


def a_team_capture(number: int, **changes: Any) -> TeamCapture:
    """One that a node has just taken."""
    return team.a_team_capture(number, **({"received_at": to_micros(datetime.now(UTC))} | changes))


async def publish(postgres: Postgres, name: str, *captures: TeamCapture) -> int:
    with_log = await open_log(postgres.address(name, f"{name}_node"), publish=True)
    try:
        return await with_log.publish(captures)
    finally:
        await with_log.close()


def signed(secret: str, body: bytes) -> str:
    return f'[["Host","relay.example.com"],["{HEADER}","{sign(body, secret.encode())}"]]'


async def status_of(settings: Settings) -> FollowerStatus:
    found = await client.request(settings.db, StatusRequest())
    assert found.team is not None
    assert found.team.follower is not None
    return found.team.follower


def found(settings: Settings, columns: str) -> list[tuple[Any, ...]]:
    return rows(settings.db, f"SELECT {columns} FROM captures ORDER BY id")


def _took(there: Backend, count: int) -> bool:
    return len(there.requests) == count


async def until_following(settings: Settings) -> None:
    """Until it has begun, so that what is published from now on is new."""
    for _ in range(6000):
        if (await status_of(settings)).state == "following":
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not follow")


async def reached(settings: Settings, position: int) -> None:
    def there() -> bool:
        return settings.db.exists() and (position,) in found(settings, "position")

    await until(there, f"position {position}")


async def test_each_follower_judges_with_its_own_secrets(
    postgres: Postgres, name: str, tmp_path: Path
) -> None:
    """The same webhooks in the same order at both backends, valid here, invalid there, with their origin."""
    bodies = [b'{"type":"a.b","event_id":"event-1"}', b'{"type":"a.b","event_id":"event-2"}', b"\x00\xff\r\n"]
    with backend(answers()) as first, backend(answers()) as second:
        ann = settings_for(
            tmp_path / "ann", postgres, name, "anns", forward=(Route(to=f"{first.url}/hook", where="test"),)
        )
        bob = settings_for(
            tmp_path / "bob", postgres, name, "bobs", forward=(Route(to=f"{second.url}/in", where="test"),)
        )
        async with engine.running(ann, receive=True), engine.running(bob, receive=True):
            sent = [
                a_team_capture(1, body=bodies[0], headers=signed("anns", bodies[0])),
                a_team_capture(2, body=bodies[1], headers=signed("bobs", bodies[1]), origin="sample"),
                a_team_capture(3, body=bodies[0], headers=signed("anns", bodies[0])),
                a_team_capture(4, body=bodies[2], headers='[["x-ODD","\\u00e9"],["X-odd","2"]]'),
            ]
            assert await publish(postgres, name, *sent) == 1
            for settings, there in ((ann, first), (bob, second)):
                await reached(settings, 4)
                await until(partial(_took, there, 4), "all at the backend")
                assert [request.partition(b"\r\n\r\n")[2] for request in there.requests] == [
                    bodies[0], bodies[1], bodies[0], bodies[2],
                ]  # fmt: skip
                assert b"x-ODD: \xe9\r\nX-odd: 2\r\n" in there.requests[3]
                assert (await status_of(settings)).behind == 0
    columns = "position, signature, signed_by, origin, repeat_of, received_at, client, headers"
    shared = [(each.received_at, each.client, each.headers) for each in sent]
    assert found(ann, columns) == [
        (1, "valid", "mine", "received", None, *shared[0]),
        (2, "invalid", None, "sample", None, *shared[1]),
        (3, "valid", "mine", "received", 1, *shared[2]),
        (4, "missing", None, "received", None, *shared[3]),
    ]
    assert [row[1] for row in found(bob, columns)] == ["invalid", "valid", "invalid", "missing"]


async def test_what_is_old_is_parked(postgres: Postgres, name: str, tmp_path: Path) -> None:
    """Nobody expects a webhook of more than an hour ago any more, nor a GET that a web page may have sent."""
    old = to_micros(datetime.now(UTC) - timedelta(minutes=61))
    await publish(
        postgres,
        name,
        a_team_capture(1, received_at=old),
        a_team_capture(2, method="GET", body=b"", headers='[["Host","relay.example.com"]]'),
        a_team_capture(3),
    )
    with backend(answers()) as there:
        settings = settings_for(tmp_path, postgres, name, forward=(Route(to=there.url, where="test"),))

        def deliveries() -> list[tuple[Any, ...]]:
            return rows(settings.db, "SELECT capture_id, state, reason FROM deliveries ORDER BY id")

        async with engine.running(settings, receive=True):
            await until(lambda: [row[1] for row in deliveries()][2:] == ["ended"], "the one that goes")
    assert deliveries() == [(1, "parked", TOO_OLD), (2, "parked", "unknown-host"), (3, "ended", None)]
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    ("changes", "sends"),
    [
        ({"method": "GET", "target": "http://[zz:zz]/"}, (("http://localhost:3000", "unknown-host"),)),
        ({"tls": "not JSON"}, ("http://localhost:3000",)),
        ({"tls": "[1]"}, ("http://localhost:3000",)),
        ({"headers": "{}"}, ("http://localhost:3000",)),
    ],
)
async def test_an_odd_webhook_stops_no_follower(
    tmp_path: Path, changes: dict[str, Any], sends: tuple[Any, ...]
) -> None:
    """What a node has published in an unexpected form is stored, routed and parked as every other."""
    routes = [Route(to=":3000", when=f"method:{method}", where="test") for method in ("GET", "POST")]
    async with a_receiver(tmp_path, routes=routes) as running:
        followed = await judged(a_team_capture(1, **changes), running.receiver)
    assert followed.targets == sends


async def test_its_own_port(postgres: Postgres, name: str, tmp_path: Path) -> None:
    """What comes there stays on this machine, without a position, between the team's."""
    await publish(postgres, name, a_team_capture(1))
    settings = settings_for(tmp_path, postgres, name)
    async with engine.running(settings, receive=True) as running:
        await reached(settings, 1)
        assert b" 200 " in await post(running.url, a_post())
        await publish(postgres, name, a_team_capture(2))
        await reached(settings, 2)
        status = await status_of(settings)
        assert (status.state, status.position, status.newest, status.behind) == ("following", 2, 2, 0)
    assert found(settings, "position") == [(1,), (None,), (2,)]
    log = await open_log(postgres.address(name))
    try:
        assert (await log.state()).newest == 2
    finally:
        await log.close()


async def test_from_is_for_the_first_start(postgres: Postgres, name: str, tmp_path: Path) -> None:
    """With --from a database that follows already would not do what it says; a settings file may have it."""
    await publish(postgres, name, a_team_capture(1))
    settings = settings_for(tmp_path, postgres, name, follow_from="now", sources={"follow_from": "--from"})
    async with engine.running(settings, receive=True):
        await until_following(settings)
        await publish(postgres, name, a_team_capture(2))
        await reached(settings, 2)
    assert found(settings, "position") == [(2,)]
    with pytest.raises(UsageError, match="goes on after position 2"):
        async with engine.running(settings, receive=True):
            pass
    await publish(postgres, name, a_team_capture(3))
    async with engine.running(replace(settings, sources={"follow_from": "file"}), receive=True):
        await reached(settings, 3)
    with Reader(settings.db) as reader:
        assert [capture.position for capture in reader.captures((1, 2))] == [2, 3]
