"""`replay --stop`: stops replays that run in the engine, no matter who started them."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import click

from relay.cli.context import Invocation, run_async
from relay.cli.json_lines import fields_of, print_json
from relay.cli.option_rules import alone
from relay.control import client
from relay.control.exchange import Requester
from relay.control.lock import holder
from relay.control.messages import CancelRequest, ReplayQuery, ReplayStatus
from relay.delivery.replay_summary import started_by, summary
from relay.errors import Unreachable, UsageError

ENDS_WITHIN_S = 10.0
"""How long its end is awaited: tries on their way get half a second, and then it is written down."""


def only(stop: str) -> None:
    """Refuse whatever else was written beside `--stop`, since nothing is sent.

    Raises:
        UsageError: something was, or this names no replay.
    """
    alone("--stop")
    if stop != "all" and not (stop.isdecimal() and int(stop) > 0):
        raise UsageError(
            f"--stop {stop!r} is neither a replay's number nor the word all; `lean-relay status` has them"
        )


def stop(invocation: Invocation, which: str) -> None:
    """End one replay, or all that run, and tell how far each has come.

    Raises:
        Unreachable: no engine runs, so no replay does.
        NotFound: the engine knows no such replay.
    """
    db = invocation.settings().db
    if holder(db) is None:
        raise Unreachable(f"no engine runs on {db}, so no replay does", word="no-engine")
    ended = run_async(_stop(client.connection(db), which))
    for replay, was_over in ended:
        if invocation.json:
            print_json({"kind": "replay", **fields_of(replay), "not_as_expected": None})
        else:
            click.echo("; ".join(_words(replay, was_over)))
    if invocation.json:
        print_json({"kind": "replays_stopped", "count": len(ended)})
    if not ended:
        click.echo("lean-relay: no replay is running", err=True)


async def _stop(send: Requester, which: str) -> list[tuple[ReplayStatus, bool]]:
    """Each of them at its end, and whether that had come before."""
    replays = (await send(ReplayQuery(run=None if which == "all" else int(which)))).runs
    if which == "all":
        replays = [replay for replay in replays if replay.is_running]
    for replay in replays:
        await send(CancelRequest(replay.run))
    return [(await _at_its_end(send, replay), not replay.is_running) for replay in replays]


async def _at_its_end(send: Requester, replay: ReplayStatus) -> ReplayStatus:
    deadline = monotonic() + ENDS_WITHIN_S
    while replay.is_running and monotonic() < deadline:
        # Its attempts are no news here, only its end.
        (replay,) = (await send(ReplayQuery(run=replay.run, after=replay.total, wait_s=0.5))).runs
    return replay


def _words(replay: ReplayStatus, was_over: bool) -> Iterator[str]:
    if was_over:
        yield f"replay {started_by(replay)}, had ended before"
    elif replay.is_running:
        yield f"replay {started_by(replay)}, ends once its results are stored"
    else:
        yield f"replay {started_by(replay)}, is stopped"
    yield summary(replay)
