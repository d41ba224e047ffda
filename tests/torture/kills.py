"""Programs ended under load, by `kill -9` at random moments or in order, and the count of what was lost."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import RELAY, is_sound, running
from tests.support.waiting import wait_until
from tests.torture.https import NO_HTTPS, Https
from tests.torture.posting import lost, posting

EARLY_ACK = ("-m", "tests.torture.early_ack")
"""The program with the answer moved before the commit: what this test must be able to tell."""


@dataclass(slots=True)
class Tally:
    """Results of the rounds."""

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


def ends_under_load(folder: Path, number: signal.Signals, seed: int) -> int:
    """A signal while callers post; how many 200s they saw. Exit 0 within 5 s, all stored, no -wal."""
    with running(folder) as program:
        with posting(program.port, seed=seed) as posters:
            wait_until(lambda: len(posters.acked) > 20, "some to be answered")
            posters.stopping.wait(0.05 * (seed % 5))
            begun = time.monotonic()
            program.process.send_signal(number)
            assert program.process.wait(10) == 0, program.said
            took = time.monotonic() - begun
        assert took < 5.0
        assert set(posters.statuses) <= {200, 503}
        assert not program.db.with_name("relay.db-wal").exists()
        assert lost(program.db, posters.acked) == []
        assert is_sound(program.db)
        assert "Traceback" not in program.said, program.said
    return len(posters.acked)
