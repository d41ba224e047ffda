"""Shapes are checked next to the engine: every capture gets one, whatever happens to the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from time import monotonic

import psutil
import pytest

from relay.engine import shape_checker
from relay.engine.shape_checker import ShapeChecker, Worker
from relay.engine.tasks import background
from relay.lean.catalogue import catalogue
from relay.processes import own_module
from relay.receiver.intake import Intake
from relay.store.write.client import Writer
from tests.support.factories import BODY, a_capture, insert_all, new_log
from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    Running,
    exchange,
    lean_relay,
    reading,
    running,
)
from tests.support.receiving import (
    executed,
    rows,
)
from tests.support.waiting import until, wait_until

JUDGED_WITHIN_S = 60.0
"""The worker takes only time that nobody else wants, and a busy machine leaves it little."""

DRIFTING = BODY.replace(b"100.50", b'"100.50"')


def shapes(db: Path) -> dict[int, str | None]:
    with reading(db) as log:
        return dict(log.execute("SELECT id, shape FROM captures ORDER BY id").fetchall())


def workers(program: Running) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(program.pid).children()
        if "relay.engine.shape_worker" in child.cmdline()
    ]


def post(program: Running, body: bytes) -> None:
    reply = exchange(program.port, a_request(body))
    assert reply is not None
    assert reply.status == 200


@pytest.mark.slow
def test_each_capture_gets_its_shape_and_a_drift_is_told_once(tmp_path: Path) -> None:
    """What comes is judged in a process that steps back; a drift has one line, its repeats have none."""
    with running(tmp_path) as program:
        for body in (a_body(), DRIFTING, b"\xff", b"{}", DRIFTING):
            post(program, body)
        wait_until(lambda: None not in shapes(program.db).values(), "all shapes", JUDGED_WITHIN_S)
        assert list(shapes(program.db).values()) == ["documented", "drift", "not-json", "unknown", "drift"]
        with reading(program.db) as log:
            [version] = log.execute("SELECT DISTINCT shape_version FROM captures").fetchall()
        assert version == (catalogue().version,)
        [worker] = workers(program)
        assert worker.nice() == 19
        told = 'not as Lean documents it: payload.amount: number is documented; got string "100.50"'
        wait_until(lambda: told in program.said, "the line", JUDGED_WITHIN_S)
        assert program.said.count("not as Lean documents it") == 1
        assert program.stop() == 0
        assert not worker.is_running()


@pytest.mark.slow
def test_wait_sees_a_shape_when_it_comes(tmp_path: Path) -> None:
    """`wait shape:drift` is asked again when shapes are known."""
    with running(tmp_path) as program:
        post(program, DRIFTING)
        done = lean_relay(tmp_path, "wait", "shape:drift", "--db", str(program.db), "--timeout", "20")
        assert done.returncode == 0, done.stderr
        assert "drift" in done.stdout


@pytest.mark.slow
def test_what_earlier_runs_left_is_judged(tmp_path: Path) -> None:
    """A log from before there were shapes gets them, those that came since too."""
    db = tmp_path / "relay.db"
    with closing(new_log(db)) as connection:
        insert_all(connection, [a_capture(number) for number in range(1, 301)])
    with running(tmp_path, db=db) as program:
        post(program, DRIFTING)
        wait_until(lambda: None not in shapes(db).values(), "the backlog", JUDGED_WITHIN_S)
        found = shapes(db)
        assert len(found) == 301
        assert found.pop(301) == "drift"
        assert set(found.values()) == {"documented"}


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    """Its death costs no answer and no shape."""
    with running(tmp_path) as program:
        for _ in range(2):
            post(program, a_body())
            wait_until(lambda: None not in shapes(program.db).values(), "shapes", JUDGED_WITHIN_S)
            [worker] = workers(program)
            worker.kill()
            worker.wait(10)
        post(program, DRIFTING)
        wait_until(lambda: shapes(program.db)[3] == "drift", "a new worker", JUDGED_WITHIN_S)


@pytest.mark.slow
def test_a_worker_outlives_no_engine(tmp_path: Path) -> None:
    """An engine that is killed leaves no process behind."""
    with running(tmp_path) as program:
        post(program, a_body())
        wait_until(lambda: workers(program), "the worker", JUDGED_WITHIN_S)
        [worker] = workers(program)
        program.kill()
        wait_until(lambda: not worker.is_running(), "its end")


@pytest.mark.slow
def test_a_file_in_the_working_folder_is_not_run(tmp_path: Path) -> None:
    """A folder that has a `relay` or a `json.py` of its own changes nothing."""
    work = tmp_path / "work"
    (work / "relay" / "engine").mkdir(parents=True)
    for name in ("json.py", "relay/__init__.py", "relay/engine/__init__.py", "relay/engine/shape_worker.py"):
        (work / name).write_text("raise SystemExit('the wrong one')\n")
    db = tmp_path / "relay.db"
    with running(tmp_path, db=db, launcher=("-P", "-m", "relay")) as program:
        post(program, DRIFTING)
        wait_until(lambda: shapes(db)[1] == "drift", "the shape", JUDGED_WITHIN_S)


FATAL = f"""
import os, sys
from pathlib import Path
from relay.engine import shape_worker
judge = shape_worker.judge
def killed_by_one(body, encoding=""):
    return os.kill(os.getpid(), {signal.SIGKILL:d}) if body == b"fatal" else judge(body, encoding)
