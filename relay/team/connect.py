"""Opens a team's log: the right host of several, TLS, and what the promise of a 200 needs, read back."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import UTC
from typing import Any

from relay.errors import RelayError
from relay.processes import install_command
from relay.team import tables
from relay.team.address import Host, TeamAddress
from relay.team.errors import as_relay_error, denied, not_durable
from relay.team.log import Server
from relay.team.postgres import PostgresLog

CONNECTS_WITHIN_S = 3.0
"""For each host of a URL: one that is switched off answers nothing, and the next one may."""


def node_name() -> str:
    """The name of this machine, as the captures that it takes carry it."""
    return socket.gethostname() or "unnamed"


async def open_log(address: TeamAddress, *, publish: bool = False, read: bool = False) -> PostgresLog:
    """Connect to the host that takes writes, and check the log there.

    Args:
        publish: require that this login may publish, and that commits are durable.
        read: require that this login may read.

    Raises:
        RelayError: `team-extra`, `team-plain`, `team-tls`, `team-denied`, `team-too-old`, `team-not-durable`,
            `team-not-initialised`, `team-newer`, `team-failing`.
        Unreachable: `team-unreachable`, `team-standby`.
        UsageError: files of certificates cannot be used.
    """
    log = await connect(address, purpose="node" if publish else "follower" if read else "command")
    try:
        log.check_version((await log.state()).version)
        if publish and not log.server.may_publish:
            raise denied(address, "publish", "writer")
        if read and not log.server.may_read:
            raise denied(address, "read", "reader")
    except BaseException:
        log.abort()
        raise
    return log


def client_library() -> Any:
    """The module asyncpg.

    Raises:
        RelayError: `team-extra`, it is not installed.
    """
    try:
        import asyncpg
    except ImportError:
        raise RelayError(
            f"a team's PostgreSQL needs asyncpg, which is not installed; run {install_command('team')}",
            word="team-extra",
        ) from None
    return asyncpg


async def connect(address: TeamAddress, *, purpose: str = "command") -> PostgresLog:
    """Connect without looking for the log, which `team init` makes; raises as `open_log` does.

    Args:
        purpose: `node`, `follower` or `command`, for the server's list of its connections.
    """
    asyncpg = client_library()
    hosts: list[Host | None] = list(address.hosts) or [None]
    tls = address.tls()
    error: RelayError | None = None
    for host in hosts:
        try:
            connection = await _connected(asyncpg, address, host, tls, purpose)
        except Exception as raised:
            found = as_relay_error(raised, address)
            # A standby, or a host that is switched off, says less than another one's reason.
            if error is None or error.word in ("team-unreachable", "team-standby"):
                error = found
            continue
        try:
            async with asyncio.timeout(CONNECTS_WITHIN_S):
                return PostgresLog(connection, address, await _server(connection, address, host))
        except BaseException as raised:
            connection.terminate()
            if not isinstance(raised, Exception):
                raise
            raise as_relay_error(raised, address) from raised
    assert error is not None
    raise error


async def _connected(asyncpg: Any, address: TeamAddress, host: Host | None, tls: Any, purpose: str) -> Any:
    where = {} if host is None else {"host": host.name, "port": host.port}
    return await asyncpg.connect(
        address.url,
        **where,
        ssl=tls,
        target_session_attrs="read-write",
        timeout=CONNECTS_WITHIN_S,
        server_settings={"application_name": f"{tables.PROGRAM}{purpose} {node_name()}"[:63]},
    )


async def _server(connection: Any, address: TeamAddress, host: Host | None) -> Server:
    """Set what can be set, and read everything back."""
    if connection.get_server_version() < (tables.OLDEST_SERVER // 10000,):
        raise RelayError(
            f"{address} is PostgreSQL {connection.get_settings().server_version}; "
            f"a team needs version {tables.OLDEST_SERVER // 10000} or newer",
            word="team-too-old",
        )
    if await connection.fetchval("SHOW synchronous_commit") not in ("on", "remote_apply"):
        await connection.execute("SET synchronous_commit = on")
    row = await connection.fetchrow(tables.SERVER, address.name)
    if row["fsync"] != "on":
        raise not_durable(address, "fsync is off")
    if row["synchronous_commit"] not in ("on", "remote_apply"):
        raise not_durable(address, f"synchronous_commit is {row['synchronous_commit']}")
    return Server(
        address=str(address) if host is None or len(address.hosts) == 1 else f"{address} (now {host})",
        login=row["login"],
        version=row["version"].split()[0],
        tls=row["tls"],
        copies=_copies(row["standbys"]),
        full_page_writes=row["full_page_writes"],
        may_publish=row["may_publish"],
        may_read=row["may_read"],
        at=row["at"].astimezone(UTC),
    )


def _copies(standbys: str) -> int:
    """In how many places a commit is before it is confirmed, by `synchronous_standby_names`."""
    if not standbys.strip():
        return 1
    several = re.match(r"\s*(?:first|any)?\s*(\d+)\s*\(", standbys, re.IGNORECASE)
    return 1 + (int(several[1]) if several else 1)
