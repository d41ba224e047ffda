"""`team init` and `team status`: the PostgreSQL in which a team shares its webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from relay.cli.advice import say
from relay.cli.context import Group, Invocation, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.config import Settings
from relay.config.values import format_span
from relay.errors import RelayError
from relay.models import iso
from relay.store.read.reader import Reader
from relay.store.team_progress import progress
from relay.team import tables
from relay.team.address import TeamAddress
from relay.team.connect import connect, open_log
from relay.team.log import LogState, Server
from relay.text.safe import visible
from relay.text.units import format_bytes, format_duration


@click.group("team", cls=Group)
def team_command() -> None:
    """Share webhooks with a team: one PostgreSQL, nodes that take webhooks, laptops that follow."""


@team_command.command("init")
@click.option("--print", "printed", is_flag=True, help="Print the SQL and connect to nothing.")
@shared_options
@click.pass_obj
def init(invocation: Invocation, printed: bool) -> None:
    """Create the team's tables, functions and roles in PostgreSQL, or bring them up to date.

    Needs the URL of a login that may create roles and a schema, in the settings of [team]. Can be run again;
    what is stored stays.
    """
    settings = invocation.settings()
    team = settings.team
    sql = tables.init(team.name, keep=team.keep, keep_bytes=team.keep_bytes)
    roles = tables.roles(team.name)
    if printed:
        if invocation.json:
            print_json({"kind": "team_init", "name": team.name, "address": None, "roles": roles, "sql": sql})
        else:
            click.echo(sql, nl=False)
        return
    address = TeamAddress.of_settings(settings, warn=say)
    run_async(_init(address, sql))
    if invocation.json:
        print_json(
            {"kind": "team_init", "name": team.name, "address": str(address), "roles": roles, "sql": None}
        )
        return
    click.echo(visible(f"{address} has the log {team.name}; now a login for each node and each person:"))
    click.echo(f"  CREATE ROLE node1 LOGIN PASSWORD '...' IN ROLE {tables.quoted(roles['writer'])};")
    click.echo(f"  CREATE ROLE ann LOGIN PASSWORD '...' IN ROLE {tables.quoted(roles['reader'])};")


async def _init(address: TeamAddress, sql: str) -> None:
    log = await connect(address)
    try:
        await log.require_utf8()
        try:
            version = (await log.state()).version
        except RelayError as error:
            if error.word not in ("team-not-initialised", "team-denied"):
                raise
        else:
            log.check_version(version)
        await log.execute(sql)
    finally:
        await log.close()


@team_command.command("status")
@shared_options
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show the team's log: positions, size, what it keeps, who is connected, how commits are stored."""
    settings = invocation.settings()
    address = TeamAddress.of_settings(settings, warn=say)
    server, state, connected = run_async(_status(address))
    position = _followed(settings, state)
    if invocation.json:
        print_json(_as_json(settings, server, state, connected) | _distance(position, state))
        return
    for name, text in _rows(settings, server, state, connected):
        click.echo(f"{name:<10} {visible(text)}")
    if position is not None:
        behind = max(state.newest - position, 0)
        click.echo(f"{'here':<10} position {position}, {behind} behind, in {visible(str(settings.db))}")


def _followed(settings: Settings, state: LogState) -> int | None:
    """The position that this database has reached; None where it does not follow this log."""
    try:
        with Reader(settings.db) as reader:
            found = progress(reader.rows)
    except RelayError:
        return None
    return found.position if found.log == state.id else None


def _distance(position: int | None, state: LogState) -> dict[str, int | None]:
    behind = None if position is None else max(state.newest - position, 0)
    return {"position": position, "behind": behind}


async def _status(address: TeamAddress) -> tuple[Server, LogState, list[str]]:
    log = await open_log(address)
    try:
        return log.server, await log.state(), await log.connected()
    finally:
        await log.close()


def _as_json(settings: Settings, server: Server, state: LogState, connected: list[str]) -> dict[str, object]:
    return {
        "kind": "team",
        "name": settings.team.name,
        "address": server.address,
        "id": state.id,
        "version": state.version,
        "server_version": server.version,
        "login": server.login,
        "may_publish": server.may_publish,
        "may_read": server.may_read,
        "tls": server.tls,
        "copies": server.copies,
        "newest": state.newest,
        "pruned": state.pruned,
        "captures": state.count,
        "bytes": state.bytes,
        "oldest_at": iso(state.oldest_at) if state.oldest_at else None,
        "keep_s": None if state.keep is None else int(state.keep.total_seconds()),
        "keep_bytes": state.keep_bytes,
        "connected": connected,
    }


def _rows(settings: Settings, server: Server, state: LogState, connected: list[str]) -> list[tuple[str, str]]:
    tls = "TLS" if server.tls else "no TLS"
    may = " and ".join(
        word for word, has in (("publish", server.may_publish), ("read", server.may_read)) if has
    )
    age = ""
    if state.oldest_at is not None:
        age = f", the oldest {format_duration(datetime.now(UTC) - state.oldest_at)} ago"
    pruned = f"; those up to position {state.pruned} were pruned" if state.pruned else ""
    kept = "for ever" if state.keep is None else format_span(state.keep)
    most = "" if state.keep_bytes is None else f", at most {format_bytes(state.keep_bytes)}"
    return [
        ("log", f"{settings.team.name} in {server.address}, PostgreSQL {server.version}, {tls}"),
        ("login", f"{server.login}, which may {may or 'neither publish nor read'}"),
        ("commits", f"{server.stored}, on disk before the 200"),
        ("webhooks", f"{state.count}, newest position {state.newest}{age}{pruned}"),
        ("size", f"{format_bytes(state.bytes)}; kept {kept}{most}"),
        ("connected", ", ".join(connected) or "no program"),
    ]
