"""`kill -9` at random moments under load, restarts on the same database, and the count of what was lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import RELAY, is_sound, running
from tests.torture.https import NO_HTTPS, Https
from tests.torture.posting import lost, posting

EARLY_ACK = ("-m", "tests.torture.early_ack")
"""The program with the answer moved before the commit: what this test must be able to tell."""


@dataclass(slots=True)
class Tally:
    """What the rounds came to."""

    kills: int = 0
    acked: int = 0
    lost: int = 0
    unsound: int = 0

    def __str__(self) -> str:
        return f"acked {self.acked}, lost {self.lost}; kills {self.kills}, unsound databases {self.unsound}"


def kill_rounds(
    folder: Path,
    rounds: int,
    *,
    launcher: Sequence[str] = RELAY,
    seed: int = 1,
    https: Https = NO_HTTPS,
) -> Tally:
    """Post, kill, start again, compare; each round on the database that the last one left."""
    rng = random.Random(seed)
    tally = Tally()
    acked: dict[str, str] = {}
    for number in range(rounds):
        with running(folder, *https.options, launcher=launcher) as program:
            with posting(program.port, seed=number, tls=https.context) as posters:
                posters.stopping.wait(rng.uniform(0.05, 0.7))
                program.kill()
            acked |= posters.acked
            tally.kills += 1
    with running(folder) as program:
        tally.acked = len(acked)
        tally.lost = len(lost(program.db, acked))
        tally.unsound = not is_sound(program.db)
    return tally
