"""Engines that start at once on one new database."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.hostile import canary
from tests.support.program import Running, is_sound, ready, start
from tests.support.waiting import wait_until


def race(folder: Path, rounds: int) -> None:
    """Start pairs at once; each time one wins, takes a webhook and leaves a sound database."""
    for number in range(rounds):
        pair = [folder / f"{number}-{name}" for name in "ab"]
        db = folder / f"{number}.db"
        for path in pair:
            path.mkdir(parents=True)
        processes = [start(path, db=db) for path in pair]
        try:
            wait_until(lambda: any(p.poll() is not None for p in processes), "the loser to end", 20)  # noqa: B023
            (loser,) = [at for at, process in enumerate(processes) if process.poll() is not None]
            winner = 1 - loser
            assert processes[loser].returncode == 1
            assert "[engine-running]" in (pair[loser] / "stderr").read_text()
            port = ready(processes[winner], pair[winner])
            canary(Running(process=processes[winner], port=port, db=db, folder=pair[winner]))
            processes[winner].send_signal(signal.SIGTERM)
            assert processes[winner].wait(10) == 0
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                    process.wait(10)
        assert is_sound(db)
