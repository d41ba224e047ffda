"""The blocks that tabs are made of, and what is known of the capture they speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.analysis.diff import Difference
from relay.analysis.retries import EventRetries
from relay.analysis.shape_result import ShapeResult
from relay.lean.diagnosis import Diagnosis
from relay.lean.receivers import AttemptVerification
from relay.models import Attempt, Capture
from tui.presenters.format import Piece, Tone


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
class Hint:
    """What a key does, begun with the name that it has."""

    key: str
    """Its action's id."""
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Text as it stands, line by line, in pieces: an answer's body."""

    lines: tuple[tuple[Piece, ...], ...]


Block = Heading | Fact | Note | Hint | Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was worked out about a capture; where its body is large that takes a while."""

    judgement: ShapeResult
    """How its body compares with what Lean documents, by the catalogue of now."""
    diagnosis: Diagnosis | None = None
    """Why its signature is not valid with the secrets of now; None where it is, or was when it came."""
    cannot_check: str | None = None
    """Why the secrets cannot be read."""
    is_valid_now: bool = False
    """It was not valid when it came, and is with the secrets of now."""
    verified: Mapping[int, AttemptVerification] = field(default_factory=dict)
    """What reached the backends, by attempt; of many the newest."""
    other_bytes: tuple[Difference, ...] = ()
    """In what its body differs from the first one's of its event; `a` is the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A capture with what belongs to it, as it may be shown: secret headers are masked."""

    capture: Capture
    attempts: tuple[Attempt, ...] = ()
    secrets: tuple[str, ...] = ()
    """Names of the webhook secrets of now."""
    tries: EventRetries | None = None
    """The captures of its event, without bodies; None where it is the only one."""
    findings: Findings | None = None
    """None while they are being made."""