shape_worker.judge = killed_by_one
shape_worker.main(Path(sys.argv[1]))
"""
"""A worker that one body ends, as one that eats all memory would."""

SILENT = "import sys\nfor line in sys.stdin: pass"


@asynccontextmanager
async def judging_with(db: Path, command: Sequence[str]) -> AsyncIterator[tuple[ShapeChecker, Worker]]:
    writer = await Writer.open(db, ours=True)
    worker = Worker(db, command)
    judge = ShapeChecker(writer, worker)
    try:
        async with background(judge.run()):
            yield judge, worker
    finally:
        await writer.close()


async def a_pid(worker: Worker, *, other_than: int | None = None) -> int:
    await until(lambda: worker.pid not in (None, other_than), "a worker")
    assert worker.pid is not None
    return worker.pid


async def until_shapes(db: Path, expected: dict[int, str | None]) -> None:
    await until(lambda: shapes(db) == expected, f"the shapes {expected}")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A log with a body in its middle over which a worker dies."""
    path = tmp_path / "relay.db"
    with closing(new_log(path)) as connection:
        bodies = [BODY, BODY, b"fatal", DRIFTING, BODY]
        insert_all(connection, [a_capture(number, body=body) for number, body in enumerate(bodies, 1)])
    return path


@pytest.mark.slow
async def test_a_capture_that_ends_the_worker_is_passed_over_and_named(
    db: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All others get their shape, and its own stays open rather than guessed."""
    monkeypatch.setattr(shape_checker, "AGAIN_AFTER_S", (0.0, 0.0))
    async with judging_with(db, (sys.executable, "-c", FATAL)):
        await until_shapes(db, {1: "documented", 2: "documented", 3: None, 4: "drift", 5: "documented"})
    assert "the shape of capture 3 is not known" in caplog.text


async def test_a_worker_that_falls_silent_is_ended(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers nothing is killed in time, and another takes its place."""
    monkeypatch.setattr(shape_checker, "AGAIN_AFTER_S", (0.0, 0.0))
    monkeypatch.setattr(shape_checker, "SLICE_WITHIN_S", 0.2)
    async with judging_with(db, (sys.executable, "-c", SILENT)) as (_, worker):
        first = await a_pid(worker)
        await a_pid(worker, other_than=first)
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)


