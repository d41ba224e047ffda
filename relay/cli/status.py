"""`status` and `reload`: the state of the engine, and reading its settings again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from time import monotonic, sleep

import click

from relay.cli.advice import advice
from relay.cli.context import Invocation, NumberRange, say_left_out, shared_options
from relay.cli.json_lines import fields_of, print_json, print_result
from relay.config import Settings
from relay.control import client
from relay.control.lock import holder
from relay.control.messages import (
    EngineStatus,
    FollowerStatus,
    ReloadRequest,
    ReloadResult,
    ReplayStatus,
    StatusRequest,
    TargetStatus,
    TeamStatus,
    TunnelStatus,
)
from relay.delivery.replay_summary import started_by
from relay.engine import access
from relay.errors import Exit, NotFound, RelayError, Unreachable
from relay.models import CaptureTotals, Signature
from relay.store.read.reader import Reader
from relay.text.local_time import local
from relay.text.safe import visible
from relay.text.team import DECIDE
from relay.text.units import format_deliveries, format_duration

LOOK_EVERY_S = 0.1


@click.command("status")
@click.option(
    "--wait",
    "wait_s",
    type=NumberRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait until an engine runs, at most this long.",
)
@shared_options
@click.pass_obj
def status_command(invocation: Invocation, wait_s: float) -> int:
    """Show the state of the engine and the store, and how much the database holds.

    Exit 0 while an engine runs, 5 if none does; the totals of the database are printed either way.
    """
    settings = invocation.settings()
    running = _ask_engine(settings, wait_s)
    counts, why_not = _counts(settings)
    if invocation.json:
        found = fields_of(running or EngineStatus())
        if running is None:
            found |= {"engine": None, "store": None}
        log = counts.as_json() if counts else None
        print_json({"kind": "status", **found, "db": str(settings.db), "log": log})
    else:
        for name, text in _rows(settings, running, counts, why_not):
            click.echo(f"{name:<10} {visible(advice(text, invocation))}")
    return Exit.FINE if running is not None else Exit.UNREACHABLE


def _ask_engine(settings: Settings, wait_s: float) -> EngineStatus | None:
    """The engine's status as soon as one is running; None if none is in time.

    Raises:
        Unreachable: it is running but does not answer.
    """
    give_up_at = monotonic() + wait_s
    while True:
        try:
            if holder(settings.db) is not None:
                return asyncio.run(client.request(settings.db, StatusRequest()))
        except Unreachable as error:
            if error.word != "no-engine" and monotonic() >= give_up_at:
                raise
        if monotonic() >= give_up_at:
            return None
        sleep(LOOK_EVERY_S)


def _counts(settings: Settings) -> tuple[CaptureTotals | None, str]:
    """The totals of the database, or None and the reason."""
    try:
        with Reader(settings.db) as reader:
            return reader.counts(), ""
    except NotFound:
        return None, "does not exist yet"
    except RelayError as error:
        if error.word != "older-database":
            raise
        return None, str(error)


def _rows(
    settings: Settings, running: EngineStatus | None, counts: CaptureTotals | None, why_not: str
) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if running is None:
        rows.append(("engine", "none is running on this database; `lean-relay listen` starts one"))
    else:
        now, store = running.engine, running.store
        up = format_duration(timedelta(seconds=now.uptime_s))
        rows.append(("engine", f"pid {now.pid}, version {now.version}, up {up}"))
        rows.append(("listening", now.url or "no, it only changes stored captures"))
        rows.append(
            ("public", now.public_url or ("not known yet" if running.tunnel else "not set (public_url)"))
        )
        if running.tunnel is not None:
            rows.append(("tunnel", tunnel_line(running.tunnel)))
        if now.answers:
            rows.append(("answers", f"changed on purpose: {now.answers}"))
        rows.append(("store", store.detail or f"{store.state}, {store.wal_bytes >> 10} KiB in its WAL"))
        if running.team is not None:
            rows += _team_rows(running.team)
        targets = [("target", target_line(target)) for target in running.targets]
        if now.url and not targets and (running.team is None or running.team.node is None):
            targets = [("target", "none, webhooks are only stored; add one with --forward-to")]
        rows += targets
        rows += [("replay", _replay_line(replay)) for replay in running.replays]
    rows.append(("database", f"{settings.db}{f' ({why_not})' if why_not else ''}"))
    if counts:
        found = counts.signatures
        signatures = ", ".join(f"{found[state]} {state}" for state in Signature if state in found)
        repeats = f"{counts.repeats} repeat{'' if counts.repeats == 1 else 's'}"
        events = "event" if counts.events == 1 else "events"
        rows.append(("captures", f"{counts.captures} ({counts.events} different {events}, {repeats})"))
        rows.append(("signatures", signatures or "none yet"))
    if running is not None:
        refused = ", ".join(f"{count} {reason}" for reason, count in sorted(running.refusals.items()))
        rows.append(("refused", refused or "nothing since the start"))
    return rows


def _team_rows(team: TeamStatus) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if team.node is not None:
        node = team.node
        state = node.detail or f"shares webhooks in {node.server or 'no connection yet'}"
        newest = f", the last at position {node.position}" if node.position else ""
        rows.append(("team", f"{state}; {node.published} published since the start{newest}"))
    if team.follower is not None:
        rows.append(("team", follower_line(team.follower)))
    return rows


def tunnel_line(tunnel: TunnelStatus) -> str:
    """`cloudflared is down: it ended (exit code 1); next attempt at 10:09:41`; not safe to show."""
    line = f"{tunnel.name} is {tunnel.state}"
    if tunnel.since is not None and tunnel.state == "up":
        line += f", since {_clock(tunnel.since)}"
    if tunnel.reason is not None:
        line += f": {tunnel.reason}"
    if tunnel.next_at is not None:
        line += f"; next attempt at {_clock(tunnel.next_at, '%H:%M:%S')}"
    if tunnel.previous_url is not None:
        line += f"; the URL before was {tunnel.previous_url}, so enter the new one in Lean's dashboard"
    return line


def target_line(target: TargetStatus) -> str:
    """`http://localhost:3000 is down: nothing listens on port 3000; 12 wait`, for one target."""
    waiting, parked = target.waiting, target.parked
    words = [f"{target.target} is {target.state}" + (f": {target.reason}" if target.reason else "")]
    if waiting is None:
        words.append("the number waiting cannot be read")
    else:
        words.append(f"{waiting} {'waits' if waiting == 1 else 'wait'}" if waiting else "nothing waits")
    if target.next_at and target.state == "up":
        words.append(f"next attempt at {_clock(target.next_at)}")
    if parked:
        words.append(f"{parked} parked, which `lean-relay forward state:parked` sends")
    return "; ".join(words)


def _clock(at: str, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return f"{local(datetime.fromisoformat(at)):{form}}"


def follower_line(team: FollowerStatus) -> str:
    """`position 4711, 0 behind`; `silent since 10:04: connection refused; position 4711`."""
    words = []
    if team.state not in ("following", "connecting"):
        since = f" since {_clock(team.since, '%Y-%m-%d %H:%M')}" if team.since else ""
        words.append(f"{team.state}{since}" + (f": {team.reason}" if team.reason else ""))
    if team.position is None:
        words.append("connecting" if team.state == "connecting" else "nothing is here yet")
    else:
        behind = "" if team.behind is None else f", {team.behind} behind"
        words.append(f"position {team.position}{behind}")
    if team.missed:
        words.append(f"{team.missed} were pruned there before they were read here")
    if team.state == "stopped":
        words.append(DECIDE)
    return "; ".join(words)


def _replay_line(replay: ReplayStatus) -> str:
    line = f"{started_by(replay)}: {replay.tried} of {replay.total} attempted, to {', '.join(replay.targets)}"
    waits = f"; waiting: {replay.waits}" if replay.waits else ""
    return f"{line}{waits}; `lean-relay replay --stop {replay.run}` ends it"


@click.command("reload")
@shared_options
@click.pass_obj
def reload_command(invocation: Invocation) -> None:
    """Make the running engine read its settings again; it keeps the old ones if the new ones are wrong."""
    settings = invocation.settings_unasked()
    say_left_out(settings)
    if holder(settings.db) is None:
        raise Unreachable(
            f"no engine is running on {settings.db}; `lean-relay listen` starts one", word="no-engine"
        )
    result = asyncio.run(access.request(settings, ReloadRequest()))
    print_result(invocation, "reload", result, reloaded(result))


def reloaded(result: ReloadResult) -> str:
    """The result of `reload`, in words."""
    words = ["settings read again"]
    if result.parked:
        what = format_deliveries(result.parked)
        words.append(f"{what} to removed targets parked, which `lean-relay forward state:parked` sends")
    if result.untrusted:
        names = ", ".join(result.untrusted)
        words.append(f"{names} unchanged, because the project file is not trusted; see `lean-relay trust`")
    if result.after_restart:
        words.append(f"{', '.join(result.after_restart)} will change only after a restart")
    return "; ".join(words)
