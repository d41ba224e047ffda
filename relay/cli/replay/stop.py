"""`replay --stop`: a replay that runs in the engine ended, whoever began it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any

import click

from relay.cli.context import Invocation, run_async
from relay.cli.json_lines import print_json
from relay.cli.option_rules import alone
from relay.control import client
from relay.control.lock import holder
from relay.engine.engine import Ask
from relay.errors import Unreachable, UsageError
from relay.text.replays import Progress, begun_by, summary

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
    ended = run_async(_stop(partial(client.ask_engine, db), which))
    for progress, was_over in ended:
        if invocation.json:
            print_json({"kind": "replay", **progress, "not_as_expected": None})
        else:
            click.echo("; ".join(_words(progress, was_over)))
    if invocation.json:
        print_json({"kind": "replays_stopped", "count": len(ended)})
    if not ended:
        click.echo("lean-relay: no replay is running", err=True)


async def _stop(act: Ask, which: str) -> list[tuple[Progress, bool]]:
    """Each of them at its end, and whether that had come before."""
    asked: dict[str, Any] = {} if which == "all" else {"run": int(which)}
    runs = (await act("replays", asked))["runs"]
    if which == "all":
        runs = [run for run in runs if run["state"] == "running"]
    for run in runs:
        await act("cancel", {"run": run["run"]})
    return [(await _at_its_end(act, run), run["state"] != "running") for run in runs]


async def _at_its_end(act: Ask, run: Progress) -> Progress:
    deadline = monotonic() + ENDS_WITHIN_S
    while run["state"] == "running" and monotonic() < deadline:
        # None of its attempts is news here, only its end.
        (run,) = (await act("replays", {"run": run["run"], "after": run["total"], "wait_s": 0.5}))["runs"]
    return run


def _words(progress: Progress, was_over: bool) -> Iterator[str]:
    if was_over:
        yield f"replay {begun_by(progress)}, had ended before"
    elif progress["state"] == "running":
        yield f"replay {begun_by(progress)}, ends as soon as the log takes what it has done"
    else:
        yield f"replay {begun_by(progress)}, is stopped"
    yield summary(progress)
