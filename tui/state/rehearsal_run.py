"""A rehearsal that runs or has run: what a screen shows of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from relay.rehearsal.report import Report, ReportLine


@dataclass(slots=True)
class RehearsalRun:
    """The lines known so far; the conductor adds to them, and a screen looks now and then."""

    target: str
    plan: str
    """What it does, as a sentence; safe to show."""
    lines: list[ReportLine] = field(default_factory=list)
    progress: str = ""
    """A few words of our own."""
    report: Report | None = None
    """None while it runs."""
    error: str | None = None
    """Why there is no report; safe to show."""

    @property
    def is_running(self) -> bool:
        return self.report is None and self.error is None
