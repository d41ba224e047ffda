"""How much a guard reports of a program that prints without end."""

from __future__ import annotations

import json
import socket

import pytest

from relay.tunnel import guard
from relay.tunnel.guard import COUNTED_FOR_S, MOST_NEWS, Guard
from relay.tunnel.messages import Start


def test_a_flood_of_urls_costs_little_and_later_ones_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit in each hour, not for ever: a tunnel may lose its connection and be back for weeks."""
    now = 1000.0
    monkeypatch.setattr(guard, "monotonic", lambda: now)
    engine, lifeline = socket.socketpair()
    with engine, lifeline:
        guarding = Guard(lifeline, Start(argv=(b"ngrok",), environment=(), kind="ngrok"))

        def urls(first: int, last: int) -> list[str]:
            for number in range(first, last):
                line = json.dumps({"msg": "started tunnel", "url": f"https://{number}.example"})
                guarding._on_line(line)
            lines = engine.recv(1_000_000).splitlines()
            return [str(json.loads(line)["url"]) for line in lines]

        flood = urls(0, 3 * MOST_NEWS)
        assert flood == [f"https://{number}.example" for number in range(MOST_NEWS)]
        now += COUNTED_FOR_S
        assert urls(9_000, 9_002) == ["https://9000.example", "https://9001.example"]
