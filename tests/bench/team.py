"""A sharing node compared with the base and the same node on SQLite; one node and two; then a follower.

PostgreSQL runs as it comes, on the disk of the temporary folder. Rounds are interleaved, as in `make bench`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.base import running_base
from tests.bench.rates import spent_s
from tests.support.lean_requests import a_body, a_request
from tests.support.postgres import Postgres, running_postgres
from tests.support.program import ROOT, Running, exchange, reading, running
from tests.support.waiting import wait_until
from tests.torture.team import a_node

CONNECTIONS = 32
REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that answers webhooks, on one port or several."""

    ports: tuple[int, ...]
    processes: tuple[psutil.Process, ...]
    """Whose processor time counts, with their children."""

    def spent_s(self) -> float:
        children = [child for each in self.processes for child in each.children(recursive=True)]
        return spent_s(*self.processes, *children)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one run of the load generator found."""

    per_second: float
    p99_ms: float
    """The worst of its ports."""
    cpu_us: float
    """Per request; of nodes with PostgreSQL's."""


def measure(folder: Path, rounds: int, seconds: float) -> Iterator[str]:
    """A line for each measure."""
    with running_postgres() as server, ExitStack() as stack:
        name = server.new_log()
        base, base_process = stack.enter_context(running_base(folder / "base"))
        alone = stack.enter_context(running(folder / "alone"))
        nodes = [
            stack.enter_context(a_node(folder / each, server.url(f"{name}_node"), name))
            for each in ("node-1", "node-2")
        ]
        postgres = psutil.Process(server.pid)
        subjects = {
            "base": Subject((base,), (base_process,)),
            "SQLite": Subject((alone.port,), (psutil.Process(alone.pid),)),
            "one node": Subject((nodes[0].port,), (psutil.Process(nodes[0].pid), postgres)),
            "two nodes": Subject(
                tuple(node.port for node in nodes), (*(psutil.Process(node.pid) for node in nodes), postgres)
            ),
        }
        for subject in subjects.values():
            press(subject, 0.3)
        figures: dict[str, list[Figures]] = {contender: [] for contender in subjects}
        for number in range(rounds):
            for contender in [*subjects][:: 1 if number % 2 == 0 else -1]:
                figures[contender].append(press(subjects[contender], seconds))
        yield f"{CONNECTIONS} connections, 451 bytes; ratios to the base of the same round:"
        for contender, found in figures.items():
            yield _line(contender, found, figures["base"])
        yield from _published(server, name)
        yield _request_to_row(folder / "follower", server, name, nodes[0].port)
        yield _catch_up(folder / "late", server, name)


def press(subject: Subject, seconds: float) -> Figures:
    """Press all its ports at once, with `CONNECTIONS` in all."""

    def one(port: int) -> dict[str, Any]:
        share = CONNECTIONS // len(subject.ports)
        command = [sys.executable, "-m", "tests.bench.load", "--port", str(port)]
        done = subprocess.run(
            [*command, "--seconds", str(seconds), "--connections", str(share)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            timeout=seconds + 60,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    before = subject.spent_s()
    with ThreadPoolExecutor(len(subject.ports)) as pool:
        found = list(pool.map(one, subject.ports))
    spent = subject.spent_s() - before
    return Figures(
        per_second=sum(each["per_second"] for each in found),
        p99_ms=max(each["p99_ms"] for each in found),
        cpu_us=1e6 * spent / max(1, sum(each["answered"] for each in found)),
    )


def _line(contender: str, found: list[Figures], base: list[Figures]) -> str:
    rate, late, cpu = (
        statistics.median(each)
        for each in zip(*((f.per_second, f.p99_ms, f.cpu_us) for f in found), strict=True)
    )
    ratios = [ours.per_second / theirs.per_second for ours, theirs in zip(found, base, strict=True)]
    return (
        f"  {contender:10} {rate:>8,.0f} requests/s   p99 {late:>6.1f} ms   processor time {cpu:>4.0f} us   "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def _published(server: Postgres, name: str) -> Iterator[str]:
    ((count, size),) = server.sql(f'SELECT newest, bytes FROM "{name}".log')
    ((on_disk,),) = server.sql(f"SELECT pg_total_relation_size('\"{name}\".captures')")
    yield f"  {count:,} captures in the log: {size / count:.0f} bytes each, {on_disk / count:.0f} on disk"


# -- a follower ------------------------------------------------------------------------------------


def _following(folder: Path, server: Postgres, name: str, start: str) -> AbstractContextManager[Running]:
    folder.mkdir(parents=True)
    (folder / "team.toml").write_text(f'[team]\nname = "{name}"\nurl = {{ env = "LEAN_TEAM_URL" }}\n')
    return running(
        folder,
        "--follow",
        "--from",
        start,
        "--config",
        str(folder / "team.toml"),
        env={"LEAN_TEAM_URL": server.url(f"{name}_laptop")},
    )


def _position(db: Path) -> int:
    with reading(db) as log:
        return int(log.execute("SELECT coalesce(max(position), 0) FROM captures").fetchone()[0])


def _request_to_row(folder: Path, server: Postgres, name: str, node: int) -> str:
    with _following(folder, server, name, "now") as follower:
        took: list[float] = []
        while not _position(follower.db):  # Until it has read where `now` is.
            exchange(node, a_request(a_body()))
            time.sleep(0.1)
        time.sleep(1)  # The rest of those.
        with reading(follower.db) as log:
            for _ in range(REQUESTS):
                (before,) = log.execute("SELECT max(position) FROM captures").fetchone()
                begun = time.perf_counter()
                exchange(node, a_request(a_body()))
                while log.execute("SELECT max(position) FROM captures").fetchone() == (before,):
                    time.sleep(0.0005)
                took.append(1000 * (time.perf_counter() - begun))
    ordered = sorted(took)
    return (
        f"  request to row of a follower: p50 {ordered[len(ordered) // 2]:.1f} ms, "
        f"p99 {ordered[int(len(ordered) * 0.99)]:.1f} ms"
    )


def _catch_up(folder: Path, server: Postgres, name: str) -> str:
    ((newest,),) = server.sql(f'SELECT newest FROM "{name}".log')
    with _following(folder, server, name, "beginning") as follower:
        begun = time.perf_counter()
        wait_until(lambda: _position(follower.db) >= newest, "the follower", within_s=300)
        seconds = time.perf_counter() - begun
        peak = peak_mib(follower.pid)
    return (
        f"  a new follower took {newest:,} captures at {newest / seconds:,.0f}/s, in {peak:.0f} MiB at most"
    )


def peak_mib(pid: int) -> float:
    """The most memory that a process has had."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
