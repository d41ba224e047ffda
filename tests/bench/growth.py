"""What grows with the database: from ten thousand captures to a million, the same commands and the same load.

The databases are those of the screen's bench. All of them are there at once and are measured in turns, so
growth is not confused with the machine's own ups and downs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from relay.docs.figures import Comparison
from tests.bench import screen
from tests.bench.contenders import server_of
from tests.bench.generator import Measure, Rounds, progress, recorded, resting
from tests.bench.result import Plan, Samples
from tests.bench.startup import to_the_end
from tests.support.program import RELAY, Running, running

SIZES = (10_000, 100_000, 1_000_000)
RATE, CONNECTIONS = 500, 16

COMMANDS: dict[str, Sequence[str]] = {
    "list": ("list",),
    "list, a common filter": ("list", "sig:invalid"),
    "list, a rare type": ("list", "type:payment.created"),
    "list, a rare text in bodies": ("list", f"body:{screen.NEEDLE}"),
    "show": ("show", "5000"),
}


def measure(folder: Path, plan: Plan, sizes: Sequence[int] = SIZES) -> Iterator[Comparison]:
    """Commands to their end, then a listener on each database."""
    smallest = name_of(sizes[0])
    size = Samples("growth-size", "Size of the database", smallest)
    times = Samples("growth-commands", "Commands, from their start to their end", smallest)
    load = Samples("growth-receive", f"A listener on it: {RATE} per second, then 32 connections", smallest)
    with ExitStack() as stack:
        engines: dict[str, Running] = {}
        for count in sizes:
            progress(f"growth: making {count:,} captures")
            name, db = name_of(count), folder / str(count) / "relay.db"
            db.parent.mkdir(parents=True)
            screen.fill(db, count)
            size.add("database", "MiB", name, db.stat().st_size / 2**20)
            size.add("a capture", "bytes", name, db.stat().st_size / count)
            engines[name] = stack.enter_context(running(db.parent))
        yield size.comparison()
        for number in range(plan.rounds):
            progress(f"growth, commands: round {number + 1} of {plan.rounds}")
            for what, words in COMMANDS.items():
                for name in [*engines][:: 1 if number % 2 == 0 else -1]:
                    took = to_the_end(engines[name], (*RELAY, *words))
                    times.add(what, "ms", name, 1000 * took.wall_s)
        yield times.comparison([*engines])
        turns = {name: stack.enter_context(resting(server_of(engine))) for name, engine in engines.items()}
        open_loop = recorded(
            load,
            (f"processor time at {RATE}/s", "µs per request", "cpu_us"),
            (f"p99 at {RATE}/s", "ms", "p99_ms"),
        )
        closed = recorded(
            load, ("answered", "per second", "per_second"), ("processor time", "µs per request", "cpu_us")
        )
        measures = (Measure(open_loop, CONNECTIONS, rate=RATE, share=2.0), Measure(closed))
        Rounds(turns, measures).run(plan, "growth, listener")
        yield load.comparison([*engines])


def name_of(count: int) -> str:
    """`100,000 captures`."""
    return f"{count:,} captures"
