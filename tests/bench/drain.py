"""How fast a backlog goes out to a backend that is back, beside a bare client's requests.

The base is one connection of the load generator to the same sink: it stores nothing and asks nobody.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import (
    ROOT,
    reading,
    running,
)
from tests.support.sink import sink
from tests.support.waiting import wait_until

FILL_S = "0.6"
FILL_CONNECTIONS = "32"
BARE_S = "0.9"
"""Below a second the load generator is the one in Python, which is nearer to what is compared."""


@dataclass(frozen=True, slots=True)
class Drained:
    """One backlog."""

    count: int
    per_second: float
    bare_per_second: float
    in_order: bool


def drain(folder: Path, *arguments: str, keeps: bool = False) -> Drained:
    """Fill a log while the backend is away, let it come back, and time what reaches it.

    Args:
        keeps: the backend names `Keep-Alive`, so that connections are used again.
    """
    with (
        sink(up=False, keeps=keeps) as there,
        running(folder, "--forward-to", f":{there.port}", *arguments) as relay,
    ):
        press(relay.port, FILL_CONNECTIONS, FILL_S)
        there.start()
        with reading(relay.db) as log:
            waiting = "SELECT count(*) FROM deliveries WHERE state <> 'ended'"
            wait_until(lambda: log.execute(waiting).fetchone()[0] == 0, "the queue to drain", within_s=300)
        assert relay.stop() == 0, relay.said
        ids, times = there.ids, [at for _, at in there.came]
        bare = press(there.port, "1", BARE_S)
    return Drained(len(ids), (len(ids) - 1) / (times[-1] - times[0]), bare, ids == sorted(ids))


def press(port: int, connections: str, seconds: str) -> float:
    """Requests a second of the load generator."""
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(port)]
    done = subprocess.run(
        [*command, "--connections", connections, "--seconds", seconds],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    return float(json.loads(done.stdout)["per_second"])
