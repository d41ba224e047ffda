"""Checkpoints: a reader that stays is named, and the log shrinks when it leaves."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from relay.store.write import checkpoints
from relay.store.write.client import Writer
from tests.relay.store.write.test_client import a_row, a_writer
from tests.relay.store.write.test_recorder import a_recorder
from tests.support.waiting import wait_until

STAY = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM captures").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""


async def fill(writer: Writer, mib: int) -> None:
    for _ in range(mib):
        await asyncio.gather(*(writer.add(a_row(body=b"x" * 64_000)) for _ in range(16)))


def test_a_reader_that_stays_is_named_and_the_log_shrinks_when_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Captures go on beside a foreign snapshot; a warning names its process; afterwards the log is reused."""
    monkeypatch.setattr(checkpoints, "WARN_BYTES", 4 * 1024 * 1024)
    monkeypatch.setattr(checkpoints, "IDLE_S", 0.2)
    monkeypatch.setattr(checkpoints, "SHRINK_BYTES", 4 * 1024 * 1024)
    path = tmp_path / "relay.db"
    wal = path.with_name("relay.db-wal")
    with a_recorder(path) as recorder:

        def fill(mib: int) -> None:
            for _ in range(mib):
                recorder.store([(a_row(body=b"x" * 64_000), ())] * 16, monotonic())
                recorder.tidy(quiet=True)

        fill(1)
        other = subprocess.Popen(
            [sys.executable, "-c", STAY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == "reading\n"
            with caplog.at_level(logging.WARNING, "relay.store"):
                fill(12)
                assert f"pid {other.pid}" in caplog.text
            assert wal.stat().st_size > 8 * 1024 * 1024
        finally:
            other.communicate()
        fill(1)

        def has_shrunk() -> bool:
            recorder.rest()
            return wal.stat().st_size < 1024 * 1024

        wait_until(has_shrunk, "the log to shrink")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.slow
async def test_readers_of_ours_leave_the_log_small(tmp_path: Path) -> None:
    """Beside a reader that asks again and again and leaves gaps, the log stays far below its bound."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await fill(writer, 1)
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        most = 0
        for _ in range(40):
            await fill(writer, 1)
            await asyncio.to_thread(
                lambda: reader.execute("SELECT sum(length(body)) FROM captures").fetchall()
            )
            await asyncio.sleep(0.012)  # The gap that our readers leave; without it no log could start over.
            most = max(most, writer.wal_bytes)
        reader.close()
    assert most < 24 * 1024 * 1024
