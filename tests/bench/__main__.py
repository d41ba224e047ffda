"""`make bench`: the relay held against the base, interleaved in one run, as ratios.

Owns the order of rounds and the table at the end. Prints figures and asserts none: this machine's
neighbours are louder than most differences. A later measure is one more `Contender` or `Measure`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench import archive, backlog, beside, rates, screen, secure, team, wrk
from tests.bench.base import running_base
from tests.bench.drain import Drained, drain
from tests.support.program import RELAY, ROOT, environment, reading, running

CONNECTIONS = 32
OPEN_LOOP_RATE = 500
OPEN_LOOP_CONNECTIONS = 16
WARM_UP_S = 0.3
DRAINS = 3

BACKLOG = 100_000
"""Captures without a shape that one contender starts with."""


@dataclass(slots=True)
class Subject:
    """A contender that runs."""

    port: int
    process: psutil.Process
    answered: int = 0
    """200s it gave over all measures, to be held against its rows."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that answers webhooks; the first one is what the others are divided by."""

    name: str
    start: Callable[[Path], AbstractContextManager[Subject]]


@dataclass(frozen=True, slots=True)
class Measure:
    """A line of the table or several, from one run of the load generator."""

    load: tuple[str, ...]
    """Arguments of `tests.bench.load`, but for port and seconds."""
    lines: tuple[tuple[str, str], ...]
    """Words and the generator's field."""
    share_of_seconds: float = 1.0


MEASURES = (
    Measure(
        ("--connections", str(CONNECTIONS)),
        (
            (f"requests/s, {CONNECTIONS} connections", "per_second"),
            ("  p99 ms meanwhile", "p99_ms"),
            ("  its processor time, us a request", "cpu_us"),
        ),
    ),
    Measure(
        ("--connections", str(OPEN_LOOP_CONNECTIONS), "--rate", str(OPEN_LOOP_RATE)),
        (
            (f"{OPEN_LOOP_RATE}/s, open loop: p50 ms", "p50_ms"),
            ("  p99 ms", "p99_ms"),
            ("  max ms", "max_ms"),
        ),
        share_of_seconds=2.0,
    ),
)


@contextlib.contextmanager
def base(folder: Path) -> Iterator[Subject]:
    """The plain aiohttp Application of `tests.bench.base`."""
    with running_base(folder) as (port, process):
        yield Subject(port, process)


def log_size(db: Path) -> int:
    """The id of the newest capture; 0 for none."""
    with reading(db) as log:
        return int(log.execute("SELECT coalesce(max(id), 0) FROM captures").fetchone()[0])


@contextlib.contextmanager
def relay(folder: Path, *arguments: str, launcher: Sequence[str] = RELAY) -> Iterator[Subject]:
    """The real program: a new database, signatures checked, everything as by default."""
    with running(folder, *arguments, launcher=launcher) as program:
        before = log_size(program.db)
        subject = Subject(program.port, psutil.Process(program.pid))
        yield subject
        assert program.stop() == 0, program.said
    with reading(program.db) as log:
        stored, valid = log.execute(
            "SELECT count(*), sum(signature = 'valid') FROM captures WHERE id > ?", (before,)
        ).fetchone()
    print(f"relay: {subject.answered} answered 200, {stored} stored, {valid} of them with a valid signature")


def relay_without_fast_path(folder: Path) -> AbstractContextManager[Subject]:
    """The relay whose connections take every request the long way."""
    return relay(folder, launcher=rates.WITHOUT_FAST_PATH)


