"""Relays whose targets lead back to them: refused where that can be known, else ended, visibly."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backends import free_port
from tests.support.killing import count
from tests.support.lean_requests import a_body, a_request
from tests.support.program import Running, exchange, lean_relay, nothing_waits, ready, start
from tests.support.waiting import wait_until

ANOTHER_NAME = "127.1"
"""Resolves to 127.0.0.1, as any name in /etc/hosts may, and does not look like it."""


@contextlib.contextmanager
def at_port(folder: Path, port: int, *arguments: str) -> Iterator[Running]:
    """A relay on a port that is known before it starts."""
    folder.mkdir()
    process = start(folder, *arguments, port=port)
    try:
        yield Running(process=process, port=ready(process, folder), db=folder / "relay.db", folder=folder)
    finally:
        process.terminate()
        process.wait(10)


def post(relay: Running) -> None:
    reply = exchange(relay.port, a_request(a_body()))
    assert reply is not None
    assert reply.status == 200


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "[::1]", "0.0.0.0"])
def test_the_relay_itself_is_no_target(tmp_path: Path, host: str) -> None:
    """A target that is the own listener is refused at start, however it is written."""
    port = free_port()
    done = lean_relay(tmp_path, "listen", "--port", str(port), "--forward-to", f"{host}:{port}/hook")
    assert done.returncode == 2
    assert "[loop]" in done.stderr
    assert "is this relay itself: webhooks would be forwarded in a loop" in done.stderr


def test_a_relay_that_leads_to_itself_by_another_name(tmp_path: Path) -> None:
    """What no name tells ends after one hop: the second capture says why it goes no further."""
    port = free_port()
    with at_port(tmp_path / "a", port, "--forward-to", f"{ANOTHER_NAME}:{port}") as relay:
        post(relay)
        why = "it was sent by this relay itself: the target leads back here"
        wait_until(lambda: f"2 payment.updated valid -> {why}: not sent\n" in relay.said, "the line")
        wait_until(lambda: nothing_waits(relay.db), "the end")
        assert count(relay.db) == 2
        done = lean_relay(tmp_path, "show", "2", "--db", str(relay.db))
        assert f"ended; 1 attempt: {why} in <1 ms\n" in done.stdout
        done = lean_relay(tmp_path, "list", "verdict:retry", "--json", "--db", str(relay.db))
        assert done.stdout == "", "Lean would conclude nothing of what never left"


@pytest.mark.parametrize("host", ["localhost", ANOTHER_NAME])
def test_two_relays_at_each_other(tmp_path: Path, host: str) -> None:
    """A capture goes round until three relays have forwarded it; the last one says so."""
    ports = free_port(), free_port()
    with (
        at_port(tmp_path / "a", ports[0], "--forward-to", f"{host}:{ports[1]}") as first,
        at_port(tmp_path / "b", ports[1], "--forward-to", f"{host}:{ports[0]}") as second,
    ):
        post(first)
        why = "3 relays have forwarded it already; do their targets form a loop?"
        wait_until(lambda: f"2 payment.updated valid -> {why}: not sent\n" in second.said, "the line")
        wait_until(lambda: nothing_waits(first.db) and nothing_waits(second.db), "the end")
        assert (count(first.db), count(second.db)) == (2, 2)


def test_a_circle_of_more_than_three(tmp_path: Path) -> None:
    """Three hops are all that any capture makes."""
    ports = [free_port() for _ in range(5)]
    with contextlib.ExitStack() as stack:
        relays = [
            stack.enter_context(
                at_port(tmp_path / str(number), port, "--forward-to", f":{ports[(number + 1) % 5]}")
            )
            for number, port in enumerate(ports)
        ]
        post(relays[0])
        words = "3 relays have forwarded it already; do their targets form a loop?"
        wait_until(lambda: words in relays[3].said, "the line")
        assert [count(relay.db) for relay in relays] == [1, 1, 1, 1, 0]
        line = json.loads(lean_relay(tmp_path, "show", "1", "--json", "--db", str(relays[3].db)).stdout)
        (delivery,) = line["deliveries"]
        assert (delivery["state"], delivery["outcome"], delivery["verdict"]) == ("ended", "loop", None)
