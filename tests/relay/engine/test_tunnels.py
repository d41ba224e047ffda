"""The engine and its tunnel: status, log lines, the remembered URL, the Host that it brings, and settings."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.checks import public_url, way_in
from relay.config import Route, SecretSource, Settings, TunnelChoice
from relay.control import client
from relay.control.messages import ReloadRequest, ReplayRequest, StatusRequest, TunnelStatus
from relay.engine import engine
from relay.engine.engine import Engine
from relay.errors import RelayError, UsageError
from tests.support import tunnels
from tests.support.receiving import read_answer, rows
from tests.support.tunnels import Double, below
from tests.support.waiting import until

QUICK = "https://quiet-lake.trycloudflare.com"


def box(name: str = "quiet-lake") -> str:
    return tunnels.BOX.format(name=name) + tunnels.REGISTERED


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH for doubles."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", tunnels.on_path(folder))
    return folder


def settings_for(folder: Path, **changes: Any) -> Settings:
    usual: dict[str, Any] = {
        "tunnel": TunnelChoice(kind="cloudflared"),
        "sources": {"public_url": "config.toml: public_url"},
    }
    return replace(Settings(db=folder / "data" / "relay.db", port=0), **(usual | changes))


@asynccontextmanager
async def an_engine(settings: Settings) -> AsyncIterator[Engine]:
    async with engine.running(settings, receive=True, reread=lambda: settings) as running:
        yield running


async def status(settings: Settings) -> TunnelStatus:
    found = await client.request(settings.db, StatusRequest())
    assert found.tunnel is not None
    return found.tunnel


async def up(running: Engine) -> None:
    assert running.tunnel is not None
    tunnel = running.tunnel
    await until(lambda: tunnel.status().state == "up", "the tunnel")


async def get(running: Engine, host: str) -> bytes:
    port = int(str(running.url).rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /hook HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return await read_answer(reader)
    finally:
        writer.close()


async def test_the_url_is_in_the_status_and_leads_here(programs: Path, tmp_path: Path) -> None:
    """Also for `doctor`, and the program is given this engine's address."""
    double = Double(programs, "cloudflared").prints(box())
    settings = settings_for(tmp_path)
    async with an_engine(settings) as running:
        await up(running)
        found = await client.request(settings.db, StatusRequest())
        assert found.engine.public_url == QUICK
        assert found.tunnel is not None
        assert (found.tunnel.name, found.tunnel.state, found.tunnel.url) == ("cloudflared", "up", QUICK)
        assert f"--url\n{running.url}\n" in double.started_with
        (finding,) = public_url.in_force(settings, found)
        assert (finding.level, finding.text) == ("ok", f"{QUICK} by cloudflared")
    assert not below(os.getpid())


async def test_nothing_waits_for_a_tunnel(programs: Path, tmp_path: Path) -> None:
    """The listener answers while the program says nothing, and has no public URL to show."""
    Double(programs, "cloudflared").prints("")
    settings = settings_for(tmp_path, public_url="https://old.example")
    async with an_engine(settings) as running:
        assert b" 200 " in await get(running, "localhost")
        found = await client.request(settings.db, StatusRequest())
        assert found.engine.public_url is None
        (finding,) = public_url.in_force(settings, found)
        assert finding.level == "warning"


