"""A rehearsal that runs or has run, for a screen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from relay.rehearsal.report import Report, ReportLine


@dataclass(slots=True)
class RehearsalRun:
    """The lines known so far; the conductor adds to them, and a screen looks now and then."""

    target: str
    plan: str
    """Its requests and captures, in a sentence; safe to show."""
    lines: list[ReportLine] = field(default_factory=list)
    progress: str = ""
    """A few words of our own."""
    report: Report | None = None
    """None while it runs."""
    error: str | None = None
    """Why there is no report; safe to show."""

    @property
    def is_running(self) -> bool:
        """Whether it has neither a report nor an error yet."""
        return self.report is None and self.error is None
