"""A database harmed in every way under load: of what was answered 200, what is found; and what was said."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.damage import WAYS
from tests.support.program import (
    RELAY,
    Running,
    running,
)
from tests.support.waiting import wait_until
from tests.torture.posting import Posters, posting

BLIND = ("-m", "tests.torture.with_store", "tests.torture.blind_store")
"""The control: it does not look at its files."""

BEFORE, AFTER = 150, 60
"""Answers of 200 that are waited for before the harm, and after it where any come."""

WATCHED_S, AT_MOST_S = 2.0, 90.0
"""How long callers go on after the harm where the relay refuses; and how long it is waited for at all."""


@dataclass(slots=True, kw_only=True)
class Result:
    """Result of one way."""

    way: str
    acked_before: int
    """Requests that were answered 200 before the harm was over."""
    found_before: int
    acked_after: int
    """Requests begun after it, and answered 200."""
    found_after: int
    refused: int
    said: str
    said_after_s: float | None
    """How long after the harm it was said; None where it was not."""
    traceback: bool

    def __str__(self) -> str:
        after = "" if self.said_after_s is None else f" ({self.said_after_s:.1f} s)"
        return (
            f"{self.way:<45} {self.found_before:>5} of {self.acked_before:<5} {self.found_after:>5} of "
            f"{self.acked_after:<5} {self.refused:>5}  {self.said}{after}"
        )


TELLING = ("cannot store captures: ", "is kept: ", "corrupt; ", "is sound, ", "is empty, ", "foreign-data")
HEAD = f"{'way':<45} {'found of acked':>14} {'and of after':>14} {'503':>5}  said"


def harm(folder: Path, name: str, *, launcher: Sequence[str] = RELAY) -> Result:
    """One way, on a relay of its own; counted once the next engine has started on what is there."""
    folder.mkdir()
    data = folder / "data"
    data.mkdir()
    db, backup = data / "relay.db", folder / "backup.db"
    with running(folder, db=db, launcher=launcher) as relay, posting(relay.port, 4) as posters:
        wait_until(lambda: len(posters.acked) >= BEFORE // 2, "callers to be answered")
        _back_up(db, backup)
        wait_until(lambda: len(posters.acked) >= BEFORE, "callers to be answered")
        quiet = len(relay.said)
        WAYS[name].act(db, backup)
        over = time.monotonic()
        said_after_s = _watch(relay, posters, over, quiet, goes_on=WAYS[name].harmless or WAYS[name].heals)
        posters.stopping.set()
        ended = relay.process.poll()
        said = relay.said[quiet:]
    shutil.rmtree(data / "elsewhere", ignore_errors=True)
    found: set[str] = set()
    if data.exists():
        with suppress(AssertionError):  # What it does not start on is read as it is.
            with running(folder / "next", db=db) as again:
                said += again.said
        found = _event_ids(db)
    before = {each for each in posters.acked if posters.begun[each] <= over}
    after = set(posters.acked) - before
    return Result(
        way=name,
        acked_before=len(before),
        found_before=len(before & found),
        acked_after=len(after),
        found_after=len(after & found),
        refused=sum(count for status, count in posters.statuses.items() if status != 200),
        said=_gist(said) if ended is None else f"the engine ended with {ended}: {_gist(said)}",
        said_after_s=said_after_s,
        traceback="Traceback" in said,
    )


def _back_up(db: Path, backup: Path) -> None:
    """A sound copy, with the side files of this moment next to it."""
    with closing(sqlite3.connect(db, timeout=10)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    for suffix in ("-wal", "-shm"):
        shutil.copyfile(f"{db}{suffix}", f"{backup}{suffix}")


def _watch(relay: Running, posters: Posters, over: float, quiet: int, *, goes_on: bool) -> float | None:
    """Have callers go on until enough was answered 200; or for a while after it was said, where nothing is.

    Returns:
        When the harm was said, in seconds after it.
    """
    said_after_s = None
    while relay.process.poll() is None and time.monotonic() < over + AT_MOST_S:
        if said_after_s is None and "cannot store" in relay.said[quiet:]:
            said_after_s = time.monotonic() - over
        if sum(posters.begun[each] > over for each in list(posters.acked)) >= AFTER:
            break
        if said_after_s is not None and not goes_on and time.monotonic() > over + said_after_s + WATCHED_S:
            break
        time.sleep(0.05)
    return said_after_s


def _event_ids(db: Path) -> set[str]:
    if not db.exists():
        return set()
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as log:
        return {event_id for (event_id,) in log.execute("SELECT event_id FROM captures")}
    return set()


def _gist(said: str) -> str:
    """The beginning of each line about trouble, without paths."""
    found = []
    for line in said.splitlines():
        if any(word in line for word in TELLING):
            words = line.removeprefix("lean-relay: ").removeprefix("cannot store captures: ").split()
            text = " ".join(word.rsplit("/", 1)[-1] if word.startswith("/") else word for word in words)
            found.append(text.partition(";")[0])
    return " | ".join(dict.fromkeys(found)) or "-"
