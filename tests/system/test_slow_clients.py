"""Slow and silent callers lose their connections in time and cost the good ones nothing."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.support.lean_requests import a_body, a_request
from tests.support.program import connect, exchange, running
from tests.support.waiting import wait_until
from tests.torture.https import https
from tests.torture.short_limits import BODY_S, HEAD_S, IDLE_S
from tests.torture.slow import hold_out, reasons

SHORT_LIMITS = ("-m", "tests.torture.short_limits")


def test_slow_callers(tmp_path: Path) -> None:
    """Heads, bodies and silence have deadlines; webhooks are answered meanwhile."""
    with running(tmp_path, launcher=SHORT_LIMITS) as program:
        hold_out(program, 10, max(HEAD_S, BODY_S, IDLE_S) + 4.0, 0.5)


@pytest.mark.parametrize("client_auth", ["off", "required"])
def test_slow_callers_over_tls(tmp_path: Path, client_auth: str) -> None:
    """The same over TLS, and those who do not get through the handshake have a deadline too."""
    secure = https(tmp_path / "pki", client_auth)
    with running(tmp_path, *secure.options, launcher=SHORT_LIMITS) as program:
        hold_out(program, 6, max(HEAD_S, BODY_S, IDLE_S) + 4.0, 0.5, secure.context)


def test_more_connections_than_allowed(tmp_path: Path) -> None:
    """At the cap the oldest incomplete connection makes room: a webhook gets in at once."""
    with running(tmp_path, env={"LEAN_RELAY_CONNECTIONS": "16"}) as program:
        silent = [connect(program.port) for _ in range(60)]
        try:
            for _ in range(5):
                reply = exchange(program.port, a_request(a_body()), within_s=2.0)
                assert reply is not None
                assert reply.status == 200
            open_now = psutil.Process(program.pid).net_connections("tcp")
            assert sum(one.status == "ESTABLISHED" for one in open_now) <= 16
            wait_until(lambda: "too-many-connections" in reasons(program), "the refusal's row")
        finally:
            for connection in silent:
                connection.close()
        assert "Traceback" not in program.said
