"""Servers that answer webhooks, to be measured in turns: two to compare with, and the relay in its states."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import psutil

from tests.bench import backlog
from tests.bench.base import running_base
from tests.bench.generator import WARM_UP_S, Server, Turn, press, resting
from tests.bench.terminals import drained, until
from tests.support.lean_requests import SECRET
from tests.support.program import RELAY, Running, reading, running, writing_processes
from tests.support.sink import sink
from tests.support.terminal import at_a_terminal

WITHOUT_FAST_PATH = ("-m", "tests.bench.without_fast_path")

BACKLOG = 100_000
"""Captures without a shape that one contender starts with."""

BASE = "aiohttp, stores nothing"
COMMITTING = "aiohttp, commits each"
RELAY_NAME = "relay"

Notes = list[str]
Start = Callable[[Path, Notes], AbstractContextManager[Turn]]
"""Starts a contender in a folder of its own; may leave words for the table."""


@contextmanager
def base(folder: Path, notes: Notes) -> Iterator[Turn]:
    """Reads the body and answers."""
    with running_base(folder) as (port, process):
        with resting(Server((port,), (process,))) as turn:
            yield turn


@contextmanager
def committing(folder: Path, notes: Notes) -> Iterator[Turn]:
    """Commits each request alone, with synchronous=FULL."""
    folder.mkdir(parents=True)
    with running_base(folder, "--commit", str(folder / "naive.db")) as (port, process):
        with resting(Server((port,), (process,))) as turn:
            yield turn


def server_of(relay: Running) -> Server:
    """A listener; the processor time of its engine and its writing process counts."""
    return Server((relay.port,), (psutil.Process(relay.pid), *writing_processes(relay.pid)))


@contextmanager
def relay(
    folder: Path,
    notes: Notes,
    *arguments: str,
    launcher: Sequence[str] = RELAY,
    secret: str | None = SECRET,
    name: str = RELAY_NAME,
) -> Iterator[Turn]:
    """The real program with a new database, signatures checked, everything as by default."""
    with running(folder, *arguments, launcher=launcher, secret=secret) as program:
        server = server_of(program)
        with resting(server) as turn:
            yield turn
        assert program.stop() == 0, program.said
    notes.append(_said(name, server.answered, server.other, *_stored(program.db)))


def _stored(path: Path) -> tuple[int, int]:
    """How many captures a database has, and how many of them have a valid signature."""
    with reading(path) as db:
        query = "SELECT count(*), coalesce(sum(signature = 'valid'), 0) FROM captures"
        stored, valid = db.execute(query).fetchone()
    return stored, valid


def _said(name: str, answered: int, other: int, stored: int, valid: int) -> str:
    words = f"{name}: {answered:,} answered 200, {stored:,} stored, {valid:,} signatures valid"
    return words + (f", {other:,} OTHER RESPONSES" if other else "")


@contextmanager
def unchecked(folder: Path, notes: Notes) -> Iterator[Turn]:
    with relay(folder, notes, secret=None, name="no secret") as turn:
        yield turn


@contextmanager
def without_fast_path(folder: Path, notes: Notes) -> Iterator[Turn]:
    """The relay whose connections take every request the long way."""
    with relay(folder, notes, launcher=WITHOUT_FAST_PATH, name="without fast path") as turn:
        yield turn


@contextmanager
def answered(folder: Path, notes: Notes) -> Iterator[Turn]:
    """With a target that answers each webhook. Started for each turn, because forwarding lasts longer."""
    answered = other = stored = valid = 0
    turns = count()
    with sink(keeps=True) as there:

        @contextmanager
        def turn() -> Iterator[Server]:
            nonlocal answered, other, stored, valid
            with running(folder / str(next(turns)), "--forward-to", f":{there.port}") as program:
                server = server_of(program)
                press(server, connections=32, seconds=WARM_UP_S)
                yield server
                assert program.stop() == 0, program.said
            in_db = _stored(program.db)
            answered, other = answered + server.answered, other + server.other
            stored, valid = stored + in_db[0], valid + in_db[1]

        yield turn
    notes.append(_said("target answers", answered, other, stored, valid))


@contextmanager
def hanging(folder: Path, notes: Notes) -> Iterator[Turn]:
    """With a target that takes connections and never answers: a delivery row for each capture."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as there:
        target = f":{there.getsockname()[1]}"
        with relay(folder, notes, "--forward-to", target, name="target hangs") as turn:
            yield turn


@contextmanager
def watched(folder: Path, notes: Notes) -> Iterator[Turn]:
    """With a screen that follows, which is open while it is measured."""
    with running(folder) as program:
        server = server_of(program)

        @contextmanager
        def watched_turn() -> Iterator[Server]:
            with turn(), at_a_terminal(folder, "tui", "--db", str(program.db), size=(120, 40)) as see:
                until(see, b"payment.updated" if server.answered else b"No webhooks received")
                with drained(see):
                    yield server
                see.press("q")
                see.end()

        with resting(server) as turn:
            yield watched_turn
        assert program.stop() == 0, program.said


@contextmanager
def judging(folder: Path, notes: Notes) -> Iterator[Turn]:
    """On a database of BACKLOG captures without a shape, which are judged while it is measured."""
    folder.mkdir(parents=True)
    db = folder / "relay.db"
    backlog.fill(db, BACKLOG)
    spent_s: list[float] = []

    @contextmanager
    def turn() -> Iterator[Server]:
        with running(folder) as program:
            server = server_of(program)
            press(server, connections=32, seconds=WARM_UP_S)
            yield server
            workers = [
                each
                for each in psutil.Process(program.pid).children()
                if "relay.engine.shape_worker" in each.cmdline()
            ]
            spent_s.append(sum(sum(each.cpu_times()[:2]) for each in workers))
            assert program.stop() == 0, program.said

    yield turn
    with reading(db) as log:
        query = "SELECT count(*), coalesce(sum(id <= ?), 0) FROM captures WHERE shape IS NOT NULL"
        judged, old = log.execute(query, (BACKLOG,)).fetchone()
    us = 1e6 * sum(spent_s) / max(1, judged)
    notes.append(
        f"judging: {judged:,} captures meanwhile, {old:,} of them of the backlog of {BACKLOG:,};"
        f" {us:.0f} us of the shape worker's processor time each"
    )
