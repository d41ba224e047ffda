"""Databases damaged while no program has them open: each start serves or says why not; nothing is deleted."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.killing import count
from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange, ready, running, start

PAGE = 4096
SUFFIXES = ("", "-wal", "-shm", ".lock")
CAPTURES = 60
AT_ONCE = 4

Damage = Callable[[Path, random.Random], None]


def _overwrite(file: Path, at: int, data: bytes) -> None:
    with open(file, "r+b") as opened:
        opened.seek(at)
        opened.write(data)


def _page(db: Path, chance: random.Random) -> None:
    _overwrite(db, chance.randrange(db.stat().st_size // PAGE) * PAGE, chance.randbytes(PAGE))


def _zeros(db: Path, chance: random.Random) -> None:
    _overwrite(db, chance.randrange(db.stat().st_size // PAGE) * PAGE, bytes(PAGE))


def _few_bytes(db: Path, chance: random.Random) -> None:
    at = chance.randrange(db.stat().st_size // PAGE) * PAGE + chance.choice((0, 3, 5, 8, 100))
    _overwrite(db, at, chance.randbytes(chance.randint(1, 4)))


def _header(db: Path, chance: random.Random) -> None:
    _overwrite(db, chance.randrange(100), chance.randbytes(chance.randint(1, 8)))


def _shorter(db: Path, chance: random.Random) -> None:
    os.truncate(db, chance.randrange(db.stat().st_size))


def _longer(db: Path, chance: random.Random) -> None:
    _overwrite(db, db.stat().st_size, chance.randbytes(chance.randint(1, 3 * PAGE)))


def _two_pages_swapped(db: Path, chance: random.Random) -> None:
    data = db.read_bytes()
    a, b = (chance.randrange(1, len(data) // PAGE) * PAGE for _ in range(2))
    _overwrite(db, a, data[b : b + PAGE])
    _overwrite(db, b, data[a : a + PAGE])


def _no_bytes(db: Path, chance: random.Random) -> None:
    os.truncate(db, 0)


def _text(db: Path, chance: random.Random) -> None:
    db.write_text("To whom it may concern.\n" * chance.randint(1, 900))


def _another(db: Path, chance: random.Random) -> None:
    db.unlink()
    with closing(sqlite3.connect(db)) as made:
        made.execute("CREATE TABLE mine (a)")


def _wal_bytes(db: Path, chance: random.Random) -> None:
    wal = _side(db, "-wal")
    _overwrite(wal, chance.randrange(max(1, wal.stat().st_size)), chance.randbytes(chance.randint(1, PAGE)))


def _wal_shorter(db: Path, chance: random.Random) -> None:
    os.truncate(_side(db, "-wal"), chance.randrange(1 + _side(db, "-wal").stat().st_size))


def _wal_of_noise(db: Path, chance: random.Random) -> None:
    _side(db, "-wal").write_bytes(chance.randbytes(chance.randint(1, 9 * PAGE)))


def _shm_of_noise(db: Path, chance: random.Random) -> None:
    _side(db, "-shm").write_bytes(chance.randbytes(8 * PAGE))


TAILS = (_wal_bytes, _wal_shorter, _wal_of_noise)
"""Damages that look like a power cut in the middle of a commit: SQLite reads up to there."""

DAMAGES: tuple[Damage, ...] = (
    *(_page, _zeros, _few_bytes, _header, _shorter, _longer, _two_pages_swapped, _no_bytes, _text, _another),
    *(*TAILS, _shm_of_noise),
)


def _side(db: Path, suffix: str) -> Path:
    side = db.with_name(db.name + suffix)
    if not side.exists():
        side.touch()
    return side


@dataclass(slots=True)
class Tally:
    """Results of the starts."""

    starts: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def corrupt_starts(folder: Path, starts: int) -> Tally:
    """Damage copies of one database in turn, of a stopped engine or a killed one, and start on each."""
    closed, killed = _two_states(folder)
    tally = Tally()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [
            pool.submit(_start_on, folder / str(number), (closed, killed)[number % 2], number)
            for number in range(starts)
        ]
        for job in jobs:
            tally.starts += 1
            end, wrong = job.result()
            tally.ends[end] += 1
            tally.wrong += wrong
    return tally


def _two_states(folder: Path) -> tuple[Path, Path]:
    """A database that was closed, and one whose engine was killed: half of its captures are in its WAL."""
    closed, killed = folder / "closed", folder / "killed"
    for state, second in ((closed, False), (killed, True)):
        for _ in range(1 + second):
            with running(state, db=state / "relay.db") as program:
                for _ in range(CAPTURES // (1 + second)):
                    assert exchange(program.port, a_request(a_body() + b" " * 3_000)) is not None
                if second and count(program.db) == CAPTURES:
                    program.kill()
                else:
                    assert program.stop() == 0, program.said
    return closed, killed


def _start_on(folder: Path, state: Path, number: int) -> tuple[str, list[str]]:
    """How it ended, in a word, and what is wrong with that."""
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    db = data / "relay.db"
    for suffix in SUFFIXES:
        if (source := state / f"relay.db{suffix}").exists():
            shutil.copy(source, data)
    damage = DAMAGES[number // 2 % len(DAMAGES)]
    damage(db, random.Random(number))
    for suffix in SUFFIXES:
        if db.with_name(db.name + suffix).exists():
            db.with_name(db.name + suffix).chmod(0o600)
    kept = [path for path in data.iterdir() if path.suffix in (".db", ".db-wal") and path.stat().st_size]
    before = {path.read_bytes() for path in kept}
    name = f"{damage.__name__.strip('_')} of a {state.name} database, seed {number}"
    process = start(folder, db=db)
    try:
        try:
            port = ready(process, folder, 60)
        except AssertionError:
            return _refused(folder, data, before, process.wait(10), name)
        reply = exchange(port, a_request(a_body()))
        wrong = [] if reply is not None and reply.status == 200 else [f"{name}: answers {reply}"]
        found = count(db)
    finally:
        process.terminate()
        code = process.wait(20)
    said = _said(folder)
    tells = any(word in said for word in ("was corrupt; ", "moved to ", "is empty, "))
    moved = [path for path in data.glob("relay.db.corrupt-*") if not path.name.endswith("-shm")]
    if {path.read_bytes() for path in moved if path.stat().st_size} - before:
        wrong.append(f"{name}: what was moved is not what was there")
    if bool(moved) is not ("moved to " in said):
        wrong.append(f"{name}: moved {[path.name for path in moved]}, and said {said[-500:]}")
    if code or "Traceback" in said:
        wrong.append(f"{name}: ends with {code}: {said[-500:]}")
    if found <= CAPTURES and not tells:
        if damage in TAILS and state.name == "killed":
            return "serves the commits before the damage in its WAL", wrong
        wrong.append(
            f"{name}: {CAPTURES + 1 - found} captures are missing, and nothing is said: {said[-300:]}"
        )
    return ("serves, and says what was moved" if tells else "serves all of it"), wrong


def _said(folder: Path) -> str:
    """Its log lines, without a path: the name of this test's folder has words of theirs."""
    return (folder / "stderr").read_text(errors="replace").replace(str(folder), "")


def _refused(folder: Path, data: Path, before: set[bytes], code: int, name: str) -> tuple[str, list[str]]:
    said = _said(folder)
    word = re.search(r"lean-relay: \[([a-z-]+)\]", said)
    wrong = []
    if code != 1 or word is None or "Traceback" in said:
        wrong.append(f"{name}: ends with {code}: {said[-500:]}")
    if not before <= {path.read_bytes() for path in data.iterdir()}:
        wrong.append(f"{name}: refused, and its files are not what they were")
    return f"[{word[1]}]" if word else "no word", wrong
