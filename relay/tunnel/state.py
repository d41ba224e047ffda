"""The state of a tunnel at one time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Whether a tunnel can be used."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelState:
    """A tunnel at one time. Texts come from its program, and are not safe to show."""

    phase: Phase = Phase.STARTING
    url: str | None = None
    """The public URL; None while it is not up."""
    since: float = 0.0
    """When this phase began, Unix time."""
    reason: str | None = None
    """Why it is not up, as far as that is known."""
    next_at: float | None = None
    """When the next attempt begins, Unix time; None unless it is down."""
    lines: tuple[str, ...] = ()
    """The last lines of a program that ended or is silent."""
