"""Start-up of each command: wall and processor time, beside an interpreter that does nothing.

Commands that end are timed to their end, the others until they are of use: `listen` to its ready line, `tail`
to a webhook that comes meanwhile, `tui` to its first rows. An engine with COUNT captures runs all the while.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from relay.docs.figures import Comparison
from tests.bench import backlog
from tests.bench.commands import Took, ended
from tests.bench.generator import progress, spent_s
from tests.bench.result import Plan, Samples
from tests.bench.terminals import quiet, until
from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    RELAY,
    Running,
    environment,
    exchange,
    ready,
    running,
    start,
    working_folder,
)
from tests.support.terminal import at_a_terminal

COUNT = 1_000
CLOSES = (("Connection", "close"),)
NOTHING = "python -c pass"

ENDING: Mapping[str, Sequence[str]] = {
    NOTHING: ("-c", "pass"),
    "python -c 'import aiohttp'": ("-c", "import aiohttp"),
    "--version": (*RELAY, "--version"),
    "--help": (*RELAY, "--help"),
    "list": (*RELAY, "list"),
    "list FILTER": (*RELAY, "list", "type:payment", "sig:unchecked"),
    "show latest": (*RELAY, "show", "latest"),
    "status": (*RELAY, "status"),
    "wait, one is there": (*RELAY, "wait", "--since", "2020-01-01", "type:payment"),
    "doctor": (*RELAY, "doctor"),
    "help filter": (*RELAY, "help", "filter"),
}


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Each command once in each round."""
    folder.mkdir(parents=True)
    db = folder / "engine" / "relay.db"
    db.parent.mkdir()
    backlog.fill(db, COUNT, judged=True)
    samples = Samples("startup", "Start-up", NOTHING)
    with running(folder / "engine", db=db) as engine:
        commands: dict[str, Callable[[], Took]] = {
            name: partial(to_the_end, engine, words) for name, words in ENDING.items()
        }
        commands["tail, to a webhook"] = partial(to_a_webhook, engine)
        commands["tui, to its rows"] = partial(to_rows, engine)
        for number in range(plan.rounds):
            progress(f"startup: round {number + 1} of {plan.rounds}")
            commands["listen, to ready"] = partial(to_ready, folder / f"{number}")
            for name, command in commands.items():
                took = command()
                samples.add("wall", "ms", name, 1000 * took.wall_s)
                samples.add("processor time", "ms", name, 1000 * took.cpu_s)
    yield samples.comparison()


def to_the_end(engine: Running, words: Sequence[str]) -> Took:
    """Run a command to its end, whatever it finds."""
    begun = time.perf_counter()
    process = command(engine, words)
    took = ended(process, begun)
    assert process.returncode in (0, 3), words
    return took


def command(engine: Running, words: Sequence[str], out: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=working_folder(engine.folder),
        env=environment(engine.folder, LEAN_RELAY_DB=str(engine.db)),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.DEVNULL,
    )


def taken(process: subprocess.Popen[bytes], begun: float) -> Took:
    """The times of a process so far."""
    whole = psutil.Process(process.pid)
    wall_s = time.perf_counter() - begun
    return Took(wall_s, spent_s(whole, *whole.children(recursive=True)))


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)


def to_ready(folder: Path) -> Took:
    """A listener with a new database."""
    folder.mkdir()
    begun = time.perf_counter()
    process = start(folder)
    try:
        ready(process, folder)
        return taken(process, begun)
    finally:
        end(process)


def to_a_webhook(engine: Running) -> Took:
    """`tail`, until it prints one of the webhooks that come each 10 ms."""
    begun = time.perf_counter()
    process = command(engine, (*RELAY, "tail"), subprocess.PIPE)
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    with process.stdout:
        try:
            while not process.stdout.read():
                assert process.poll() is None
                exchange(engine.port, a_request(a_body(), headers=CLOSES))
                time.sleep(0.01)
            return taken(process, begun)
        finally:
            end(process)


def to_rows(engine: Running) -> Took:
    """The screen."""
    begun = time.perf_counter()
    with at_a_terminal(engine.folder, "tui", "--db", str(engine.db), size=(120, 40)) as see:
        until(see, b"payment.updated")
        took = taken(see.process, begun)
        quiet(see)
        see.press("q")
        see.end()
    return took
