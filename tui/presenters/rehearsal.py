"""Rehearsals: the form as choices, and the report as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relay.rehearsal.choices import Choices
from relay.rehearsal.report import ALL, CheckName, ReportLine, Result
from relay.text.safe import visible
from tui.presenters.format import Piece, Tone, fit, wrapped
from tui.state.rehearsal_run import RehearsalRun

Line = list[Piece]

ABOUT: Mapping[CheckName, str] = {
    CheckName.RETRIES: "retries: again by Lean's clock until delivered",
    CheckName.DUPLICATES: "duplicates: the same event later, at once, in flight",
    CheckName.ORDER: "order: the events in other orders",
    CheckName.SIGNATURES: "signatures: right, missing, wrong and unusual ones",
    CheckName.OUTAGE: "outage: a restart while events arrive",
    CheckName.TYPES: "types: a sample of each type, and an unknown one",
}
"""The checks that the screen offers."""

TONES: Mapping[Result, Tone] = {
    Result.PASSED: "good",
    Result.NOTE: "accent",
    Result.WARNING: "warn",
    Result.UNKNOWN: "dim",
    Result.FAILED: "bad",
}

RESULT, CHECK = 8, 11
"""Cells of columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalForm:
    """The form as written."""

    checks: tuple[CheckName, ...] = ALL
    to: str = ""
    """Empty for the configured target."""
    probe: str = ""
    reset: str = ""
    restart: str = ""
    time_scale: str = "0.01"


def choices(form: RehearsalForm, usual: Sequence[str]) -> Choices:
    """Read a form.

    Args:
        usual: the configured targets.

    Raises:
        ValueError: it is not valid; the message names the field and what is.
    """
    if not form.checks:
        raise ValueError("choose at least one check")
    if not form.to.strip() and len(usual) != 1:
        raise ValueError("name one target, such as :3000")
    try:
        time_scale = float(form.time_scale)
    except ValueError:
        raise ValueError(
            f"{form.time_scale!r} is not a valid time scale; use a number such as 0.01"
        ) from None
    return Choices(
        checks=form.checks,
        to=form.to.strip() or usual[0],
        probe=form.probe.strip() or None,
        reset=form.reset.strip() or None,
        restart=(form.restart.strip() or None) if CheckName.OUTAGE in form.checks else None,
        time_scale=time_scale,
    )


def title(run: RehearsalRun) -> list[Piece]:
    """`Rehearsal at http://127.0.0.1:3000`, and its state."""
    state = "running" if run.is_running else "ended"
    return [("Rehearsal ", "strong"), (f"at {visible(run.target)}, {state}", "plain")]


def head(run: RehearsalRun, end: str) -> Line:
    """Progress while it runs, else the counts or why it failed.

    Args:
        end: the key that ends it.
    """
    if run.error is not None:
        return [(run.error, "bad")]
    if run.report is None:
        return [(f"{run.progress or 'starting'}; {end} ends it", "accent")]
    report = run.report
    tone: Tone = "bad" if report.count(Result.FAILED) else "good"
    why = f"; not all was done: {visible(report.not_done)}" if report.not_done else ""
    return [(report.summary, tone), (f"; seed {report.seed}{why}", "dim")]


def row(line: ReportLine, width: int) -> Line:
    """`failed   duplicates  the same event twice at once: 14 x 200, but ...`."""
    left = max(width - RESULT - CHECK - 2, 0)
    return [
        (fit(str(line.result), RESULT) + " ", TONES[line.result]),
        (fit(str(line.check), CHECK) + " ", "dim"),
        (fit(visible(f"{line.case}: {line.received}"), left), "plain"),
    ]


def details(line: ReportLine, width: int) -> list[Line]:
    """One line with everything that is known of it."""
    captures = ", ".join(map(str, line.captures)) or "none"
    found: list[Line] = []
    for name, text in (
        ("Tried", line.case),
        ("Sent", line.sent),
        ("Received", line.received),
        ("Why", line.why),
        ("Captures", captures),
        ("Command", line.command or ""),
    ):
        found += _field(name, text, width) if text else ()
    return found


def _field(name: str, text: str, width: int) -> Iterator[Line]:
    first, *rest = wrapped(visible(text), max(width - CHECK, 10))
    yield [(f"{name:{CHECK}}", "dim"), (first, "plain")]
    for each in rest:
        yield [(" " * CHECK + each, "plain")]
