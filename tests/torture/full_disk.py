"""A database whose disk fills up and empties again: a tmpfs, SQLite's own limit, or a limit on files.

SQLite's limit (`small_pages_store`) needs no right to mount.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.lean_requests import a_body, a_request
from tests.support.program import RELAY, Running, exchange, is_sound, running
from tests.torture.posting import lost

TMPFS_BYTES = 4 * 1024 * 1024
PADDING = b" " * 20_000
"""Makes each body large enough that a small disk fills within a few dozen."""

HEALED_WITHIN_S = 2.0
ANSWERED_WITHIN_S = 5.0

WAYS = [
    "tmpfs",
    "pages",
    pytest.param("errors", marks=pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")),
]

SMALL_PAGES = ("-m", "tests.torture.with_store", "tests.torture.small_pages_store")


class Disk:
    """A place of bounded size; `fill` takes all that is left, `free` gives it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Take what is left, to the last byte."""
        with open(self._filler, "ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while filler.write(b"\0" * size) == size:
                        pass

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def tmpfs(folder: Path) -> Iterator[Disk]:
    """A tmpfs mounted on `folder`; skips the test where that is not allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES},mode=0700", "tmpfs", str(folder)]
    allowed = os.geteuid() == 0 and os.uname().sysname == "Linux"
    if not allowed or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


class Pages(Disk):
    """The same by SQLite's own limit: the launcher reads it from a file before each write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.limit = folder / "max_page_count"
        self.free()

    def fill(self) -> None:
        self.limit.write_text("1")

    def free(self) -> None:
        self.limit.write_text("1073741823")


class WriteLimit(Disk):
    """Writes past the first byte of a file fail with EFBIG: an I/O error to SQLite, as a dying disk gives."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(folder)
        self._pid = pid

    def fill(self) -> None:
        assert sys.platform == "linux"
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def free(self) -> None:
        assert sys.platform == "linux"
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@dataclass(slots=True)
class Tally:
    """Results of the cycles."""

    cycles: int = 0
    statuses: Counter[int | None] = field(default_factory=Counter)
    without_retry_after: int = 0
    slowest_s: float = 0.0
    slowest_healing_s: float = 0.0
    acked: int = 0
    lost: int = 0
    unsound: int = 0
    same_process: bool = True
    said: str = ""


def post(program: Running, acked: dict[str, str], tally: Tally) -> int | None:
    """One request; its status. What breaks a promise to the client is noted in the tally."""
    event_id = str(uuid4())
    body = a_body(event_id) + PADDING
    begun = time.monotonic()
    reply = exchange(program.port, a_request(body))
    tally.slowest_s = max(tally.slowest_s, time.monotonic() - begun)
    status = reply.status if reply else None
    tally.statuses[status] += 1
    if status == 200:
        acked[event_id] = hashlib.sha256(body).hexdigest()
    elif reply is not None and "retry-after" not in reply.headers:
        tally.without_retry_after += 1
    return status


def cycle(program: Running, disk: Disk, acked: dict[str, str], tally: Tally) -> None:
    """Full until refusals come, some requests meanwhile, then room, then healed."""
    assert post(program, acked, tally) == 200, program.said
    disk.fill()
    deadline = time.monotonic() + 20
    while post(program, acked, tally) == 200:
        assert time.monotonic() < deadline, "the disk never filled up"
    for _ in range(20):
        post(program, acked, tally)
    disk.free()
    freed = time.monotonic()
    while post(program, acked, tally) != 200:
        assert time.monotonic() < freed + 10, f"not healed 10 s after there was room:\n{program.said}"
        time.sleep(0.02)
    tally.slowest_healing_s = max(tally.slowest_healing_s, time.monotonic() - freed)
    tally.cycles += 1


def full_disk_cycles(folder: Path, cycles: int, *, how: str = "tmpfs") -> Tally:
    """Cycles on one process, then the count of what was lost.

    Args:
        how: `tmpfs`, `pages` or `errors`.
    """
    tally = Tally()
    acked: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        small = folder / "small"
        small.mkdir(parents=True)
        disk = stack.enter_context(tmpfs(small)) if how == "tmpfs" else Pages(small)
        launcher = SMALL_PAGES if how == "pages" else RELAY
        limit = {"PAGE_LIMIT_FILE": str(small / "max_page_count")}
        with running(folder, db=small / "relay.db", launcher=launcher, env=limit) as program:
            if how == "errors":
                disk = WriteLimit(small, program.writing_pid)
            for _ in range(cycles):
                cycle(program, disk, acked, tally)
            tally.same_process = program.process.poll() is None
            tally.acked, tally.lost = len(acked), len(lost(program.db, acked))
            tally.unsound = not is_sound(program.db)
            tally.said = program.said
            assert program.stop() == 0, program.said
    return tally


def check_cycles(folder: Path, cycles: int, *, how: str) -> Tally:
    """Run the cycles and compare each of their figures with what is promised."""
    tally = full_disk_cycles(folder, cycles, how=how)
    assert tally.cycles == cycles
    assert set(tally.statuses) == {200, 503}, tally
    assert (tally.lost, tally.unsound, tally.without_retry_after) == (0, 0, 0), tally
    assert tally.same_process, tally
    assert tally.slowest_s < ANSWERED_WITHIN_S, tally
    assert tally.slowest_healing_s < HEALED_WITHIN_S, tally
    assert "Traceback" not in tally.said, tally.said
    return tally
