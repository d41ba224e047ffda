"""Doubles of tunnel programs: scripts that print what the real ones do, by documentation and source."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

BOX = """\
2026-11-27T10:00:00Z INF Thank you for trying Cloudflare Tunnel. Doing so, without a
2026-11-27T10:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...
2026-11-27T10:00:02Z INF +--------------------------------------------------------------------+
2026-11-27T10:00:02Z INF |  Your quick Tunnel has been created! Visit it at (...)  |
2026-11-27T10:00:02Z INF |  https://{name}.trycloudflare.com          |
2026-11-27T10:00:02Z INF +--------------------------------------------------------------------+
2026-11-27T10:00:02Z INF Version 2026.8.0
"""
"""cloudflared, before it is connected."""

REGISTERED = (
    "2026-11-27T10:00:03Z INF Registered tunnel connection connIndex=0 connection=1b7e ip=198.41.200.1 "
    "location=dxb01 protocol=quic\n"
)

RETRYING = "2026-11-27T10:05:00Z INF Retrying connection in up to 2s connIndex=0 event=0 ip=198.41.200.1\n"

TOO_MANY = """\
2026-11-27T10:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...
2026-11-27T10:00:01Z ERR Error unmarshaling QuickTunnel response: error code: 1015 \
error="invalid character 'e' looking for beginning of value" status_code="429 Too Many Requests"
failed to unmarshal quick Tunnel: invalid character 'e' looking for beginning of value
"""

NGROK = (
    '{"lvl":"info","msg":"no configuration paths supplied","t":"2026-11-27T10:00:00Z"}\n'
    '{"addr":"http://127.0.0.1:5326","lvl":"info","msg":"started tunnel","name":"command_line",'
    '"obj":"tunnels","t":"2026-11-27T10:00:01Z","url":"https://ab12-203-0-113-7.ngrok-free.app"}\n'
)

NGROK_WITHOUT_ACCOUNT = (
    '{"err":"authentication failed: Usage of ngrok requires a verified account and authtoken.\\n\\nSign up: '
    "https://dashboard.ngrok.com/signup\\nInstall your authtoken: https://dashboard.ngrok.com/get-started/"
    'your-authtoken\\r\\n\\r\\nERR_NGROK_4018\\r\\n","lvl":"eror","msg":"terminating with error"}\n'
    "ERROR:  authentication failed: Usage of ngrok requires a verified account and authtoken.\n"
    "ERROR:  ERR_NGROK_4018\n"
)

FUNNEL = """\
Available on the internet:

https://laptop.tail1234.ts.net/
|-- proxy http://127.0.0.1:5326

Press Ctrl+C to exit.
"""


class Double:
    """A script that stands in for a tunnel program."""

    def __init__(self, folder: Path, name: str) -> None:
        """
        Args:
            folder: to put first on PATH.
            name: of the program.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / name
        self.seen = folder / f"{name}.seen"
        """The arguments and the environment of its last start."""

    def prints(self, text: str, *, stream: int = 2, then: str = "exec sleep 600") -> Double:
        """Let it print a text when it starts.

        Args:
            stream: 1 or 2.
            then: what the script does next; by default it stays.
        """
        says = self.path.with_suffix(".says")
        says.write_text(text)
        self.path.with_suffix(".new").write_text(
            f'#!/bin/sh\n(printf "%s\\n" "$@"; env) > "{self.seen}.new"; mv "{self.seen}.new" "{self.seen}"\n'
            f'cat "{says}" >&{stream}\n{then}\n'
        )
        self.path.with_suffix(".new").chmod(0o700)
        self.path.with_suffix(".new").replace(self.path)  # Never a script that is half written, or busy.
        return self

    @property
    def started_with(self) -> str:
        """The arguments and the environment of its last start, a line each."""
        return self.seen.read_text(errors="surrogateescape") if self.seen.exists() else ""


def on_path(folder: Path) -> str:
    """A PATH that finds the doubles of a folder first."""
    return os.pathsep.join((str(folder), os.environ.get("PATH", "")))


def below(pid: int) -> list[psutil.Process]:
    """All processes that a process has started, however deep, but for a PostgreSQL of other tests."""
    try:
        found = psutil.Process(pid).children(recursive=True)
        return [each for each in found if each.name() != "postgres"]
    except psutil.NoSuchProcess:
        return []
