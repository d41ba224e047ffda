"""Reads what tunnel programs print: the URL, the connection, and the lines worth keeping.

Pure. The forms are those of the programs' documentation and source; the guard is the process that applies
them, so that neither a flood of lines nor a slow pattern costs the engine anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LINE_CHARACTERS = 2_000
"""Longer lines are cut here."""

URL_CHARACTERS = 300

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
"""Escape sequences of a terminal: colours, cursor movements, titles (ECMA-48)."""

_TOKEN = re.compile(r"(?i)(token\W{1,4})[\w~.=-]{8,}")


@dataclass(frozen=True, slots=True)
class Sign:
    """The meaning of a line for the tunnel."""

    url: str | None = None
    connected: bool | None = None
    """None where the line says nothing about the connection."""
    reason: str = ""
    """Why the connection is lost."""


Read = Callable[[str], Sign | None]


class Lines:
    """Splits the bytes of one stream into lines of a bounded length."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that these bytes complete."""
        *whole, rest = data.replace(b"\r", b"\n").split(b"\n")
        for piece in whole:
            line, self._partial = self._partial + piece, b""
            if line:
                yield _text(line)
        self._partial = (self._partial + rest)[:LINE_CHARACTERS]

    def rest(self) -> Iterator[str]:
        """The last line, which has no end."""
        if self._partial:
            yield _text(self._partial)
            self._partial = b""


def _text(line: bytes) -> str:
    text = line[:LINE_CHARACTERS].decode("utf-8", "replace")
    return _TOKEN.sub(r"\1<masked>", _ESCAPES.sub("", text)).strip()


def reader(kind: str, pattern: str | None) -> Read:
    """A function that reads the lines of one program, in order.

    Args:
        kind: of a `TunnelChoice`.
        pattern: of `command`.
    """
    if pattern is not None:
        return _command(re.compile(pattern))
    return _READERS[kind]()


def is_noise(kind: str, line: str) -> bool:
    """Whether a line says nothing to somebody who looks for the reason of a failure."""
    return kind == "ssh" and _SSH_NOISE.match(line) is not None


def is_url(text: str) -> bool:
    """Whether a text can be a public URL: http or https, a host, nothing odd."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text and "@" not in parts.netloc
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and is_plain
        and len(text) <= URL_CHARACTERS
    )


# -- each program ----------------------------------------------------------------------------------

_SSH_NOISE = re.compile(r"debug\d: |OpenSSH_|Authenticated to |Transferred: |Bytes per second: |\*\* ")
_SSH_FORWARDS = re.compile(r"debug1: remote forward success for: listen ")


def _ssh() -> Read:
    """ssh -v (OpenSSH 9.2): one line where the server has accepted the forwarding; the end is the loss."""

    def read(line: str) -> Sign | None:
        return Sign(connected=True) if _SSH_FORWARDS.match(line) else None

    return read


_QUICK_TUNNEL = re.compile(r"https://(?!api\.)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.trycloudflare\.com\b")


def _cloudflared() -> Read:
    """cloudflared (source of August 2026): the URL in a box, then a line for each connection, or its loss.

    A quick tunnel has one connection.
    """

    def read(line: str) -> Sign | None:
        if (found := _QUICK_TUNNEL.search(line)) is not None:
            return Sign(url=found[0])
        if "Registered tunnel connection" in line:
            return Sign(connected=True)
        if "Retrying connection in up to" in line:
            return Sign(
                connected=False, reason="cloudflared lost its connection to Cloudflare and tries again"
            )
        return None

    return read


def _ngrok() -> Read:
    """ngrok 3 with --log-format=json: an object each; `started tunnel` has the URL."""

    def read(line: str) -> Sign | None:
        if not line.startswith("{"):
            return None
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return None
        message, url = (entry.get("msg"), entry.get("url")) if isinstance(entry, dict) else (None, None)
        if message == "started tunnel" and isinstance(url, str) and is_url(url):
            return Sign(url=url, connected=True)
        if message in ("client session established", "tunnel session started"):
            return Sign(connected=True)
        if isinstance(message, str) and message.startswith("session closed, starting reconnect"):
            return Sign(connected=False, reason="ngrok lost its connection and tries again")
        return None

    return read


def _tailscale() -> Read:
    """tailscale funnel (source of August 2026): `Available on the internet:`, and the URL below it.

    Other URLs that it prints lead to its settings, or into the tailnet alone.
    """
    is_public = False

    def read(line: str) -> Sign | None:
        nonlocal is_public
        if line.startswith("Available "):
            is_public = "on the internet" in line
        elif is_public and line.startswith("https://"):
            url = line.split()[0].rstrip("/")
            return Sign(url=url, connected=True) if is_url(url) else None
        return None

    return read


def _command(pattern: re.Pattern[str]) -> Read:
    """Any program: the first group of the pattern, or all that it matched.

    What is not a URL says only that the tunnel is up, at `public_url`.
    """

    def read(line: str) -> Sign | None:
        found = pattern.search(line)
        if found is None:
            return None
        text = (found[1] if pattern.groups else found[0]) or ""
        return Sign(url=text if is_url(text) else None, connected=True)

    return read


_READERS: Mapping[str, Callable[[], Read]] = {
    "ssh": _ssh,
    "cloudflared": _cloudflared,
    "ngrok": _ngrok,
    "tailscale": _tailscale,
}
