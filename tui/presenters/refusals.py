"""Refusals as text: counts, rows, and the cause of one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from relay.models import Refusal, RefusalTotals
from relay.text.local_time import local
from relay.text.refusals import meaning
from relay.text.safe import visible
from relay.text.units import format_time
from tui.presenters.format import Piece, clock, fit, wrapped

Line = list[Piece]

ROOMY, WORDY = 110, 150
"""Cells from which on a row shows milliseconds, and the meaning of its reason."""

FROM_US = frozenset({"internal", "overloaded", "shutting-down"})
"""Reasons caused by the relay itself, as are those of the store."""


def total(tally: RefusalTotals) -> Iterator[Piece]:
    """`22 refused since 2026-11-20 08:46`."""
    if tally.since is None:
        yield "Refusals", "strong"
        return
    yield f"{tally.total:,} refused", "strong"
    yield f" since {local(tally.since):%Y-%m-%d %H:%M}", "dim"


def heads(tally: RefusalTotals, only: str | None, next_reason: str) -> Iterator[Piece]:
    """The count of each reason.

    Args:
        only: the only reason listed; None for all.
        next_reason: the key for the next reason.
    """
    for at, (reason, count) in enumerate(tally.by_reason.items()):
        yield (" · " if at else ""), "dim"
        yield f"{count:,} {visible(reason)}", "accent" if reason == only else "plain"
    if only is not None:
        yield f"\nOnly {visible(only)}; {next_reason} shows the next reason, then all.", "accent"
    if tally.dropped:
        lines = "line was" if tally.dropped == 1 else "lines were"
        yield f"\n{tally.dropped:,} older {lines} deleted to make room for newer ones.", "warn"


def header(width: int, *, newest_first: bool) -> str:
    """The names of the columns, over the rows."""
    time, client, reason, words = _widths(width)
    cells = [(f"time {'▲' if newest_first else '▼'}", time), ("client", client), ("reason", reason)]
    if words:
        cells.append(("meaning", words))
    return "  ".join(fit(text, cells_) for text, cells_ in cells) + "  detail"


def row(refusal: Refusal, width: int, today: date) -> Line:
    """`08:15:30  10.0.0.1  too-large x12  a body of 20971520 bytes or more`."""
    time, client, reason, words = _widths(width)
    times = f" x{refusal.count:,}" if refusal.count > 1 else ""
    named = fit(visible(refusal.reason), reason - len(times)) if times else visible(refusal.reason)
    line: Line = [
        (fit(clock(refusal.at, today, time), time) + "  ", "plain"),
        (fit(visible(refusal.client) or "–", client) + "  ", "dim"),
        (fit(named.rstrip() + times, reason) + "  ", "bad" if _is_ours(refusal.reason) else "warn"),
    ]
    if words:
        line.append((fit(meaning(refusal.reason).words, words) + "  ", "plain"))
    left = max(width - sum(each + 2 for each in (time, client, reason, words) if each), 0)
    return [*line, (fit(visible(refusal.detail), left), "dim" if words else "plain")]


def _widths(width: int) -> tuple[int, int, int, int]:
    """Widths of time, client, reason and meaning."""
    if width < ROOMY:
        return 8, 15, 20, 0
    return (12, 16, 24, 0) if width < WORDY else (12, 39, 26, 42)


def _is_ours(reason: str) -> bool:
    return reason in FROM_US or reason.startswith("store-")


def title(refusal: Refusal) -> list[Piece]:
    """`#4 too-large: its body is too large`."""
    words = meaning(refusal.reason).words
    return [(f"#{refusal.id} ", "accent"), (visible(refusal.reason), "strong"), (f": {words}", "plain")]


def lines(refusal: Refusal, width: int) -> list[Line]:
    """One refusal with its cause and advice."""
    means = meaning(refusal.reason)
    whom = visible(refusal.client) or "several callers"
    alike = f", the first of {refusal.count:,} alike" if refusal.count > 1 else ""
    found: list[Line] = [
        [(fit(f"from {whom}, {format_time(refusal.at)}{alike}", width), "dim")],
    ]
    for name, text in (
        ("Detail", visible(refusal.detail)),
        ("Cause", means.cause),
        ("To do", means.advice),
    ):
        first, *rest = wrapped(text, max(width - 11, 10))
        found.append([(f"{name:11}", "dim"), (first, "plain")])
        found += [[(" " * 11 + each, "plain")] for each in rest]
    return found


EMPTY: tuple[Piece, ...] = (
    ("No refusals yet.\n\n", "strong"),
    (
        "Requests and TLS handshakes that do not become captures are listed here as they happen: too "
        "large, not valid HTTP, without a required certificate, or while nothing could be stored. Each shows "
        "its reason, its cause and what to do.",
        "dim",
    ),
)
