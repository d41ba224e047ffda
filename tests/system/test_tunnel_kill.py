"""A tunnel never outlives its engine, kill -9 included, and its failures cost no webhook."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
import pytest

from tests.support import tunnels
from tests.support.program import exchange, lean_relay, lean_relay_here, running
from tests.support.sshd import server, sshd
from tests.support.tunnels import Double, below
from tests.support.waiting import wait_until

POST = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def guarded(engine: int) -> list[psutil.Process]:
    """The guard of an engine's tunnel, and the program."""
    for each in below(engine):
        if "relay.tunnel.guard" in each.cmdline():
            return [each, *each.children(recursive=True)]
    return []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_engine(tmp_path: Path, number: signal.Signals) -> None:
    """However that ends."""
    Double(tmp_path / "bin", "cloudflared").prints(tunnels.BOX.format(name="a-b") + tunnels.REGISTERED)
    env = {"PATH": tunnels.on_path(tmp_path / "bin")}
    with running(tmp_path, "--tunnel", "cloudflared", env=env) as relay:
        wait_until(lambda: "public URL https://a-b.trycloudflare.com" in relay.said, "its URL")
        family = guarded(relay.pid)
        assert len(family) == 2
        relay.process.send_signal(number)
        relay.process.wait(20)
        _, alive = psutil.wait_procs(family, 10)
        assert not alive


def test_a_real_ssh_ends_with_the_engine(tmp_path: Path) -> None:
    """And its port at the server is free again."""
    with sshd(tmp_path / "sshd") as there:
        env = {"PATH": tunnels.on_path(there.client)}
        options = ("--tunnel", f"ssh:{server()}", "--public-url", "https://hooks.example.com")
        with running(tmp_path, *options, env=env) as relay:
            wait_until(lambda: "public URL https://hooks.example.com by ssh:" in relay.said, "its URL")
            family = guarded(relay.pid)
            relay.kill()
            _, alive = psutil.wait_procs(family, 10)
            assert not alive
            wait_until(lambda: not there.sessions(), "the end of the connection")


def test_a_tunnel_that_dies_all_the_time_costs_no_webhook(tmp_path: Path) -> None:
    """Each one is answered with 200, and the lines on stdout say what happened to the tunnel."""
    Double(tmp_path / "bin", "mine").prints(
        "up at https://x.example\n\x1b[2J\u202eerror\x9b2J\n", then="exit 3"
    )
    config = tmp_path / "own.toml"
    config.write_text(f"[tunnel]\ncommand = [\"{tmp_path}/bin/mine\"]\nurl = 'https://\\S+'\n")
    with running(tmp_path, "--json", "--config", str(config), "--tunnel", "command") as relay:
        for _ in range(200):
            answer = exchange(relay.port, POST)
            assert answer is not None
            assert answer.status == 200

        def printed() -> list[dict[str, object]]:
            text = (tmp_path / "stdout").read_text()
            return [json.loads(line) for line in text.splitlines() if text.endswith("\n")]

        wait_until(lambda: sum(line["kind"] == "tunnel" for line in printed()) >= 3, "lines of the tunnel")
        lines = printed()
        assert lines[0]["kind"] == "ready"
        states = [line["state"] for line in lines if line["kind"] == "tunnel"]
        assert set(states) <= {"up", "down"}
        assert "down" in states
        shown = lean_relay(tmp_path, "status", "--db", str(relay.db))
        assert "tunnel     command is" in shown.stdout
        assert "error" in relay.said
        for text in (relay.said, shown.stdout):
            assert text.replace("\n", "").isprintable()


def test_options_that_cannot_hold(tmp_path: Path) -> None:
    """Each is wrong usage, and says what to do."""
    bare = {"PATH": str(tmp_path)}
    for options, part in (
        (("--tunnel", "cloudflared"), "which is not on PATH; get it from"),
        (("--tunnel", "ssh:me@server"), "set public_url"),
        (("--tunnel", "command"), "needs a table [tunnel]"),
        (("--tunnel", "telnet"), "is not a valid tunnel; use ssh:you@server"),
        (("--tunnel", "ssh:-oProxyCommand=x"), "is not a valid tunnel"),
        (("--tunnel", "ngrok", "--public-url", "https://x.example"), "--public-url has no effect"),
    ):
        ended = lean_relay_here(tmp_path, "listen", "--port", "0", *options, env=bare)
        assert ended.returncode == 2
        assert part in ended.stderr
