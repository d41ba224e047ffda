"""Processor time per request at fixed rates, of the engine and of its writing process, beside the base's.

What little traffic costs is another question than how much traffic fits: each request is its own wake-up,
frame, commit and response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from relay.docs.figures import Comparison
from tests.bench import contenders
from tests.bench.contenders import BASE, COMMITTING, RELAY_NAME, Start
from tests.bench.generator import Measure, Pressed, Record, Rounds
from tests.bench.receive import started
from tests.bench.result import Plan, Samples

RATES = (50, 500, 5_000)
CONNECTIONS = 16

STARTS: Mapping[str, Start] = {
    BASE: contenders.base,
    COMMITTING: contenders.committing,
    RELAY_NAME: contenders.relay,
    "without fast path": contenders.without_fast_path,
}


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Processor time in all and of the writing process, then p99."""
    spent = Samples("rates", f"Processor time at fixed rates, {CONNECTIONS} connections", BASE)
    late = Samples("rates-p99", "The same: p99", BASE)
    with started(folder, STARTS, spent.notes) as turns:
        measures = [
            Measure(_at(rate, spent, late), connections=CONNECTIONS, rate=rate, share=2.0) for rate in RATES
        ]
        Rounds(turns, measures).run(plan, "rates")
    yield spent.comparison([*STARTS])
    yield late.comparison([*STARTS])


def _at(rate: int, spent: Samples, late: Samples) -> Record:
    def record(contender: str, found: Pressed, beside: Sequence[Pressed]) -> None:
        spent.add(f"{rate:,}/s", "µs per request", contender, found.cpu_us)
        if len(found.spent_us) > 1:
            spent.add(f"{rate:,}/s, writing process", "µs per request", contender, sum(found.spent_us[1:]))
        late.add(f"{rate:,}/s", "ms", contender, found.p99_ms)

    return record
