"""`replay --stop`: stops replays of the running engine, no matter who started them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import click

from relay.cli.advice import say
from relay.cli.context import Invocation, run_async
from relay.cli.json_lines import print_json
from relay.cli.option_rules import alone
from relay.cli.replay.follow import replay_as_json
from relay.control import client
from relay.control.exchange import Requester
from relay.control.lock import holder
from relay.control.messages import CancelRequest, ReplayQuery, ReplayStatus
from relay.delivery.replay_summary import started_by, summary
from relay.errors import Unreachable, UsageError

ENDS_WITHIN_S = 10.0
"""Time to wait for its end: attempts in flight get half a second, then the result is stored."""


def only(stop: str) -> None:
    """Refuse other arguments with `--stop`, because nothing is sent.

    Raises:
        UsageError: there are some, or `stop` is neither a number nor `all`.
    """
    alone("--stop")
    if stop != "all" and not re.fullmatch(r"[1-9]\d{0,17}", stop, re.ASCII):
        raise UsageError(
            f"--stop {stop!r} is not a valid replay; use its number from `lean-relay status`, or all"
        )


def stop(invocation: Invocation, which: str) -> None:
    """Stop one replay, or all running ones, and print the progress of each.

    Raises:
        Unreachable: no engine is running, so no replay is.
        NotFound: the engine has no such replay.
    """
    db = invocation.settings().db
    if holder(db) is None:
        raise Unreachable(f"no engine is running on {db}, so no replay is running", word="no-engine")
    ended = run_async(_stop(db, which))
    for replay, was_over in ended:
        if invocation.json:
            print_json(replay_as_json(replay))
        else:
            click.echo("; ".join(_words(replay, was_over)))
    if invocation.json:
        print_json({"kind": "replays_stopped", "count": len(ended)})
    if not ended:
        say("no replay is running")


async def _stop(db: Path, which: str) -> list[tuple[ReplayStatus, bool]]:
    """Final status of each replay, and whether it had ended before."""
    async with client.connection(db) as send:
        replays = (await send(ReplayQuery(run=None if which == "all" else int(which)))).runs
        if which == "all":
            replays = [replay for replay in replays if replay.is_running]
        for replay in replays:
            await send(CancelRequest(replay.run))
        return [(await _at_its_end(send, replay), not replay.is_running) for replay in replays]


async def _at_its_end(send: Requester, replay: ReplayStatus) -> ReplayStatus:
    deadline = monotonic() + ENDS_WITHIN_S
    while replay.is_running and monotonic() < deadline:
        # Skip its attempts: only its end matters here.
        (replay,) = (await send(ReplayQuery(run=replay.run, after=replay.total, wait_s=0.5))).runs
    return replay


def _words(replay: ReplayStatus, was_over: bool) -> Iterator[str]:
    if was_over:
        yield f"replay {started_by(replay)}, had already ended"
    elif replay.is_running:
        yield f"replay {started_by(replay)}, will end once its results are stored"
    else:
        yield f"replay {started_by(replay)}, was stopped"
    yield summary(replay)
