"""The engine and its port."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from time import time

import pytest

from relay.checks import engine
from relay.control import client
from relay.control.lock import Holder, Lock
from tests.support.loaded_settings import settings


def test_a_port_that_is_held_is_a_fault(home: Path) -> None:
    """A port that another program listens on is a fault that says so; a free one is ok."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        running, held = engine.engine_and_port(settings(port=port))
        assert (running.level, held.level) == ("ok", "fault")
        assert f"127.0.0.1 port {port} cannot be used: Address already in use" in held.text
    _, free = engine.engine_and_port(settings(port=port))
    assert free.level == "ok"
    _, nowhere = engine.engine_and_port(settings(host="no-such-host.invalid"))
    assert nowhere.level == "fault"


def test_an_engine_that_runs_is_found(db: Path) -> None:
    """A running engine is named with pid and URL; the port that it has itself is not a fault."""
    lock = Lock.take(db)
    try:
        lock.describe(Holder(pid=os.getpid(), started_at=time(), url="http://127.0.0.1:5326"))
        (running,) = engine.engine_and_port(settings(port=5326))
        assert running.text == f"running as pid {os.getpid()}, receiving webhooks at http://127.0.0.1:5326"
        running, port = engine.engine_and_port(settings(port=8080))
        assert (running.level, port.level) == ("ok", "warning")
    finally:
        lock.release()


async def test_an_engine_that_does_not_answer_is_a_fault(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the database, so it runs; but nothing is known of it, and the finding says how to end it."""
    monkeypatch.setattr(client, "FOUND_WITHIN_S", 0.0)
    assert await engine.responding(settings()) == (None, [])
    lock = Lock.take(db)
    try:
        lock.describe(Holder(pid=os.getpid(), started_at=time(), url="http://127.0.0.1:5326"))
        status, (silent,) = await engine.responding(settings())
    finally:
        lock.release()
    assert status is None
    assert silent.level == "fault"
    assert silent.text == f"the engine (pid {os.getpid()}) does not answer: it has not finished starting"
    assert silent.next_step == f"`kill {os.getpid()}` ends it"


async def test_an_engine_that_ends_meanwhile_is_none(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a fault: it was there when it was looked for, and not when it was asked."""
    found = iter([Holder(pid=os.getpid(), started_at=0.0), None])
    monkeypatch.setattr("relay.control.lock.holder", lambda _: next(found))
    assert await engine.responding(settings()) == (None, [])
