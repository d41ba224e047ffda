"""How fast a backlog goes out to a backend that is back, beside a bare client's requests.

The base is one connection of the load generator to the same sink: it stores nothing and asks no process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relay.docs.figures import Comparison
from tests.bench.generator import progress, run
from tests.bench.result import Plan, Samples
from tests.support.program import nothing_waits, running
from tests.support.sink import sink
from tests.support.waiting import wait_until

FILL_S = 0.6
FILL_CONNECTIONS = 32
BARE_S = 0.9
"""Below a second the load generator is the one in Python, which is nearer to what is compared."""

BARE = "bare client"
BACKENDS = {"backend that closes": False, "backend that names Keep-Alive": True}
MOST = 5


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Both kinds of backend in turns, so that they meet the same machine."""
    samples = Samples("drain", "A backlog forwarded in order, one at a time", BARE)
    for number in range(min(plan.rounds, MOST)):
        progress(f"drain: round {number + 1} of {min(plan.rounds, MOST)}")
        for name, keeps in BACKENDS.items():
            drain(folder / f"{number}-{keeps:d}", samples, name, keeps=keeps)
    yield samples.comparison()


def drain(folder: Path, samples: Samples, name: str, *, keeps: bool) -> None:
    """Fill a database while the backend is away, let it come back, and time what reaches it.

    Args:
        keeps: the backend names `Keep-Alive`, so that connections are used again.
    """
    with (
        sink(up=False, keeps=keeps) as there,
        running(folder, "--forward-to", f":{there.port}") as relay,
    ):
        run(relay.port, connections=FILL_CONNECTIONS, seconds=FILL_S)
        there.start()
        wait_until(lambda: nothing_waits(relay.db), "the queue to drain", within_s=300)
        assert relay.stop() == 0, relay.said
        ids, times = there.ids, [at for _, at in there.came]
        bare = run(there.port, connections=1, seconds=BARE_S)
    samples.add(name, "per second", BARE, bare.per_second)
    samples.add(name, "per second", "relay", (len(ids) - 1) / (times[-1] - times[0]))
    if ids != sorted(ids):
        samples.notes.append(f"{name}: NOT IN ORDER")
