"""`kill -9` while captures are forwarded to a backend: nothing accepted is lost, and repeats are bounded."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import nothing_waits, reading, running
from tests.support.sink import sink
from tests.support.waiting import wait_until
from tests.torture.posting import posting
from tests.torture.step_kills import again


@dataclass(slots=True)
class Tally:
    """Results of the rounds."""

    kills: int = 0
    captures: int = 0
    missing: int = 0
    """Captures that the backend never got."""
    repeats: int = 0
    """Times that it got one again."""


def forward_kill_rounds(folder: Path, rounds: int, *, in_flight: int, seed: int = 1) -> Tally:
    """Post, kill, start again on the same database; at last everything is drained."""
    rng = random.Random(seed)
    tally = Tally()
    with sink() as there:
        to = ("--forward-to", f":{there.port}/hook", "--in-flight", str(in_flight))
        for number in range(rounds):
            with running(folder, *to) as program:
                with posting(program.port, seed=number) as posters:
                    posters.stopping.wait(rng.uniform(0.1, 0.6))
                    program.kill()
                tally.kills += 1
        with running(folder, *to) as program:
            wait_until(lambda: nothing_waits(program.db), "the queue to drain", within_s=120)
            with reading(program.db) as log:
                ids = {number for (number,) in log.execute("SELECT id FROM captures")}
    tally.captures = len(ids)
    tally.missing = len(ids - set(there.ids))
    tally.repeats = again(there)
    return tally
