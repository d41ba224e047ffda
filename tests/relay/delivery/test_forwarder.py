"""The forwarder: order, targets that go and come back, retries; and no webhook waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from relay.config import Route, SecretSource, Settings
from relay.control import client
from relay.control.messages import ForwardRequest, StatusRequest
from relay.delivery import attempt, target_queue
from relay.delivery.http.request import OutgoingRequest
from relay.delivery.http.sender import Sender, SendResult
from relay.engine import access
from relay.lean.signature import sign
from tests.relay.engine.test_engine import post
from tests.support.forwarding import Backend, an_engine, attempts, backend, numbers, settings_for, states
from tests.support.receiving import (
    a_post,
    executed,
    rows,
)
from tests.support.waiting import until

__all__ = ["backend"]


@pytest.mark.slow
async def test_captures_arrive_in_order_with_their_verdict(tmp_path: Path, backend: Backend) -> None:
    """One after the other as they came; each attempt is recorded with what Lean would conclude."""
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        for number in range(20):
            assert b" 200 " in await post(running.url, a_post(str(number).encode()))
        await until(lambda: states(settings.db) == ["ended"] * 20, "all deliveries")
    assert backend.got == numbers(*range(20))
    assert attempts(settings.db) == [("answered", 200, "delivered")] * 20


async def test_a_filter_chooses_what_goes_on(tmp_path: Path, backend: Backend) -> None:
    """With `when` the others are stored and not forwarded."""
    settings = settings_for(tmp_path, backend, when="body:yes")
    async with an_engine(settings) as running:
        for body in (b"yes 1", b"no", b"yes 2"):
            await post(running.url, a_post(body))
        await until(lambda: states(settings.db) == ["ended", "ended"], "both deliveries")
    assert backend.got == [b"yes 1", b"yes 2"]


@pytest.mark.slow
async def test_production_and_sandbox_go_to_backends_of_their_own(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which secret signed it is known on arrival, and so are token and sender: each route takes its own."""
    monkeypatch.setenv("LIVE", "secret-of-production")
    monkeypatch.setenv("TEST", "secret-of-sandbox")
    monkeypatch.setenv("TOKEN", "app-token")
    other = Backend()
    await other.start()
    try:
        routes = (
            Route(to=f":{backend.port}/hook", when="signed:production token:match", where="forward[0]"),
            Route(to=f":{other.port}/hook", when="signed:sandbox sender:match", where="forward[1]"),
        )
        settings = Settings(
            db=tmp_path / "relay.db",
            port=0,
            forward=routes,
            secrets=(
                SecretSource(name="production", env="LIVE", where="test"),
                SecretSource(name="sandbox", env="TEST", where="test"),
            ),
            app_token=SecretSource(name="app_token", env="TOKEN", where="test"),
            senders=(ip_network("127.0.0.0/8"),),
        )
        async with an_engine(settings) as running:
            for number, (secret, token) in enumerate(
                [
                    (b"secret-of-production", "app-token"),
                    (b"secret-of-sandbox", "app-token"),
                    (b"of-nobody", "app-token"),
                    (b"secret-of-production", "another"),
                    (b"secret-of-sandbox", "another"),
                ]
            ):
                body = str(number).encode()
                headers = (("lean-signature", sign(body, secret)), ("lean-app-token", token))
                assert b" 200 " in await post(running.url, a_post(body, headers=headers))
            await until(lambda: states(settings.db) == ["ended"] * 3, "what goes on")
        assert (backend.got, other.got) == (numbers(0), numbers(1, 4))
    finally:
        await other.end()


