"""Settings as a command would have them, of flags alone."""

from __future__ import annotations

from relay.config import Settings, load


def settings(**flags: object) -> Settings:
    """Those of the flags, on any free port, with no variable set."""
    return load({"port": 0, **flags}, environ={})
