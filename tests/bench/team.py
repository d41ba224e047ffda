"""A sharing node compared with the base and the same node on SQLite; one node and two; then a follower.

PostgreSQL runs as it comes, on the disk of the temporary folder. Rounds are interleaved, as in `make bench`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import psutil

from relay.docs.figures import Comparison
from tests.bench.base import running_base
from tests.bench.commands import peak_mib
from tests.bench.contenders import BASE, server_of
from tests.bench.generator import Measure, Rounds, Server, always, progress, recorded
from tests.bench.receive import FIGURES
from tests.bench.result import Plan, Samples
from tests.support.lean_requests import a_body, a_request
from tests.support.postgres import Postgres, running_postgres
from tests.support.program import Running, exchange, reading, running
from tests.support.waiting import wait_until
from tests.torture.team import a_node

CONNECTIONS = 32
REQUESTS = 200
CATCH_UP = 50_000
"""Captures that a new follower is timed with, at most."""


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Nodes beside the base and a relay alone, then a follower."""
    samples = Samples("team", f"Sharing through PostgreSQL: {CONNECTIONS} connections, 451-byte bodies", BASE)
    samples.notes.append("the processor time of nodes is with PostgreSQL's")
    with running_postgres() as server, ExitStack() as stack:
        name = server.new_log()
        base, base_process = stack.enter_context(running_base(folder / "base"))
        alone = stack.enter_context(running(folder / "alone"))
        nodes = [
            stack.enter_context(a_node(folder / each, server.url(f"{name}_node"), name))
            for each in ("node-1", "node-2")
        ]
        postgres = (psutil.Process(server.pid),)
        contenders = {
            BASE: Server((base,), (base_process,)),
            "relay, SQLite": server_of(alone),
            "one node": Server((nodes[0].port,), server_of(nodes[0]).processes, postgres),
            "two nodes": Server(
                tuple(node.port for node in nodes),
                tuple(process for node in nodes for process in server_of(node).processes),
                postgres,
            ),
        }
        turns = {contender: always(each) for contender, each in contenders.items()}
        Rounds(turns, [Measure(recorded(samples, *FIGURES), CONNECTIONS)]).run(plan, "team")
        yield samples.comparison()
        progress("team: what is in the log, and a follower")
        follower = Samples("follower", "A team's log and its followers")
        _published(server, name, follower)
        _request_to_row(folder / "follower", server, name, nodes[0].port, follower)
        _catch_up(folder / "late", server, name, follower)
        yield follower.comparison()


def _published(server: Postgres, name: str, samples: Samples) -> None:
    ((count, size),) = server.sql(f'SELECT newest, bytes FROM "{name}".log')
    ((on_disk,),) = server.sql(f"SELECT pg_total_relation_size('\"{name}\".captures')")
    samples.add("a capture in the log", "bytes", "figure", size / count)
    samples.add("a capture on the disk", "bytes", "figure", on_disk / count)


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


def _request_to_row(folder: Path, server: Postgres, name: str, node: int, samples: Samples) -> None:
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
    samples.add("request to row of a follower, p50", "ms", "figure", ordered[len(ordered) // 2])
    samples.add("request to row of a follower, p99", "ms", "figure", ordered[int(len(ordered) * 0.99)])


def _catch_up(folder: Path, server: Postgres, name: str, samples: Samples) -> None:
    ((newest,),) = server.sql(f'SELECT newest FROM "{name}".log')
    count = min(newest, CATCH_UP)
    with _following(folder, server, name, "beginning") as follower:
        begun = time.perf_counter()
        wait_until(lambda: _position(follower.db) >= count, "the follower", within_s=300)
        seconds = time.perf_counter() - begun
        peak = peak_mib(follower.pid)
    samples.add("captures that a new follower takes", "per second", "figure", count / seconds)
    samples.add("most memory of its engine", "MiB", "figure", peak)
