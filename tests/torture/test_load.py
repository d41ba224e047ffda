"""Load that lasts, bursts, and the order of sync and answer: `make torture`."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.lean_requests import a_body, a_request
from tests.support.program import ROOT, Running, connect, read_reply, reading, running
from tests.support.sink import sink
from tests.support.terminal import at_a_terminal
from tests.torture.power import NOT_SYNCED
from tests.torture.strace import why_not
from tests.torture.sync_order import trace
from tests.torture.totals import Part, rounds

RATE, SECONDS, CONNECTIONS = 500, 60, 16

CALLERS, EACH = 1_000, 10

LARGE, AT_ONCE = 10 * 1024 * 1024 - 1024, 100


@contextmanager
def watched(program: Running, part: Part) -> Iterator[None]:
    """The largest memory of engine and writer together goes into the part."""
    over = threading.Event()
    processes = [psutil.Process(program.pid), psutil.Process(program.writing_pid)]

    def look() -> None:
        while not over.wait(0.05):
            now = sum(each.memory_info().rss for each in processes)
            part.figures.peak_bytes = max(part.figures.peak_bytes, now)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
    finally:
        over.set()
        looker.join()


@pytest.mark.alone
def test_load_that_lasts(tmp_path: Path, part: Part) -> None:
    """500 webhooks a second for a minute with a screen and a backend: all are stored in bounded memory."""
    with (
        sink() as there,
        running(tmp_path, "--forward-to", f":{there.port}") as program,
        at_a_terminal(tmp_path / "screen", "tui", "--db", str(program.db), size=(120, 40)) as see,
        watched(program, part),
    ):
        see.wait_for("No webhooks received")
        command = [sys.executable, "-m", "tests.bench.load", "--port", str(program.port)]
        command += ["--seconds", str(rounds(SECONDS)), "--rate", str(RATE), "--connections", str(CONNECTIONS)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as load:
            while load.poll() is None:
                see.read(0.05)
                see.written = see.written[-65536:]
            assert load.stdout is not None
            said = json.loads(load.stdout.read())
        with reading(program.db) as log:
            (stored,) = log.execute("SELECT count(*) FROM captures").fetchone()
        wal = program.db.with_name(f"{program.db.name}-wal").stat().st_size
        assert "Traceback" not in program.said
    lost = max(0, said["answered"] - stored)
    part.count(
        said["answered"] + said["other"], lost, acked=said["answered"], lost=lost, p99_ms=said["p99_ms"]
    )
    part.say(f"p50 {said['p50_ms']} ms, at most {said['max_ms']} ms, WAL {wal / 2**20:.1f} MiB")
    assert said["answered"] > 0
    assert stored >= said["answered"]
    assert wal < 64 * 2**20
    assert part.figures.peak_bytes < 512 * 2**20


@pytest.mark.alone
async def test_burst_of_small_bodies(tmp_path: Path, part: Part) -> None:
    """Ten thousand webhooks at once on a thousand connections: each is answered, each 200 is a row."""
    statuses: Counter[bytes] = Counter()

    async def call(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(a_request(a_body() + b" " * 2_000) for _ in range(EACH)))
        for _ in range(EACH):
            head = await reader.readuntil(b"\r\n\r\n")
            statuses[head[9:12]] += 1
            found = re.search(rb"Content-Length: (\d+)", head)
            assert found is not None
            await reader.readexactly(int(found[1]))
        writer.close()

    with running(tmp_path) as program:
        with watched(program, part):
            await asyncio.gather(*(call(program.port) for _ in range(CALLERS)))
        with reading(program.db) as log:
            (stored,) = log.execute("SELECT count(*) FROM captures").fetchone()
        assert "Traceback" not in program.said
    lost = max(0, statuses[b"200"] - stored)
    part.count(CALLERS * EACH, lost, acked=statuses[b"200"], lost=lost)
    part.say(f"{statuses[b'503']} times 503")
    assert statuses[b"200"] + statuses[b"503"] == CALLERS * EACH, statuses
    assert statuses[b"200"] > 0
    assert lost == 0
    assert part.figures.peak_bytes < 512 * 2**20


@pytest.mark.alone
def test_burst_of_large_bodies(tmp_path: Path, part: Part) -> None:
    """A hundred bodies of 10 MiB at once: each is answered 200 or 503, memory stays below 512 MiB."""
    answered: list[int] = []
    request = a_request(b"x" * LARGE)

    def post(port: int) -> None:
        with connect(port) as connection:
            connection.sendall(request)
            reply = read_reply(connection)
            assert reply is not None
            answered.append(reply.status)

    with running(tmp_path) as program:
        with watched(program, part):
            callers = [threading.Thread(target=post, args=(program.port,)) for _ in range(AT_ONCE)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
        with reading(program.db) as log:
            (stored,) = log.execute(
                "SELECT count(*) FROM captures WHERE length(body) = ?", (LARGE,)
            ).fetchone()
    assert len(answered) == AT_ONCE
    assert set(answered) <= {200, 503}
    taken = answered.count(200)
    part.count(AT_ONCE, max(0, taken - stored), acked=taken, lost=max(0, taken - stored))
    part.say(f"{answered.count(503)} times 503")
    assert taken > 0
    assert stored >= taken
    assert part.figures.peak_bytes < 512 * 2**20


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_each_answer_follows_its_sync(tmp_path: Path, part: Part) -> None:
    """In the order of system calls each 200 has a sync before it; unsynced, the control, has none."""
    tally = trace(tmp_path / "as-it-is", rounds(1_000))
    control = trace(tmp_path / "control", 50, launcher=NOT_SYNCED)
    part.count(tally.answers, tally.unsynced)
    part.control("not synced", control.answers, control.unsynced)
    assert (tally.answers, tally.unsynced) == (rounds(1_000), 0), tally
    assert control.unsynced > 40, control
