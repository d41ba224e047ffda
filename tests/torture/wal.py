"""The write-ahead log under load while commands read: how large it gets."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import RELAY, Running, environment, running, working_folder
from tests.torture.posting import posting

READERS: tuple[tuple[str, ...], ...] = (
    ("list", "--all", "--json"),
    ("list", "--all", "body:nothing-like-this"),
    ("list", "--limit", "50"),
)
"""Commands that run again and again, next to one `tail` that stays."""


@dataclass(slots=True)
class Tally:
    """Results of the load."""

    stored: int = 0
    reads: int = 0
    largest_wal_bytes: int = 0
    failed: int = 0


@contextlib.contextmanager
def _tailing(program: Running) -> Iterator[None]:
    with open(program.folder / "tail", "wb") as out:
        process = subprocess.Popen(
            [sys.executable, *RELAY, "tail", "--db", str(program.db)],
            cwd=working_folder(program.folder),
            env=environment(program.folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _read(program: Running, commands: Sequence[str], until: threading.Event, tally: Tally) -> None:
    while not until.is_set():
        done = subprocess.run(
            [sys.executable, *RELAY, *commands, "--db", str(program.db)],
            cwd=working_folder(program.folder),
            env=environment(program.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        tally.reads += 1
        tally.failed += done.returncode not in (0, 4)


def largest_log(folder: Path, seconds: float) -> Tally:
    """Post as fast as it goes while commands read; the largest size of the WAL."""
    tally = Tally()
    with running(folder) as program, _tailing(program):
        until = threading.Event()
        readers = [
            threading.Thread(target=_read, args=(program, commands, until, tally)) for commands in READERS
        ]
        for reader in readers:
            reader.start()
        wal = program.db.with_name(f"{program.db.name}-wal")
        try:
            with posting(program.port, connections=16) as posters:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    tally.largest_wal_bytes = max(tally.largest_wal_bytes, wal.stat().st_size)
                    posters.stopping.wait(0.02)
            tally.stored = len(posters.acked)
        finally:
            until.set()
            for reader in readers:
                reader.join()
    return tally