@contextlib.contextmanager
def relay_to_nobody(folder: Path) -> Iterator[Subject]:
    """The relay with a target that takes connections and never answers: a delivery row for each capture."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as hanging:
        with relay(folder, "--forward-to", f":{hanging.getsockname()[1]}") as subject:
            yield subject


@contextlib.contextmanager
def relay_with_log(folder: Path) -> Iterator[Subject]:
    """The relay on a log of as many captures that are judged already: what the next one is held against."""
    backlog.fill(folder / "relay.db", BACKLOG, judged=True)
    with relay(folder) as subject:
        yield subject


@contextlib.contextmanager
def relay_with_backlog(folder: Path) -> Iterator[Subject]:
    """The relay on a log of BACKLOG captures without a shape: they are judged meanwhile."""
    db = folder / "relay.db"
    backlog.fill(db, BACKLOG)
    with relay(folder) as subject:
        yield subject
        with reading(db) as log:
            (judged,) = log.execute("SELECT count(*) FROM captures WHERE shape IS NOT NULL").fetchone()
            (old,) = log.execute(
                "SELECT count(*) FROM captures WHERE shape IS NOT NULL AND id <= ?", (BACKLOG,)
            ).fetchone()
        workers = [
            each for each in subject.process.children() if "relay.engine.shape_worker" in each.cmdline()
        ]
        own_s = sum(sum(each.cpu_times()[:2]) for each in workers)
        print(
            f"judging: {judged} captures, {old} of them of the backlog of {BACKLOG}; "
            f"{1e6 * own_s / max(1, judged):.0f} us of its own processor time each"
        )


CONTENDERS = (
    Contender("base", base),
    Contender("relay", relay),
    Contender("long way", relay_without_fast_path),
    Contender("hanging", relay_to_nobody),
    Contender("judged", relay_with_log),
    Contender("judging", relay_with_backlog),
)


def press(subject: Subject, arguments: tuple[str, ...], seconds: float) -> dict[str, float]:
    """One run of the load generator in its own process; its figures by name, and `cpu_us` of the subject.

    Processor time is what neighbours disturb least: where the other figures scatter, it still tells.
    """
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(subject.port)]
    before = rates.spent_s(subject.process, *subject.process.children(recursive=True))
    done = subprocess.run(
        [*command, "--seconds", str(seconds), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=seconds + 60,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    spent = rates.spent_s(subject.process, *subject.process.children(recursive=True)) - before
    figures["cpu_us"] = 1e6 * spent / max(1, figures["answered"])
    subject.answered += int(figures["answered"])
    if figures["other"]:
        print(f"{int(figures['other'])} answers that were not 200")
    return figures


def version_wall_ms(folder: Path) -> float:
    """Milliseconds from starting `lean-relay --version` to its end."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, *RELAY, "--version"],
        cwd=ROOT,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return 1000 * (time.perf_counter() - begun)


Figures = dict[tuple[str, str], list[float]]
"""(contender, line) -> one value for each round."""


def rounds(count: int, seconds: float, scratch: Path) -> Figures:
    """All contenders at once, each measure of one after the other's, in turning order.

    What runs beside each measure is one that waits: so the two of a pair are seconds apart, and a
    neighbour's load falls on both.
    """
    figures: Figures = {}
    with contextlib.ExitStack() as stack:
        subjects: list[tuple[Contender, Subject]] = []
        for contender in CONTENDERS:
            folder = scratch / contender.name
            folder.mkdir()
            subjects.append((contender, stack.enter_context(contender.start(folder))))
        for _, subject in subjects:
            press(subject, MEASURES[0].load, WARM_UP_S)
        for number in range(count):
            print(f"round {number + 1} of {count}", flush=True)
            for measure in MEASURES:
                for contender, subject in subjects if number % 2 == 0 else subjects[::-1]:
                    found = press(subject, measure.load, seconds * measure.share_of_seconds)
                    for words, field in measure.lines:
                        figures.setdefault((contender.name, words), []).append(found[field])
    return figures