@pytest.mark.slow
async def test_a_target_that_is_down_gets_everything_in_order_when_it_is_back(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is tried while it is down but a knock; then the queue drains; one line says each."""
    monkeypatch.setattr(target_queue, "PROBE_FIRST_S", 0.05)
    settings = settings_for(tmp_path, backend)
    await backend.stop()
    async with an_engine(settings) as running:
        for number in range(30):
            assert b" 200 " in await post(running.url, a_post(str(number).encode()))
        await until(lambda: "is down" in caplog.text, "the word that it is down")
        status = await client.request(settings.db, StatusRequest())
        (target,) = status.targets
        assert (target.state, target.waiting) == ("down", 30)
        assert f"nothing listens on port {backend.port}" in str(target.reason)
        assert attempts(settings.db) == []
        await backend.start()
        await until(lambda: states(settings.db) == ["ended"] * 30, "the queue to drain")
    assert backend.got == numbers(*range(30))
    assert caplog.text.count("is down") == 1
    assert caplog.text.count("is back") == 1


@pytest.mark.slow
async def test_a_backend_at_a_breakpoint_holds_up_nobody_for_long(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its ten seconds a try is only awaited: the next ones go, and it is sent once, not again."""
    monkeypatch.setattr(attempt, "HOLDS_UP_S", 0.2)
    go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if await request.read() == b"0":
            await go_on.wait()
        return web.Response()

    backend.answer = answer
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        for number in range(4):
            await post(running.url, a_post(str(number).encode()))
        await until(lambda: states(settings.db) == ["sending", "ended", "ended", "ended"], "those behind it")
        go_on.set()
        await until(lambda: states(settings.db) == ["ended"] * 4, "the first one too")
    assert backend.got == numbers(0, 1, 2, 3)


@pytest.mark.slow
async def test_no_answer_waits_for_forwarding(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a forwarder that blocks for ever, captures are answered and stored as ever."""

    async def for_ever(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("relay.delivery.http.sender.Sender.send", for_ever)
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        for number in range(50):
            assert b" 200 " in await post(running.url, a_post(str(number).encode()))
        assert rows(settings.db, "SELECT count(*) FROM captures") == [(50,)]
    assert backend.got == []


@pytest.mark.slow
async def test_failed_answers_are_sent_again_as_the_policy_says(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`none` leaves a 500 alone; `lean` tries again at Lean's times, here in a thousandth of them."""
    failures = 2

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal failures
        failures -= 1
        return web.Response(status=500 if failures >= 0 else 200)

    backend.answer = answer
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"none"))
        await until(lambda: states(settings.db) == ["ended"], "the end of the first")
    assert attempts(settings.db) == [("answered", 500, "retry")]
    async with an_engine(replace(settings, retry="lean", time_scale=0.001)) as running:
        await post(running.url, a_post(b"lean"))
        await until(lambda: states(settings.db) == ["ended", "ended"], "the second to be delivered")
    assert attempts(settings.db)[1:] == [("answered", 500, "retry"), ("answered", 200, "delivered")]
    assert backend.got == [b"none", b"lean", b"lean"]


@pytest.mark.slow
async def test_an_old_backlog_is_parked_and_sent_on_request(
    tmp_path: Path, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """What waited for more than an hour is not sent by itself; `forward` releases it, or sends again."""
    settings = settings_for(tmp_path, backend)
    await backend.stop()
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"old"))
        await running._writer.write(partial(executed, sql="UPDATE deliveries SET created_at = 1000"))
    await backend.start()
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"new"))
        await until(lambda: states(settings.db) == ["parked", "ended"], "the new one")
        assert "lean-relay forward state:parked" in caplog.text
        done = await access.request(settings, ForwardRequest(ids=[1, 2]))
        assert (done.queued, done.released) == (1, 1)
        await until(lambda: states(settings.db) == ["ended"] * 3, "both")
    assert backend.got == [b"new", b"old", b"new"]


@pytest.mark.slow
async def test_tries_that_overlap_lose_no_delivery(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every try outlasts its hold, several end at once: each capture is still sent, once, and ends."""
    monkeypatch.setattr(attempt, "HOLDS_UP_S", 0.01)
    together = asyncio.Condition()

    async def answer(request: web.Request) -> web.StreamResponse:
        # Nobody is answered until four are there, so that four are recorded at the same time.
        async with together:
            together.notify_all()
            await together.wait_for(lambda: len(backend.got) % 4 == 0)
        return web.Response()

    backend.answer = answer
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        await asyncio.gather(*(post(running.url, a_post(str(number).encode())) for number in range(40)))
        await until(lambda: states(settings.db) == ["ended"] * 40, "all deliveries")
    assert sorted(backend.got) == sorted(numbers(*range(40)))


async def test_a_fault_of_our_own_costs_one_delivery(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody foresaw ends its try, is told, and stops neither the queue nor the engine."""
    send = Sender.send

    async def fails_once(sender: Sender, request: OutgoingRequest, *rest: Any, **named: Any) -> SendResult:
        if request.body == b"1":
            raise LookupError("not\x1b[2J foreseen")
        return await send(sender, request, *rest, **named)

    monkeypatch.setattr(Sender, "send", fails_once)
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        for number in range(3):
            await post(running.url, a_post(str(number).encode()))
        await until(lambda: states(settings.db) == ["ended"] * 3, "all deliveries")
    assert backend.got == numbers(0, 2)
    assert attempts(settings.db)[1] == ("fault", None, None)
    ((error,),) = rows(settings.db, "SELECT error FROM attempts WHERE outcome = 'fault'")
    assert error.startswith("internal error, please report it: LookupError in fails_once:")
    assert "foreseen" not in error, "an exception's own words may quote what was sent"
    assert "internal error" in caplog.text