@pytest.mark.slow
async def test_a_worker_that_cannot_start_disturbs_nobody(
    db: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again and again, and said once; captures stay without a shape, the writer writes on."""
    monkeypatch.setattr(shape_checker, "AGAIN_AFTER_S", (0.0, 0.0))
    async with judging_with(db, ("/nowhere/python",)) as (judge, worker):
        judge.notice(5)
        await until(lambda: judge._failed_starts >= 3, "some tries to start it")
        assert worker.pid is None
        assert await judge._writer.write(partial(executed, sql="UPDATE captures SET answer = 200")) == 5
    assert set(shapes(db).values()) == {None}
    assert caplog.text.count("shapes are not checked until") == 1


async def test_a_commit_that_is_noted_late_hides_no_newer_one(db: Path) -> None:
    """An import is told of its commit after a webhook whose commit came later."""
    row = Intake(secrets={}).copy(
        1, "POST", "/", "1.1", "127.0.0.1:1", None, 200, None, "received", "[]", BODY
    )  # fmt: skip
    async with judging_with(db, own_module(shape_checker.PROGRAM)) as (judge, _):
        await until(lambda: None not in shapes(db).values(), "the first shapes")
        assert [await judge._writer.add(row) for _ in range(2)] == [6, 7]
        judge.notice(7)
        judge.notice(6)
        await until(lambda: shapes(db)[7] == "documented", "the shape of the newest")


async def test_judging_ends_with_the_store(db: Path) -> None:
    """A store that closes before it is no error."""
    writer = await Writer.open(db, ours=True)
    judge = ShapeChecker(writer, Worker(db))
    async with background(judge.run()) as [task]:
        await writer.close()
        await asyncio.wait([task], timeout=20)
        assert task.done()
    assert rows(db, "SELECT count(*) FROM captures") == [(5,)]


HOSTILE = (
    b"",
    b"[" * 100_000,
    b'{"type":"payment.updated","payload":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
    b'{"type":"payment.updated","payload":{"amount":' + b"9" * 100_000 + b"}}",
    b'{"type":"payment.updated","payload":{"amount":1e'
    + b"9" * 400
    + b'},"type":5,"type":"payment.updated"}',
    b'{"type":"payment.updated\\ud800","payload":{"id":"\\udfff","\\ud800":1}}',
    b'{"type":"payment.updated","payload":{"id":"' + b"a" * (10 * 1024 * 1024 - 100) + b'"}}',
    b"[" + b"1," * (5 * 1024 * 1024 - 2) + b"1]",
    b'{"type":"\xff\xfe"}',
    bytes(range(256)),
    b'{"type":"x\x1b]0;title\x07","payload":{}}',
)


@pytest.mark.slow
def test_hostile_bodies_delay_nothing_and_keep_each_byte(tmp_path: Path) -> None:
    """Each is answered at once and kept as it came, has its shape soon, and every command copes with it."""
    with running(tmp_path) as program:
        for body in HOSTILE:
            begun = monotonic()
            post(program, body)
            assert monotonic() - begun < 5
        wait_until(lambda: None not in shapes(program.db).values(), "all shapes", 60)
        with reading(program.db) as log:
            assert [body for (body,) in log.execute("SELECT body FROM captures ORDER BY id")] == list(HOSTILE)
    for command, code in (
        (["shapes"], 0),
        (["shapes", "--json"], 0),
        (["shapes", "recheck", "1.."], 0),
        (["shapes", "freeze", "1.."], 0),
        (["verify", "1..", "--attempts"], 0),
        (["journey", "a"], 4),
        (["show", "1.."], 0),
        (["list", "shape:drift", "--json"], 0),
    ):
        done = lean_relay(tmp_path, *command, "--db", str(program.db), within_s=120)
        assert done.returncode == code, (command, done.stderr[-500:])
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout
    wrong = lean_relay(tmp_path, "verify", "1..", "--db", str(program.db), within_s=120, secret="another")
    assert wrong.returncode == 3
    assert wrong.stdout.count("): none of the usual causes") == len(HOSTILE)
