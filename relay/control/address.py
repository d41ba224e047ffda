"""The address where the engine takes webhooks, and the curl line that sends a capture there again."""

from __future__ import annotations

import shlex

from relay.config import Settings
from relay.control.lock import holder
from relay.models import Capture
from relay.text.export import curl_line
from relay.text.safe import visible_block


def engine_url(settings: Settings) -> str:
    """The engine's address, or the one where it would listen with these settings."""
    running = holder(settings.db)
    if running is not None and running.url:
        return running.url
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def curl(capture: Capture, settings: Settings) -> str:
    """The command line that sends a capture to the engine of this database; secret headers as given."""
    again = ["lean-relay", "show", str(capture.id), "--body", "--db", str(settings.db.absolute())]
    url = engine_url(settings).rstrip("/")
    return visible_block(curl_line(capture, capture.headers, url, lambda: shlex.join(again)))
