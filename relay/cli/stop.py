"""`stop`: ends the engine of a database, and waits until it has ended."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

import click

from relay.cli.context import Invocation, run_async, say_left_out, shared_options
from relay.cli.json_lines import print_result
from relay.control import client
from relay.control.lock import holder
from relay.control.messages import StopRequest
from relay.errors import RelayError

ENDS_WITHIN_S = 10.0
"""Longer than an engine needs unless it hangs."""

LOOK_EVERY_S = 0.05


@click.command("stop")
@click.option(
    "--yes", is_flag=True, help="Also stop an engine that another command started for its own work."
)
@shared_options
@click.pass_obj
def stop_command(invocation: Invocation, yes: bool) -> None:
    """Stop the engine of this database, as Ctrl-C would, and wait until it has ended.

    Exit 0 when it has ended, 5 if none is running, 1 with [still-running] after 10 s.
    """
    settings = invocation.settings_unasked()
    say_left_out(settings)
    db = settings.db
    result = run_async(client.request(db, StopRequest(yes)))
    _wait_for_the_end(db, result.pid)
    print_result(invocation, "stop", result, f"stopped the engine (pid {result.pid})")


def _wait_for_the_end(db: Path, pid: int) -> None:
    give_up_at = monotonic() + ENDS_WITHIN_S
    while (found := holder(db)) is not None and found.pid == pid:
        if monotonic() > give_up_at:
            raise RelayError(
                f"the engine (pid {pid}) has not ended within {ENDS_WITHIN_S:g} s; "
                f"`kill -9 {pid}` ends it by force",
                word="still-running",
            )
        sleep(LOOK_EVERY_S)
