"""Values of settings as plain JSON, in the form that a settings file has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from relay.config.entries import LeanAccess, RespondRule, Route, SecretSource, TeamAccess, TunnelChoice
from relay.config.settings import SETTINGS, Settings
from relay.config.values import format_span


def plain_values(settings: Settings, keys: Iterable[str] = SETTINGS) -> dict[str, Any]:
    """The values in force of these settings, by key."""
    return {key: _plain(getattr(settings, SETTINGS[key].attribute)) for key in keys}


def _plain(value: object) -> Any:
    match value:
        case RespondRule():
            rule = {"when": value.when, "status": value.status, "delay": value.delay_s}
            return rule if value.first is None else rule | {"first": value.first}
        case Route():
            return value.to if value.when is None else {"to": value.to, "when": value.when}
        case TeamAccess(keep=kept) if kept == timedelta(0):
            return _plain(replace(value, keep=None)) | {"keep": "forever"}
        case LeanAccess() | TeamAccess():
            parts = {name: getattr(value, name) for name in value.__slots__}
            return {name: _plain(part) for name, part in parts.items() if part is not None}
        case TunnelChoice():
            return {"command": list(value.command), "url": value.pattern} if value.command else value.name
        case SecretSource():
            return {"env": value.env} if value.file is None else {"file": str(value.file)}
        case dict():
            return dict(value)
        case tuple():
            return [_plain(item) for item in value]
        case timedelta():
            return format_span(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)
