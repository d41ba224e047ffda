"""The public URL setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.checks import public_url
from relay.control.messages import TunnelStatus
from tests.support.loaded_settings import settings
from tests.support.tunnels import Double


def test_a_public_url_without_tls_is_warned_of(home: Path) -> None:
    """http would carry bank data in the open; https is ok."""
    assert [f.level for f in public_url.configured(settings(public_url="http://x.example"))] == ["warning"]
    assert [f.level for f in public_url.configured(settings(public_url="https://x.example"))] == ["ok"]


def test_a_tunnel_says_where_it_leads_or_why_it_does_not() -> None:
    """Up, starting, and down with its reason."""
    up = TunnelStatus(name="ngrok", state="up", url="https://x.example")
    down = TunnelStatus(name="ngrok", state="down", reason="it ended")
    slow = TunnelStatus(name="ngrok", state="starting", reason="it has named no URL")
    found = [
        next(public_url.through(each)) for each in (up, TunnelStatus(name="n", state="starting"), down, slow)
    ]
    assert [each.level for each in found] == ["ok", "warning", "fault", "fault"]
    assert "is down: it ended" in found[2].text


def test_a_tunnel_that_is_set_is_looked_at_before_it_is_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its program is there, or how to get it."""
    monkeypatch.setenv("PATH", str(home))
    chosen = settings(tunnel="cloudflared")
    (missing,) = public_url.in_force(chosen, None)
    assert missing.level == "fault"
    assert "not on PATH" in missing.text
    Double(home, "cloudflared").prints("")
    (found,) = public_url.in_force(chosen, None)
    assert (found.level, found.text) == ("ok", "`lean-relay listen` starts cloudflared")
