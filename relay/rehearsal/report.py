"""The report of a rehearsal: one line for each thing that was tried. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.errors import Exit


class CheckName(StrEnum):
    """A check of a rehearsal."""

    RETRIES = "retries"
    DUPLICATES = "duplicates"
    ORDER = "order"
    SIGNATURES = "signatures"
    OUTAGE = "outage"
    TYPES = "types"
    BISECT = "bisect"


ALL = tuple(name for name in CheckName if name is not CheckName.BISECT)
"""The checks that `all` stands for, in their order."""


class Result(StrEnum):
    """The result of one line."""

    PASSED = "passed"
    NOTE = "note"
    """Neither good nor bad."""
    WARNING = "warning"
    UNKNOWN = "unknown"
    """It cannot be seen from outside; the line says what is needed."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """One thing that was tried, and its result."""

    check: CheckName
    case: str
    """What was tried, as a phrase: `the same event again, later`."""
    result: Result
    sent: str
    """`12 events, each by Lean's clock`."""
    received: str
    """`11 x 200, 1 x 500 (payment.updated)`."""
    why: str
    """Why it matters with Lean, as a sentence."""
    captures: tuple[int, ...] = ()
    """Captures to look at."""
    command: str | None = None
    """A command that looks closer, or does it again."""

    def as_json(self) -> dict[str, Any]:
        """One line of `rehearse --json`."""
        return {
            "kind": "rehearsal_line",
            **{name: getattr(self, name) for name in ("check", "case", "result", "sent", "received", "why")},
            "captures": list(self.captures),
            "command": self.command,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole rehearsal."""

    target: str
    seed: int
    """Chose ids and orders; the same one does the same again."""
    captures: int
    """How many were used."""
    samples: bool
    """Whether they were made up, as none was captured."""
    lines: tuple[ReportLine, ...]
    requests: int
    """Sent in all."""
    elapsed_s: float
    not_done: str | None = None
    """Why it ended early; None where all was done."""

    def count(self, result: Result) -> int:
        """The number of lines with a result."""
        return sum(line.result is result for line in self.lines)

    @property
    def exit_code(self) -> Exit:
        """CHECK where a line failed, else FINE."""
        return Exit.CHECK if self.count(Result.FAILED) else Exit.FINE

    @property
    def summary(self) -> str:
        """`11 passed, 1 warning, 2 failed; 140 requests in 14.2 s`; results that no line has are left out."""
        words = [
            f"{count} {_plural(result, count)}" for result in _ORDER if (count := self.count(result))
        ] or ["no check came to its end"]
        return f"{', '.join(words)}; {self.requests:,} requests in {self.elapsed_s:.1f} s"

    def as_json(self) -> dict[str, Any]:
        """The last line of `rehearse --json`."""
        return {
            "kind": "rehearsal",
            "target": self.target,
            "seed": self.seed,
            "captures": self.captures,
            "samples": self.samples,
            "results": {str(result): self.count(result) for result in _ORDER},
            "requests": self.requests,
            "elapsed_s": round(self.elapsed_s, 3),
            "not_done": self.not_done,
        }


_ORDER = (Result.PASSED, Result.NOTE, Result.WARNING, Result.UNKNOWN, Result.FAILED)


def _plural(result: Result, count: int) -> str:
    return f"{result}s" if count != 1 and result in (Result.NOTE, Result.WARNING) else str(result)


def counted(texts: Iterable[str]) -> str:
    """`38 x 200, 2 x 500`: texts with their number, the most frequent first."""
    numbers: dict[str, int] = {}
    for text in texts:
        numbers[text] = numbers.get(text, 0) + 1
    ordered = sorted(numbers.items(), key=lambda each: -each[1])
    return ", ".join(f"{count} x {text}" for text, count in ordered) or "nothing"
