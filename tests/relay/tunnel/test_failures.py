"""The reasons of failed tunnels, in words that say what to do."""

from __future__ import annotations

import pytest

from relay.tunnel.failures import meaning, reason
from tests.support import tunnels


@pytest.mark.parametrize(
    ("kind", "text", "part"),
    [
        ("cloudflared", tunnels.TOO_MANY, "limits new quick tunnels"),
        ("cloudflared", "failed to unmarshal quick Tunnel: unexpected end of JSON input", "not as expected"),
        (
            "cloudflared",
            "failed to request quick Tunnel: dial tcp: lookup api: no such host",
            "cannot be reached",
        ),
        ("ngrok", tunnels.NGROK_WITHOUT_ACCOUNT, "add-authtoken"),
        ("ngrok", "ERR_NGROK_108", "runs already"),
        ("ssh", "Host key verification failed.", "connect once by hand"),
        (
            "ssh",
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "has changed",
        ),
        ("ssh", "me@server: Permission denied (publickey).", "none of your keys"),
        (
            "ssh",
            "Error: remote port forwarding failed for listen port 5326",
            "port 5326 on the server is taken",
        ),
        ("ssh", "Timeout, server 192.0.2.1 not responding.", "does not respond"),
        (
            "ssh",
            "ssh: Could not resolve hostname nowhere: Name or service not known",
            "name nowhere is not known",
        ),
        ("ssh", "ssh: connect to host x port 22: Connection refused", "was refused"),
        ("tailscale", "failed to connect to local tailscaled; it doesn't appear to be running", "start it"),
        ("tailscale", 'error: Funnel not available; "funnel" node attribute not set.', "not allowed"),
        ("tailscale", "Access denied: serve config denied", "only root"),
    ],
)
def test_known_failures(kind: str, text: str, part: str) -> None:
    """Each says what it means, and what to do."""
    assert part in (meaning(kind, text.splitlines()) or "")


def test_unknown_failures_show_the_programs_own_words() -> None:
    """The last ones, cut to a length."""
    assert reason("ngrok", 1, ["first", "last"]) == "it ended (exit code 1): last"
    assert reason("command", -9, []) == "it ended (killed by SIGKILL) and printed nothing"
    assert len(reason("command", 1, ["x" * 2000])) < 300
