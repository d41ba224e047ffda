"""Three PostgreSQLs under Patroni with etcd: the primary killed, stopped and switched over under load.

Owns all their processes. Debian's packages `patroni` and `etcd-server` have the programs.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import psutil

from relay.team.address import TeamAddress
from tests.support.backends import free_port
from tests.support.postgres import (
    Postgres,
    apart,
    folder_for_postgres,
    give,
    make_log,
    programs,
    server_user,
)
from tests.support.waiting import wait_until
from tests.torture.posting import Posters, posting
from tests.torture.team import Tally, a_node, compare, stored

PATRONI = """\
scope: team
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
etcd3: {{host: "127.0.0.1:{etcd}"}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 3
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {{shared_buffers: 16MB, max_connections: 60, wal_log_hints: "on"}}
  initdb: [{{encoding: UTF8}}, {{auth: trust}}, no-sync]
  pg_hba:
    - local all all trust
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {folder}/data
  bin_dir: {binaries}
  pgpass: {folder}/pgpass
  authentication: {{superuser: {{username: postgres}}, replication: {{username: replicator}}}}
  parameters: {{unix_socket_directories: {folder}}}
"""


def why_not() -> str | None:
    """Why this cannot be tried here; None where it can."""
    missing = [each for each in ("patroni", "etcd") if shutil.which(each) is None]
    if programs() is None:
        missing.append("postgresql")
    return f"needs {', '.join(missing)}" if missing else None


class Member:
    """One PostgreSQL and its Patroni."""

    def __init__(self, folder: Path, name: str, etcd: int) -> None:
        self.folder = folder
        self.name = name
        self.port = free_port()
        self.rest = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "patroni.yml").write_text(
            PATRONI.format(
                name=name, rest=self.rest, etcd=etcd, port=self.port, folder=folder, binaries=programs()
            )
        )

    def start(self) -> None:
        self._process = _started(["patroni", str(self.folder / "patroni.yml")], self.folder / "patroni.log")

    def processes(self) -> list[psutil.Process]:
        """Patroni's and PostgreSQL's."""
        found: list[psutil.Process] = []
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            server = psutil.Process(int((self.folder / "data/postmaster.pid").read_text().split()[0]))
            found += [server, *server.children(recursive=True)]
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(self._process.pid))
        return found

    def signal(self, number: signal.Signals) -> None:
        for each in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def end(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    def ask(self, path: str, body: dict[str, str] | None = None) -> Any:
        """An answer of Patroni's REST API; None where it does not answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rest}/{path}", None if body is None else json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
        except OSError:
            return None
        return json.loads(text) if text.startswith(b"{") else text.decode()


@dataclass(slots=True)
class Cluster:
    """Three members."""

    members: list[Member]

    def roles(self) -> dict[str, str]:
        """Member -> `leader`, `sync_standby` or `replica`, of those that run."""
        for member in self.members:
            found = member.ask("cluster")
            if found is not None and "members" in found:
                return {
                    each["name"]: each["role"]
                    for each in found["members"]
                    if each["state"] in ("running", "streaming")
                }
        return {}

    @property
    def leader(self) -> Member | None:
        names = [name for name, role in self.roles().items() if role == "leader"]
        return next((each for each in self.members if each.name in names), None)

    def is_well(self) -> bool:
        return sorted(self.roles().values()) == ["leader", "replica", "sync_standby"]

    def url(self, login: str) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.members)
        return f"postgresql://{login}@{hosts}/postgres"


def _started(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=log.parent,
            user=server_user(),
            group=server_user(),
            extra_groups=[] if server_user() else None,
        )


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new one, with a leader and a synchronous standby."""
    with ExitStack() as stack:
        place = stack.enter_context(folder_for_postgres())
        client, peer = free_port(), free_port()
        etcd = _started(
            [
                "etcd",
                f"--data-dir={place}/etcd",
                f"--listen-client-urls=http://127.0.0.1:{client}",
                f"--advertise-client-urls=http://127.0.0.1:{client}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=default=http://127.0.0.1:{peer}",
            ],
            place / "etcd.log",
        )
        stack.callback(etcd.wait)
        stack.callback(etcd.kill)
        members = []
        for name in ("one", "two", "three"):
            folder = place / name
            folder.mkdir()
            member = Member(folder, name, client)
            give(folder)
            stack.callback(member.end)
            member.start()
            members.append(member)
        made = Cluster(members)
        wait_until(made.is_well, "a leader and its standbys", within_s=180)
        yield made


@dataclass(slots=True)
class Outage:
    """One thing that was done to the primary, and what it cost."""

    what: str
    without_200_s: float
    refused: int


def outages(folder: Path) -> tuple[Tally, list[Outage]]:
    """Post to a node, and kill, stop and switch over the primary; compare at the end."""
    name = "patroni"
    found: list[Outage] = []
    with cluster() as team:
        apart(lambda: make_log(TeamAddress.parse(team.url("postgres"), name=name)))
        _sql(team, f'CREATE ROLE "{name}_node" LOGIN IN ROLE "{name}_writer"')
        with a_node(folder / "node", team.url(f"{name}_node"), name) as node, posting(node.port) as posters:

            def kill(leader: Member) -> Callable[[], None]:
                leader.end()
                return leader.start

            def stop(leader: Member) -> Callable[[], None]:
                leader.signal(signal.SIGSTOP)
                return lambda: leader.signal(signal.SIGCONT)

            def switch(leader: Member) -> Callable[[], None]:
                assert leader.ask("switchover", {"leader": leader.name}) is not None
                return lambda: None

            for what, do in (("killed", kill), ("stopped", stop), ("switched over", switch)):
                wait_until(lambda: len(posters.acked) > 300, "webhooks", within_s=180)
                found.append(_outage(team, posters, what, do))
            posters.stopping.set()
            assert node.stop() == 0, node.said
            assert "Traceback" not in node.said
        leader = team.leader
        assert leader is not None
        server = Postgres(leader.folder / "data", leader.port, leader.folder, {})
        tally = compare(Tally(rounds=len(found)), posters.acked, stored(server, name))
        tally.refused = posters.statuses[503]
    return tally, found


def _outage(team: Cluster, posters: Posters, what: str, do: Callable[[Member], Callable[[], None]]) -> Outage:
    leader = team.leader
    assert leader is not None
    refused, begun = posters.statuses[503], monotonic()
    undo = do(leader)
    wait_until(lambda: team.leader not in (None, leader), "another leader", within_s=180)
    led_at, before = monotonic(), len(posters.acked)
    wait_until(lambda: len(posters.acked) > before + 300, "webhooks on the new leader", within_s=180)
    undo()
    wait_until(team.is_well, "all three to be well again", within_s=300)
    acked = sorted(
        at for event, at in posters.begun.copy().items() if event in posters.acked and at > begun - 2
    )
    gap = max(later - earlier for earlier, later in pairwise(acked))
    assert led_at > begun
    return Outage(what, gap, posters.statuses[503] - refused)


def _sql(team: Cluster, statement: str) -> None:
    async def work() -> None:
        import asyncpg

        connection = await asyncpg.connect(team.url("postgres"), target_session_attrs="read-write")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    apart(work)
