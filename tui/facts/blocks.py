"""The blocks that tabs are made of, and what is known of the capture they speak of."""

from __future__ import annotations

from dataclasses import dataclass

from relay.models import Attempt, Capture
from tui.format import Tone


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that begins a part."""

    text: str
    tone: Tone = "strong"


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value, which may be long."""

    name: str
    value: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Lines:
    """Text as it stands, line by line: an answer's body."""

    text: str
    tone: Tone = "plain"


Block = Heading | Fact | Note | Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A capture with what belongs to it, as it may be shown: secret headers are masked."""

    capture: Capture
    attempts: tuple[Attempt, ...] = ()
    why_not_valid: str | None = None
    """Why the signature is not valid, as a phrase; None where it is, or was not looked into."""
    secrets: tuple[str, ...] = ()
    """Names of the webhook secrets of now."""
    same_event: tuple[int, ...] = ()
    """Every capture with this event_id, ascending, this one included."""
    same_bytes: bool | None = None
    """Of a repeat: whether its body is that of the first; None where that is gone or this is no repeat."""
