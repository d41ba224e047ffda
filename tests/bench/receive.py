"""Stored and answered, per second: the relay in its states, beside a server that stores nothing and one that
commits each request alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from relay.docs.figures import Comparison
from tests.bench import contenders
from tests.bench.contenders import BASE, COMMITTING, RELAY_NAME, Notes, Start
from tests.bench.generator import Measure, Pressed, Record, Rounds, Turn, recorded
from tests.bench.result import Plan, Samples

OPEN_LOOP = (16, 500)
"""Connections, and requests per second."""

STATES: Mapping[str, Start] = {
    BASE: contenders.base,
    COMMITTING: contenders.committing,
    RELAY_NAME: contenders.relay,
    "no secret": contenders.unchecked,
    "target answers": contenders.answered,
    "target hangs": contenders.hanging,
    "screen open": contenders.watched,
    "judging a backlog": contenders.judging,
}

THREE: Mapping[str, Start] = {name: STATES[name] for name in (COMMITTING, BASE, RELAY_NAME)}
"""The base beside both: what a disk has still to do after the others falls on none of them twice."""

SIZES = ((512, "0.5 KiB"), (2 * 1024, "2 KiB"), (100 * 1024, "100 KiB"))
CONNECTIONS = (1, 32, 256)

FIGURES = (
    ("answered", "per second", "per_second"),
    ("processor time", "µs per request", "cpu_us"),
    ("p99", "ms", "p99_ms"),
)


@contextmanager
def started(folder: Path, starts: Mapping[str, Start], notes: Notes) -> Iterator[dict[str, Turn]]:
    """All of them at once."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(start(folder / f"contender-{number}", notes))
            for number, (name, start) in enumerate(starts.items())
        }


def states(folder: Path, plan: Plan, *, fast_path_off: bool = False) -> Iterator[Comparison]:
    """As fast as it goes, and at a fixed rate."""
    starts = dict(STATES)
    if fast_path_off:
        starts["without fast path"] = contenders.without_fast_path
    closed = Samples("receive", "Stored and answered: 32 connections, 451-byte bodies", BASE)
    fixed = Samples(
        "fixed-rate", f"At {OPEN_LOOP[1]} per second, open loop, {OPEN_LOOP[0]} connections", BASE
    )
    measures = (
        Measure(recorded(closed, *FIGURES), base=BASE),
        Measure(
            recorded(fixed, ("p50", "ms", "p50_ms"), ("p99", "ms", "p99_ms"), ("most", "ms", "max_ms")),
            connections=OPEN_LOOP[0],
            rate=OPEN_LOOP[1],
            share=2.0,
            only=frozenset(starts) - {"no secret", "target answers"},
        ),
    )
    with started(folder, starts, closed.notes) as turns:
        Rounds(turns, measures).run(plan, "receive")
    yield closed.comparison([*starts])
    yield fixed.comparison([*starts])


def sizes(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """By size of body and number of connections."""
    rates = Samples("sizes", "Stored and answered, by body and connections", BASE)
    spent = Samples("sizes-processor", "The same: processor time", BASE)
    late = Samples("sizes-p99", "The same: p99", BASE)
    with started(folder, THREE, rates.notes) as turns:
        measures = [
            Measure(
                _by_case(rates, spent, late, f"{words}, {count} connection{'s' if count > 1 else ''}"),
                connections=count,
                size=size,
            )
            for size, words in SIZES
            for count in CONNECTIONS
        ]
        Rounds(turns, measures).run(plan, "sizes")
    for samples in (rates, spent, late):
        yield samples.comparison([BASE, *THREE])


def _by_case(rates: Samples, spent: Samples, late: Samples, case: str) -> Record:
    records = (
        recorded(rates, (case, "per second", "per_second")),
        recorded(spent, (case, "µs per request", "cpu_us")),
        recorded(late, (case, "ms", "p99_ms")),
    )

    def record(contender: str, found: Pressed, beside: Sequence[Pressed]) -> None:
        for each in records:
            each(contender, found, beside)

    return record
