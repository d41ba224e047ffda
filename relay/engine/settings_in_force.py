"""The settings of a running engine: those read last, and those that hold until it is started again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.config import SETTINGS, Settings, plain_values

AFTER_RESTART = (
    "db",
    "host",
    "port",
    "tunnel",
    "connections",
    "max_body",
    "retry",
    "time_scale",
    "timeout_s",
    "in_flight",
    "insecure",
    "target_ca",
    "target_cert",
    "target_key",
    "target_server_name",
    "share",
    "share_samples",
    "team",
    "follow",
    "follow_from",
)
"""Settings that a running engine does not change."""


class SettingsInForce:
    """The settings that an engine works with; `reload` replaces them."""

    def __init__(self, settings: Settings) -> None:
        self.current = settings
        """Those that were read last."""
        self._begun_with = settings
        """The values in force for AFTER_RESTART."""

    def after_restart(self, fresh: Settings) -> list[str]:
        """Attributes that differ in `fresh` and keep their values until the engine is started again."""
        return [name for name in AFTER_RESTART if getattr(fresh, name) != getattr(self._begun_with, name)]

    def differences(self, asked: Mapping[str, Any], port: int | None) -> dict[str, Any]:
        """Settings that have another value here, with the value in force.

        Args:
            asked: key -> plain value.
            port: where the engine takes webhooks, which may not be the one in its settings.
        """
        have = plain_values(self.current, asked)
        begun = plain_values(self._begun_with, asked)
        have |= {key: begun[key] for key in begun if SETTINGS[key].attribute in AFTER_RESTART}
        return {
            key: have[key]
            for key, value in asked.items()
            if value != have[key] and not (key == "port" and value == port)
        }
