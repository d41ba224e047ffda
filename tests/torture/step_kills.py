"""`kill -9` at each step of a delivery in turn, on one database, and what became of every capture."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange, nothing_waits, reading, ready, running, start
from tests.support.sink import Sink, sink
from tests.support.waiting import wait_until
from tests.torture.dies_at import DOWN, STEPS

MOST_POSTS = 30

REPLAYS = """
INSERT INTO deliveries (capture_id, target, kind, state, created_at, due_at)
SELECT 1, target, 'replay', state.name, created_at, due_at
FROM deliveries, (SELECT 'queued' AS name UNION SELECT 'sending') AS state WHERE deliveries.id = 1
"""
"""The rows that an engine leaves when it dies during a replay."""


@dataclass(slots=True)
class Tally:
    """Results of the kills."""

    kills: int = 0
    captures: int = 0
    missing: int = 0
    """Captures that the backend never got."""
    repeats: int = 0
    """Times that it got one again."""
    most_repeats: int = 0
    """After one kill."""
    disordered: int = 0
    """Captures that came for the first time after a later one."""
    unended: int = 0
    """Deliveries that have not ended when all is drained."""
    replays_sent: int = 0


def step_kills(
    folder: Path, times: int, *, in_flight: int = 1, steps: tuple[str, ...] = tuple(STEPS)
) -> Tally:
    """Post until the program has died at a step, start it again to die at the next; at last drain.

    Args:
        times: how often it comes to each step before it dies there, but for those of DOWN.
    """
    tally = Tally()
    folder.mkdir(exist_ok=True)
    with sink() as there:
        to = ("--forward-to", f":{there.port}/hook", "--in-flight", str(in_flight))
        repeats = [0]
        for step in steps:
            die_at(folder, to, step, 1 if step in DOWN else times, there)
            tally.kills += 1
            repeats.append(again(there))  # Those of the kill before this one: it has been made up for.
            with contextlib.closing(sqlite3.connect(folder / "relay.db", isolation_level=None)) as log:
                log.execute(REPLAYS)
        with running(folder, *to) as program:
            wait_until(lambda: nothing_waits(program.db), "the queue to drain", within_s=30)
        repeats.append(again(there))
        tally.most_repeats = max(after - before for before, after in pairwise(repeats))
    count_up(tally, folder / "relay.db", there)
    return tally


def check_steps(tally: Tally, in_flight: int) -> None:
    """Check what holds wherever it was killed; a replay is never sent again.

    Those in flight may come again, and one that ended and was not recorded yet.
    """
    assert (tally.missing, tally.unended, tally.replays_sent) == (0, 0, 0), tally
    assert tally.most_repeats <= in_flight + 1, tally
    assert in_flight > 1 or not tally.disordered, tally


def count_up(tally: Tally, db: Path, there: Sink) -> None:
    """Compare what the backend got with the database."""
    with reading(db) as log:
        ids = {number for (number,) in log.execute("SELECT id FROM captures")}
        (tally.unended,) = log.execute("SELECT count(*) FROM deliveries WHERE state <> 'ended'").fetchone()
        (tally.replays_sent,) = log.execute(
            "SELECT count(*) FROM attempts JOIN deliveries ON deliveries.id = delivery_id"
            " WHERE kind = 'replay'"
        ).fetchone()
    firsts = list(dict.fromkeys(there.ids))
    tally.captures = len(ids)
    tally.missing = len(ids - set(firsts))
    tally.repeats = again(there)
    tally.disordered = sum(following < one for one, following in pairwise(firsts))


def die_at(folder: Path, to: tuple[str, ...], step: str, times: int, there: Sink) -> None:
    """Have a program send what waits, take captures, and die.

    Raises:
        AssertionError: it lives.
    """
    process = start(folder, *to, launcher=("-m", "tests.torture.dies_at", step, str(times)))
    try:
        port = ready(process, folder)
        db = folder / "relay.db"
        wait_until(lambda: nothing_waits(db), "the queue to drain", within_s=30)
        if step in DOWN:
            there.stop()
        for number in range(MOST_POSTS):
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                exchange(port, a_request(a_body()))
            if number % 2 and step not in DOWN:  # So that some are read ahead, and some alone.
                wait_until(lambda: process.poll() is not None or nothing_waits(db), "the end of two")
        wait_until(lambda: process.poll() is not None, f"death: {step}")
        assert process.returncode == -9, (process.returncode, (folder / "stderr").read_text())
    finally:
        process.kill()
        process.wait(10)
        if step in DOWN:
            there.start()


def again(there: Sink) -> int:
    """How often a capture came that had come before."""
    return sum(count - 1 for count in Counter(there.ids).values())
