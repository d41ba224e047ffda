"""A result as tables for a terminal of 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from relay.docs.figures import Comparison, Result, format_machine, grid, heading

COLUMNS = 100
GAP = 2

READING = (
    "Figures are medians. Where there is a base: the ratio to it in the same round, median (least to most),"
    " then the figure itself."
)


def closing(result: Result) -> Iterator[str]:
    """How to read the tables; then machine, date and commit."""
    machine = result.machine
    before, after = (f"{load[0]:.2f}" for load in (machine.load_before, machine.load_after))
    generator = machine.load_generator
    yield from _wrapped(READING)
    yield from _wrapped(
        f"{format_machine(machine)}; load average {before} before, {after} after; requests made by"
        f" {generator}, on the same cores; {result.made_at}"
        + (f", commit {result.commit}" if result.commit else "")
    )


def table(comparison: Comparison) -> Iterator[str]:
    """One comparison: title, rows, notes; columns that do not fit follow in a table below."""
    rounds = (
        f" ({comparison.rounds} round{'s' if comparison.rounds > 1 else ''})" if comparison.rounds else ""
    )
    yield from _wrapped(heading(comparison) + rounds)
    if comparison.figures:
        yield from _rows([*grid(comparison)])
    for note in comparison.notes:
        yield from _wrapped(note, "  ")


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first = 1
    while first < len(widths):
        past, used = first, 2 + widths[0]
        while past < len(widths) and (past == first or used + GAP + widths[past] <= COLUMNS):
            used += GAP + widths[past]
            past += 1
        for row in rows:
            cells = (f"{row[at]:>{GAP + widths[at]}}" for at in range(first, past))
            yield f"  {row[0]:{widths[0]}}{''.join(cells)}".rstrip()
        first = past


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent + "  ")