async def test_a_url_that_changed_is_said_loudly(
    programs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The database knows the last one; the first, and the same again, are a plain line."""
    caplog.set_level(logging.INFO, "relay.tunnel")
    double = Double(programs, "cloudflared").prints(box())
    settings = settings_for(tmp_path)
    for _ in range(2):
        async with an_engine(settings) as running:
            await up(running)
            await until(lambda: f"public URL {QUICK} by cloudflared" in caplog.text, "its line")
            assert (await status(settings)).previous_url is None
        caplog.clear()
    double.prints(box("new-lake"))
    async with an_engine(settings) as running:
        await up(running)
        await until(lambda: "the public URL has changed" in caplog.text, "the change")
        assert (await status(settings)).previous_url == QUICK
        loud = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert "https://new-lake.trycloudflare.com now, by cloudflared, and was" in loud[0].getMessage()
    assert rows(settings.db, "SELECT name, value FROM facts") == [
        ("public_url", "https://new-lake.trycloudflare.com")
    ]


async def test_a_failure_is_logged_once_with_its_meaning(
    programs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it happens; its last lines are there to read, and where TLS ends only when it is up."""
    caplog.set_level(logging.INFO, "relay.tunnel")
    Double(programs, "cloudflared").prints(tunnels.TOO_MANY, then="exit 1")
    settings = settings_for(tmp_path)
    seen: list[TunnelStatus] = []
    async with an_engine(settings) as running:
        assert running.tunnel is not None
        running.tunnel.watch(seen.append)
        await until(lambda: len(seen) >= 2, "two failures")
        assert {each.state for each in seen} == {"down"}
        assert seen[-1].next_at is not None
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 1
    assert "limits new quick tunnels" in warned[0]
    assert "cloudflared: failed to unmarshal quick Tunnel" in caplog.text
    assert "TLS ends" not in caplog.text


async def test_the_host_of_the_tunnel_is_ours(programs: Path, tmp_path: Path) -> None:
    """A GET to it is forwarded, one to another name is parked; also after a reload."""
    Double(programs, "cloudflared").prints(box())
    settings = settings_for(tmp_path, forward=(Route(to="http://127.0.0.1:9", where="here"),))
    async with an_engine(settings) as running:
        await up(running)
        await get(running, "quiet-lake.trycloudflare.com")
        await get(running, "other.trycloudflare.com")
        await running.request(ReloadRequest())
        await get(running, "quiet-lake.trycloudflare.com")
        parked = rows(settings.db, "SELECT capture_id FROM deliveries WHERE reason = 'unknown-host'")
        assert parked == [(2,)]
        with pytest.raises(UsageError, match="is this relay itself"):
            await running.request(ReplayRequest(ranges=((1, 1),), to=(QUICK,)))


async def test_a_sample_goes_through_it(programs: Path, tmp_path: Path) -> None:
    """`doctor --public` posts to the tunnel's URL, whatever the settings say."""
    double = Double(programs, "mine").prints("", then='echo "ready at $1"; exec sleep 600')
    choice = TunnelChoice(kind="command", command=(str(double.path), "{url}"), pattern=r"http://\S+")
    settings = settings_for(tmp_path, tunnel=choice, public_url="http://127.0.0.1:9")
    async with an_engine(settings) as running:
        await up(running)
        found = await way_in.way_in(settings)
        assert f"a sample went through {running.url} and is capture 1" in found.text
        Path(double.path).unlink()
        for each in below(os.getpid()):
            if "sleep" in each.name():
                each.kill()
        await until(lambda: running.public_url is None, "the end of its URL")
        assert "the tunnel command is" in (await way_in.way_in(settings)).text


async def test_a_program_gets_no_secret(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of Lean's, and none that a setting names."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", "hunter2")
    monkeypatch.setenv("BANK_SECRET", "hunter3")
    monkeypatch.setenv("NGROK_AUTHTOKEN", "its own")
    double = Double(programs, "ngrok").prints(tunnels.NGROK, stream=1)
    secret = SecretSource(name="sandbox", env="BANK_SECRET", where="here")
    settings = settings_for(tmp_path, tunnel=TunnelChoice(kind="ngrok"), secrets=(secret,))
    async with an_engine(settings) as running:
        await up(running)
    assert "its own" in double.started_with
    assert "hunter" not in double.started_with
    assert "PYTHONPATH" not in double.started_with or "PYTHONPATH" in os.environ


async def test_a_public_url_that_is_not_used_is_said(
    programs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the setting that has it."""
    Double(programs, "tailscale").prints(tunnels.FUNNEL, stream=1)
    settings = settings_for(tmp_path, tunnel=TunnelChoice(kind="tailscale"), public_url="https://old.example")
    async with an_engine(settings) as running:
        await up(running)
        assert running.public_url == "https://laptop.tail1234.ts.net"
    assert "public_url (config.toml: public_url) is not used" in caplog.text


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        (
            {"tunnel": TunnelChoice(kind="ngrok")},
            "which is not on PATH; get it from https://ngrok.com/download",
        ),
        ({"tunnel": TunnelChoice(kind="ssh", server="me@server")}, "set public_url"),
    ],
)
async def test_what_cannot_be_started_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], part: str
) -> None:
    """Before anything is made."""
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = settings_for(tmp_path, **changes)
    with pytest.raises(RelayError, match=part) as refused:
        async with an_engine(settings):
            pytest.fail("it started")
    assert refused.value.exit_code == 2
    assert not settings.db.parent.exists()


async def test_an_engine_of_a_command_starts_none(programs: Path, tmp_path: Path) -> None:
    """It takes no webhooks."""
    double = Double(programs, "cloudflared").prints(box())
    async with engine.running(settings_for(tmp_path), receive=False) as running:
        assert running.tunnel is None
    assert not double.started_with