def table(figures: Figures) -> Iterator[str]:
    """The figures as lines: medians, and the ratio of each round's pair with its spread."""
    names = [contender.name for contender in CONTENDERS]
    first = names[0]
    yield f"{'':34}" + "".join(f"{name:>12}" for name in names) + "   ratio (spread)"
    for measure in MEASURES:
        for words, _ in measure.lines:
            line = f"{words:34}"
            for name in names:
                middle = statistics.median(figures[name, words])
                line += f"{middle:>12,.0f}" if middle >= 1000 else f"{middle:>12.2f}"
            for name in names[1:]:
                pairs = zip(figures[name, words], figures[first, words], strict=True)
                ratios = [ours / theirs for ours, theirs in pairs]
                line += f"   {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            yield line


def drained(to: str, drains: list[Drained]) -> str:
    """What backlogs came to, in a line."""
    rates = [each.per_second for each in drains]
    ratios = [each.per_second / each.bare_per_second for each in drains]
    count = statistics.median(each.count for each in drains)
    order = "in order" if all(each.in_order for each in drains) else "NOT IN ORDER"
    return (
        f"\na backlog of {count:,.0f} to a backend that {to}: {statistics.median(rates):,.0f} deliveries/s"
        f" ({min(rates):,.0f} to {max(rates):,.0f}), {order}, one at a time;"
        f" {statistics.median(ratios):.2f} of a bare client's requests on one connection"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="of a measure in each round; open loop twice that"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build",
        help="where the databases lie: a real disk, or sync costs nothing",
    )
    parser.add_argument(
        "--tui",
        action="store_true",
        help="the screen instead, on a million captures: some two minutes, and 1 GiB for as long",
    )
    parser.add_argument(
        "--archive",
        action="store_true",
        help="export and import of 100,000 captures instead: some two minutes",
    )
    parser.add_argument(
        "--rates", action="store_true", help="processor time per request at fixed rates instead"
    )
    parser.add_argument(
        "--team",
        action="store_true",
        help="nodes that share through PostgreSQL instead, which it starts; some two minutes",
    )
    parser.add_argument(
        "--backfill",
        action="store_true",
        help="what a backfill costs the listener beside it, its rate and memory, instead: some two minutes",
    )
    parser.add_argument(
        "--web", action="store_true", help="what a screen in a browser costs the listener beside it, instead"
    )
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=given.folder))
    if given.tui or given.archive or given.rates or given.team or given.backfill or given.web:
        try:
            if given.backfill:
                of = beside.of_backfill(scratch / "backfill", given.rounds, given.seconds)
            elif given.web:
                of = beside.of_web(scratch / "web", given.rounds, given.seconds)
            elif given.rates:
                of = rates.measure(scratch / "rates", given.rounds, 2 * given.seconds)
            elif given.team:
                of = team.measure(scratch / "team", given.rounds, given.seconds)
            elif given.archive:
                of = archive.measure(scratch / "archive")
            else:
                of = screen.measure(scratch / "screen")
            for line in of:
                print(line, flush=True)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return
    try:
        figures = rounds(given.rounds, given.seconds, scratch)
        walls = [version_wall_ms(scratch) for _ in range(7)]
        drains: dict[str, list[Drained]] = {"closes": [], "names Keep-Alive": []}
        for number in range(DRAINS):  # In turns, so that both meet the same machine.
            for to, each in drains.items():
                folder = scratch / f"drain-{number}-{to[:1]}"
                each.append(drain(folder, keeps=to != "closes"))
        over_tls = list(
            secure.measure(scratch / "tls", max(1, given.rounds // 2), max(1, round(given.seconds)))
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(
        f"\n{platform.system()}, Python {platform.python_version()}, {os.cpu_count()} cores"
        f" shared with the load generator ({'wrk' if wrk.is_there() else 'in Python; wrk takes less'});"
        f" medians of {given.rounds} rounds\n"
    )
    for line in table(figures):
        print(line)
    for to, each in drains.items():
        print(drained(to, each))
    print()
    for line in over_tls:
        print(line)
    print(f"\nlean-relay --version: {statistics.median(walls):.0f} ms ({min(walls):.0f} to {max(walls):.0f})")


if __name__ == "__main__":
    main()
