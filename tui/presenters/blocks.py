"""The blocks that tabs are made of, and the capture that they describe."""

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
    """The heading of a section."""

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
    """A sentence about a key; the name of the key is put in front."""

    key: str
    """Id of the action."""
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text in pieces, such as the body of a response."""

    lines: tuple[tuple[Piece, ...], ...]


Block = Heading | Fact | Note | Hint | Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Results of analysing a capture, which takes time for a large body."""

    shape_result: ShapeResult
    """Its body compared with Lean's documentation, by the current catalogue."""
    diagnosis: Diagnosis | None = None
    """Why its signature is not valid with the current secrets; None where it is, or was when received."""
    cannot_check: str | None = None
    """Why the secrets cannot be read; None where they can."""
    is_valid_now: bool = False
    """The signature was not valid when received, and is with the current secrets."""
    verified: Mapping[int, AttemptVerification] = field(default_factory=dict)
    """Signatures as they reached the backends, by attempt id; the newest where there are many."""
    other_bytes: tuple[Difference, ...] = ()
    """Differences from the first body of its event, which is `a`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureDetail:
    """A capture with everything about it; secret headers are masked."""

    capture: Capture
    attempts: tuple[Attempt, ...] = ()
    secrets: tuple[str, ...] = ()
    """Names of the configured webhook secrets."""
    retries: EventRetries | None = None
    """The captures of its event, without bodies; None where it is the only one."""
    analysis: Analysis | None = None
    """None until the analysis is done."""
