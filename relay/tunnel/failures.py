"""Explains failures of tunnel programs by the last lines that they print. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from relay.processes import how_it_ended

_NO_INTERNET = "its servers cannot be reached; check this machine's connection and proxy"

MEANINGS: Mapping[str, Sequence[tuple[str, str]]] = {
    "ssh": (
        (
            r"REMOTE HOST IDENTIFICATION HAS CHANGED",
            "the server's host key has changed; find out why, then remove the old one from known_hosts",
        ),
        (
            r"Host key verification failed|host key is known",
            "the server's host key is not known; connect once by hand with ssh to accept it",
        ),
        (
            r"Permission denied",
            "the server accepts none of your keys, and no password is asked for; use a key that ssh-agent "
            "holds, or one without a passphrase",
        ),
        (
            r"remote port forwarding failed for listen port (\d+)",
            "port {0} on the server is taken, perhaps still by the connection before, or the server allows "
            "no forwarding (AllowTcpForwarding)",
        ),
        (r"Timeout, server .* not responding", "the server does not respond"),
        (r"Could not resolve hostname ([^:]*)", "the server's name {0} is not known"),
        (r"Connection (?:to .* )?(refused|timed out|reset|closed)", "the connection to the server was {0}"),
        (r"Connection closed by", "the server closed the connection"),
        (r"Too many authentication failures", "ssh offered too many keys; name one with IdentityFile"),
    ),
    "cloudflared": (
        (
            r"\b429\b|Too Many Requests|error code: 1015",
            "Cloudflare limits new quick tunnels from this address; wait some minutes, or use another kind",
        ),
        (
            r"Error unmarshaling QuickTunnel response|failed to unmarshal quick Tunnel",
            "Cloudflare did not create a tunnel: its response is not as expected, often because of too many "
            "requests; wait some minutes",
        ),
        (r"failed to request quick Tunnel|failed to dial to edge|no such host", _NO_INTERNET),
        (r"flag provided but not defined", "this cloudflared does not know an option; update it"),
    ),
    "ngrok": (
        (
            r"ERR_NGROK_(?:4018|302)\b",
            "ngrok needs an account; run `ngrok config add-authtoken` with the token of your dashboard",
        ),
        (
            r"ERR_NGROK_(?:105|107|300)\b",
            "the authtoken of ngrok is not valid; add that of your dashboard again",
        ),
        (r"ERR_NGROK_(?:108|334)\b", "another ngrok of your account runs already; stop it"),
        (r"ERR_NGROK_(?:120|121)\b", "this ngrok is too old for your account; run `ngrok update`"),
        (r"unknown flag|flag provided but not defined", "this ngrok does not know an option; update it"),
        (r"no such host|failed to dial", _NO_INTERNET),
    ),
    "tailscale": (
        (
            r"Funnel not available; HTTPS must be enabled",
            "HTTPS is not enabled in your tailnet; see https://tailscale.com/s/https",
        ),
        (
            r"Funnel not available|Funnel is not enabled",
            "Funnel is not allowed for this machine; see https://tailscale.com/s/no-funnel",
        ),
        (
            r"failed to connect to local [Tt]ailscale",
            "tailscaled is not running; start it, and run `tailscale up`",
        ),
        (r"Logged out|NeedsLogin|Tailscale is stopped", "this machine is not connected; run `tailscale up`"),
        (
            r"Access denied",
            "only root may change tailscaled; allow it to your user once, as its message says",
        ),
        (r"listener already exists for port (\d+)", "tailscale serves something else at port {0}; stop that"),
    ),
}
"""Kind -> what a line contains, and what that means; the first that any line contains counts."""

TEXT_CHARACTERS = 200
"""Of a program's own words."""


def meaning(kind: str, lines: Sequence[str]) -> str | None:
    """The meaning of these lines of a program; None where it is not known."""
    for pattern, words in MEANINGS.get(kind, ()):
        for line in lines:
            if (found := re.search(pattern, line)) is not None:
                return words.format(*found.groups())
    return None


def reason(kind: str, code: int, lines: Sequence[str]) -> str:
    """Why a tunnel is down whose program has ended; not safe to show."""
    ended = f"it ended ({how_it_ended(code)})"
    if (known := meaning(kind, lines)) is not None:
        return f"{ended}: {known}"
    last = next((line for line in reversed(lines) if line), "")
    return f"{ended}: {last[:TEXT_CHARACTERS]}" if last else f"{ended} and printed nothing"
