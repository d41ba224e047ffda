"""A team's PostgreSQL through power cuts and failovers, with the control of each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relay.team import tables
from tests.support.postgres import (
    Postgres,
    apart,
    folder_for_postgres,
    initialise,
    make_log,
    running_postgres,
    running_standby,
)
from tests.support.program import Running, running
from tests.support.waiting import wait_until
from tests.torture.posting import posting
from tests.torture.power import cut, mounted


@dataclass(slots=True)
class Tally:
    """Results of the rounds."""

    rounds: int = 0
    acked: int = 0
    lost: int = 0
    twice: int = 0
    refused: int = 0


@contextlib.contextmanager
def a_node(folder: Path, url: str, name: str) -> Iterator[Running]:
    """`listen --share` with this URL."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "team.toml").write_text(f'[team]\nname = "{name}"\nurl = {{ env = "LEAN_TEAM_URL" }}\n')
    arguments = ("--share", "--config", str(folder / "team.toml"))
    with running(folder, *arguments, env={"LEAN_TEAM_URL": url}, secret=None) as node:
        yield node


def stored(server: Postgres, name: str) -> list[tuple[str, str]]:
    """Event id and SHA-256 of each body, in order; positions have no holes."""
    rows = server.sql(f'SELECT position, body FROM "{name}".captures ORDER BY position')
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    return [(json.loads(body)["event_id"], hashlib.sha256(body).hexdigest()) for _, body in rows]


def compare(tally: Tally, acked: dict[str, str], found: list[tuple[str, str]]) -> Tally:
    """Count what was answered 200 and is not there, and what is there twice."""
    digests = dict(found)
    tally.acked = len(acked)
    tally.lost = sum(digests.get(event) != digest for event, digest in acked.items())
    tally.twice = len(found) - len(digests)
    return tally


NOT_WAITED_FOR = "  PERFORM set_config('synchronous_commit', 'off', true);\n"


def without_waiting(name: str) -> str:
    """The control: a publishing function that does not wait for the disk, and says that it did."""
    sql = tables.init(name)
    begin, end = (
        sql.index("  IF current_setting('fsync')"),
        sql.index("  UPDATE", sql.index("  IF current_setting")),
    )
    return sql[:begin] + NOT_WAITED_FOR + sql[end:]


def power_cuts(folder: Path, cuts: int, *, waits: bool = True) -> Tally:
    """Post to a node, cut the power of PostgreSQL's disk, mount, start again, compare; on one log.

    Args:
        waits: False for the control.
    """
    name = "cut"
    tally = Tally()
    acked: dict[str, str] = {}
    with folder_for_postgres() as place:
        image, at = place / "disk.img", place / "disk"
        at.mkdir()
        with open(image, "wb") as file:
            file.truncate(768 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
        data = at / "data"
        with mounted(image, at):
            initialise(data)
            with running_postgres(data) as server:
                _make(server, name, waits=waits)
        for number in range(cuts):
            with (
                mounted(image, at),
                running_postgres(data, wal_writer_delay="10s", checkpoint_timeout="1h") as server,
                a_node(folder / "node", server.url(f"{name}_node"), name) as node,
                posting(node.port, seed=number) as posters,
            ):
                posters.stopping.wait(0.4 + 0.1 * (number % 4))
                cut(at)
                posters.stopping.wait(0.1)
                server.kill()
                posters.stopping.set()
                node.kill()
                acked |= posters.acked
            tally.rounds += 1
        with mounted(image, at), running_postgres(data) as server:
            return compare(tally, acked, stored(server, name))


def _make(server: Postgres, name: str, *, waits: bool) -> None:
    if waits:
        apart(lambda: make_log(server.address(name)))
    else:

        async def work() -> None:
            import asyncpg

            connection = await asyncpg.connect(server.url())
            await connection.execute(without_waiting(name))
            await connection.close()

        apart(work)
    server.sql(f'CREATE ROLE "{name}_node" LOGIN IN ROLE "{name}_writer"')
    server.sql("CHECKPOINT")


def failover(folder: Path, *, synchronous: bool) -> Tally:
    """Post to a node, let the standby fall silent, kill the primary, promote the standby, compare there.

    Args:
        synchronous: whether the primary waits for it; False for the control.
    """
    tally = Tally(rounds=1)
    with running_postgres() as primary:
        name = primary.new_log()
        with running_standby(primary) as standby:
            if synchronous:
                primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
                primary.sql("SELECT pg_reload_conf()")
            wait_until(
                lambda: (
                    primary.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
                    == [(1,)]
                ),
                "the standby to stream",
            )
            hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            url = f"postgresql://{name}_node@{hosts}/postgres"
            with a_node(folder / "node", url, name) as node, posting(node.port) as posters:
                wait_until(lambda: len(posters.acked) > 300, "webhooks", within_s=60)
                standby.freeze()
                threading.Event().wait(1.0)  # For as long acks go on, or do not.
                primary.kill()
                standby.thaw()
                standby.sql("SELECT pg_promote()")
                before = len(posters.acked)
                wait_until(lambda: len(posters.acked) > before + 300, "webhooks on the promoted standby")
                posters.stopping.set()
                assert node.stop() == 0, node.said
            tally.refused = posters.statuses[503]
            return compare(tally, posters.acked, stored(standby, name))
