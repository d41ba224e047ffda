"""Listening: a name with several addresses has one port."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from relay.receiver.listener import listen


async def test_any_port_is_the_same_on_each_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two addresses, port 0: both are reached by the one port that is told."""
    loop = asyncio.get_running_loop()

    async def two(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, 0, 0, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.2")]

    with monkeypatch.context() as patched:
        patched.setattr(loop, "getaddrinfo", two)
        servers = await listen(asyncio.Protocol, "localhost", 0)
    try:
        names = [server.sockets[0].getsockname() for server in servers]
        assert [name[0] for name in names] == ["127.0.0.1", "127.0.0.2"]
        assert len({name[1] for name in names}) == 1
        with pytest.raises(OSError):
            await listen(asyncio.Protocol, "127.0.0.1", names[0][1])
    finally:
        for server in servers:
            server.close()


async def test_a_name_that_is_none_is_an_error_of_the_system() -> None:
    """As any other name without an address: what starts the receiver says where it cannot listen."""
    with pytest.raises(OSError, match="not a valid host name"):
        await listen(asyncio.Protocol, "a..b", 0)


async def test_where_one_address_is_taken_nothing_listens() -> None:
    """A port that is asked for and not free on one address is an error, and the other is let go."""
    taken = await listen(asyncio.Protocol, "127.0.0.1", 0)
    port = taken[0].sockets[0].getsockname()[1]
    try:
        with pytest.raises(OSError):
            await listen(asyncio.Protocol, "127.0.0.1", port)
    finally:
        taken[0].close()
    again = await listen(asyncio.Protocol, "127.0.0.1", port)
    again[0].close()
