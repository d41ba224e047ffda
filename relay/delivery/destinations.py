"""Make destinations of targets, in one place for forwarding, replays and commands.

Owns how settings and a command's own TLS options become destinations. Reads no file and resolves no name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from relay.config import Settings
from relay.control.messages import TargetTls
from relay.delivery.http.request import Destination, destination
from relay.errors import UsageError


def destinations(targets: Iterable[str], settings: Settings) -> dict[str, Destination]:
    """Destinations by the targets' names, in that order.

    Raises:
        UsageError: one is not a valid target; the message says what to use instead.
    """
    tls = settings.target_tls
    try:
        return {target: destination(target, **tls) for target in targets}
    except ValueError as error:
        raise UsageError(str(error)) from error


def over(settings: Settings, tls: TargetTls) -> Settings:
    """The settings, with the TLS options of one command in place of theirs; the rest stays."""
    changed = settings
    if tls.insecure or tls.ca is not None:
        changed = replace(changed, insecure=tls.insecure, target_ca=_path(tls.ca))
    if tls.cert is not None:
        changed = replace(changed, target_cert=Path(tls.cert), target_key=_path(tls.key))
    elif tls.key is not None:
        changed = replace(changed, target_key=Path(tls.key))
    return changed


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
