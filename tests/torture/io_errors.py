"""I/O errors at each write and sync of the database in turn: of what was answered 200, nothing may be lost.

strace has the Nth call of the writing process fail; N rises. Short writes are real ones: the limit on the
size of files lies in the middle of one. After some errors the program is killed and another one reads what
is there.
"""

from __future__ import annotations

import contextlib
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from tests.support.lean_requests import a_body, a_request
from tests.support.program import RELAY, Running, exchange, is_sound, running
from tests.torture.posting import lost
from tests.torture.strace import attached

CALLS = "pwrite64,fdatasync,fsync,ftruncate"
SYNCS = "fdatasync,fsync"

KINDS = ("EIO", "ENOSPC", "short")

DEAF = ("-m", "tests.torture.with_store", "tests.torture.deaf_store")
"""The control: it takes each error for success."""

SIZES = (0, 3_000, 40_000)
"""Of bodies; the last one makes a checkpoint due after some forty."""

MOST_POSTS = 120
"""After which a call that was not reached is given up."""

PROGRAMS = 4

ERRORS_A_LIFE = 8
"""Until the program is killed, and what it stored is read by the next one."""

HEALED_WITHIN_S = 5.0

FILES = {None: "the database", "-wal": "the WAL", "-shm": "the -shm"}

_FAILED = re.compile(r"\b(\w+)\(\d+<[^>]*?(-wal|-shm)?>.* = -1 E\w+ .*\(INJECTED\)$")
_WRITTEN = re.compile(r"\bpwrite64\(\d+<[^>]*?(-wal|-shm)?>.*, (\d+), \d+\) += (\d+)$")


@dataclass(slots=True)
class Tally:
    """Results of the errors."""

    errors: int = 0
    where: Counter[str] = field(default_factory=Counter)
    """Call and file that failed -> how often."""
    acked: int = 0
    lost: int = 0
    refused: int = 0
    unsound: int = 0
    not_healed: int = 0
    kills: int = 0
    tracebacks: int = 0

    def add(self, other: Tally) -> None:
        """Add what another program came to."""
        self.where.update(other.where)
        for name in ("errors", "acked", "lost", "refused", "unsound", "not_healed", "kills", "tracebacks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def io_errors(folder: Path, kind: str, numbers: Sequence[int], *, launcher: Sequence[str] = RELAY) -> Tally:
    """An error at each of these calls, counted from a moment of rest; on one database.

    Args:
        kind: one of KINDS.
    """
    tally = Tally()
    acked: dict[str, str] = {}
    rng = random.Random(numbers[0])
    for start in range(0, len(numbers), ERRORS_A_LIFE):
        with running(folder, launcher=launcher) as program:
            for number in numbers[start : start + ERRORS_A_LIFE]:
                _fail_once(program, kind, number, acked, rng, tally)
                _heal(program, acked, rng, tally)
            tally.tracebacks += "Traceback" in program.said
            program.kill()
            tally.kills += 1
    with running(folder) as program:
        tally.acked, tally.lost = len(acked), len(lost(program.db, acked))
        tally.unsound = not is_sound(program.db)
    return tally


def _post(program: Running, acked: dict[str, str], rng: random.Random, sizes: Sequence[int] = SIZES) -> bool:
    event_id = str(uuid4())
    body = a_body(event_id) + b" " * rng.choice(sizes)
    reply = exchange(program.port, a_request(body), within_s=10.0)
    assert reply is not None
    assert reply.status in (200, 503), reply
    if reply.status == 200:
        acked[event_id] = sha256(body).hexdigest()
    return reply.status == 200


def io_errors_at_once(folder: Path, kind: str, count: int) -> Tally:
    """The first `count` calls, shared among programs with a database each: most of the time they wait."""
    with ThreadPoolExecutor(PROGRAMS) as pool:
        shares = [range(1 + number, 1 + count, PROGRAMS) for number in range(PROGRAMS)]
        started = [
            pool.submit(io_errors, folder / str(number), kind, share)
            for number, share in enumerate(shares)
            if share
        ]
        tally = Tally()
        for each in started:
            tally.add(each.result())
    return tally


def _fail_once(
    program: Running, kind: str, number: int, acked: dict[str, str], rng: random.Random, tally: Tally
) -> None:
    pid = program.writing_pid
    calls = program.folder / "strace.calls"
    words = program.folder / "strace.words"
    sizes: Sequence[int] = SIZES
    options = ["-y", "-s", "0", "-e", f"trace={CALLS}"]
    if kind != "short":
        number, which = divmod(number + 2, 3)  # any call of the WAL's way, a sync, a call of a checkpoint
        selected = SYNCS if which == 1 else CALLS
        options += ["-e", f"inject={selected}:error={kind}:when={number}"]
        if which == 2:
            options += ["-P", str(program.db)]
            sizes = SIZES[-1:]
    with attached([pid], words, *options, calls=calls), contextlib.ExitStack() as end:
        if kind == "short":
            _limit(pid, _in_the_middle(program, rng))
            end.callback(_limit, pid, resource.RLIM_INFINITY)
        for _ in range(MOST_POSTS):
            if not _post(program, acked, rng, sizes):
                tally.refused += 1
            if failures := _failures(calls, kind):
                tally.errors += 1
                tally.where.update(failures[:1])
                break


def _in_the_middle(program: Running, rng: random.Random) -> int:
    """A size that a write of the near future exceeds: it lies in the WAL, or a little after its end."""
    wal = program.db.with_name(f"{program.db.name}-wal")
    return rng.randrange(1, wal.stat().st_size + 20_000)


def _limit(pid: int, size: int) -> None:
    assert sys.platform == "linux"
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _failures(calls: Path, kind: str) -> list[str]:
    """What failed so far: the call and the file."""
    found = []
    for line in calls.read_text(errors="replace").splitlines():
        if kind != "short" and (match := _FAILED.search(line)):
            found.append(f"{match[1]} of {FILES[match[2]]}")
        elif kind == "short" and (match := _WRITTEN.search(line)) and match[2] != match[3]:
            found.append(f"part of a write to {FILES[match[1]]}")
        elif kind == "short" and " = -1 EFBIG " in line:
            found.append("a whole write")
    return found


def _heal(program: Running, acked: dict[str, str], rng: random.Random, tally: Tally) -> None:
    """Post until it is answered 200 again."""
    deadline = time.monotonic() + HEALED_WITHIN_S
    while not _post(program, acked, rng):
        tally.refused += 1
        if time.monotonic() > deadline:
            tally.not_healed += 1
            return
        time.sleep(0.05)
