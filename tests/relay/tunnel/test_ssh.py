"""A tunnel by ssh through a real sshd: URL, bytes, lost and silent connections, a taken port, no keys."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from relay.config import Settings, TunnelChoice
from relay.engine import engine
from relay.engine.engine import Engine
from relay.store.read.reader import Reader
from relay.tunnel import kinds
from tests.support import tunnels
from tests.support.backends import free_port
from tests.support.receiving import read_answer
from tests.support.sshd import Sshd, server, sshd
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PUBLIC = "https://hooks.example.com"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One sshd for all."""
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


class Relay:
    """An engine with a tunnel by ssh, and the port on the server that leads to it."""

    def __init__(self, running: Engine, port: int) -> None:
        assert running.tunnel is not None
        self.tunnel = running.tunnel
        self.port = port
        self.db = running.settings.db

    async def until(self, state: str, part: str = "") -> None:
        def holds() -> bool:
            now = self.tunnel.status()
            return now.state == state and part in (now.reason or "")

        await until(holds, f"{state} {part}")

    async def send(self, data: bytes) -> bytes:
        """Send bytes to the server's port, as its web server would."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await read_answer(reader)
        finally:
            writer.close()


@asynccontextmanager
async def a_relay(
    there: Sshd, folder: Path, monkeypatch: pytest.MonkeyPatch, *, port: int | None = None, **changes: Any
) -> AsyncIterator[Relay]:
    """Run it, on any port here and a port of the server's."""
    monkeypatch.setenv("PATH", tunnels.on_path(there.client))
    port = port or free_port()
    monkeypatch.setattr("relay.engine.tunnels.SERVER_PORT", port)
    settings = Settings(
        db=folder / "relay.db",
        port=0,
        public_url=PUBLIC,
        tunnel=TunnelChoice(kind="ssh", server=changes.pop("server", server())),
        sources={},
        **changes,
    )
    async with engine.running(settings, receive=True) as running:
        yield Relay(running, port)


async def test_every_byte_arrives(there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Body, encoded target, order, case and repeats of headers."""
    body = bytes(range(256)) * 40
    head = (
        "POST /a%2Fb/%e4?x=%20&y HTTP/1.1\r\nhOST: hooks.example.com\r\nX-One: 1\r\nx-TWO: 2\r\nX-One: 3\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    async with a_relay(there, tmp_path, monkeypatch) as relay:
        await relay.until("up")
        assert relay.tunnel.status().url == PUBLIC
        assert b" 200 " in await relay.send(head.encode() + body)
        with Reader(relay.db) as reader:
            capture = reader.capture(1)
        assert capture is not None
        assert sha256(capture.body).digest() == sha256(body).digest()
        assert capture.target == "/a%2Fb/%e4?x=%20&y"
        names = [name for name, _ in capture.headers]
        assert names == ["hOST", "X-One", "x-TWO", "X-One", "content-length"]
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await until(lambda: not there.sessions(), "the end of its connection")
        await asyncio.open_connection("127.0.0.1", relay.port)


async def test_a_killed_connection_comes_back(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same port."""
    async with a_relay(there, tmp_path, monkeypatch) as relay:
        await relay.until("up")
        there.kill_sessions()
        await relay.until("down", "it ended")
        await relay.until("up")
        assert b" 200 " in await relay.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")


async def test_a_silent_connection_is_noticed(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its port stays taken at the server until that has noticed too."""
    monkeypatch.setattr(kinds, "SSH_ALIVE_EVERY_S", 1)
    async with a_relay(there, tmp_path, monkeypatch) as relay:
        await relay.until("up")
        silent = there.sessions()
        there.kill_sessions(signal.SIGSTOP)
        await relay.until("down", "does not respond")
        await relay.until("down", f"port {relay.port} on the server is taken")
        for each in silent:
            with suppress(Exception):
                each.kill()
        await relay.until("up")


async def test_a_taken_port_is_said(there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And used as soon as it is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with a_relay(there, tmp_path, monkeypatch, port=port) as relay:
            await relay.until("down", f"port {port} on the server is taken")
            taken.close()
            await relay.until("up")


async def test_missing_keys_are_said(there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's key at the server, the server's key here."""
    authorized = (there.folder / "authorized").read_bytes()
    (there.folder / "authorized").write_bytes(b"")
    async with a_relay(there, tmp_path, monkeypatch) as relay:
        await relay.until("down", "none of your keys")
        (there.folder / "authorized").write_bytes(authorized)
        known = (there.folder / "known").read_bytes()
        (there.folder / "known").write_bytes(b"")
        await relay.until("down", "connect once by hand")
        (there.folder / "known").write_bytes(known)
        await relay.until("up")
