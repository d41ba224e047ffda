"""`forward`, `pause` and `resume`: send captures to the targets, pause and resume forwarding.

Only a running engine forwards, so each needs one.
"""

from __future__ import annotations

import click

from relay.cli.context import Invocation, need_terminal, run_async, shared_options
from relay.cli.json_lines import print_result
from relay.cli.output import FilterCommand
from relay.cli.status import target_line
from relay.config import Settings
from relay.control import client
from relay.control.exchange import EngineRequest
from relay.control.lock import holder
from relay.control.messages import ForwardRequest, PauseRequest, PauseResult, ResumeRequest
from relay.errors import Unreachable, UsageError
from relay.store.read.reader import Reader
from relay.store.read.selection import select_ids
from relay.text.captures import named_captures
from relay.text.local_time import now
from relay.text.safe import visible
from relay.text.units import format_deliveries


@click.command("forward", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@shared_options
@click.pass_obj
def forward_command(invocation: Invocation, selection: tuple[str, ...], yes: bool) -> None:
    """Send captures to the targets: `forward latest`, `forward 12..20`, `forward state:parked`.

    Releases parked deliveries; a capture with no waiting delivery is sent once more. They are queued in the
    order the captures came, after those that already wait. The running engine sends them.
    """
    if not selection:
        raise UsageError("no captures to forward; name ids or a filter, such as latest or state:parked")
    settings = invocation.settings()
    engine_needed(settings, "forward")
    with Reader(settings.db) as reader:
        ids = list(select_ids(reader, selection, now()))
    if len(ids) > 1 and not yes:
        _confirm(ids)
    result = run_async(client.request(settings.db, ForwardRequest(ids)))
    queued, released = result.queued, result.released
    words = [f"queued {format_deliveries(queued)}"] if queued else []
    words += [f"released {format_deliveries(released)} that {_were(released)} parked"] if released else []
    text = " and ".join(words) or "nothing to do: all of these already wait for their targets"
    print_result(invocation, "forward", result, text)


@click.command("pause")
@shared_options
@click.pass_obj
def pause_command(invocation: Invocation) -> None:
    """Pause forwarding until `resume`; webhooks are still received and answered.

    Attempts in progress continue. The pause survives a restart of the engine, which reports it.
    """
    _turn(invocation, "pause", PauseRequest(), "was already paused")


@click.command("resume")
@shared_options
@click.pass_obj
def resume_command(invocation: Invocation) -> None:
    """Resume forwarding: paused deliveries are sent at once, in the order the webhooks came."""
    _turn(invocation, "resume", ResumeRequest(), "was not paused")


def _turn(invocation: Invocation, action: str, request: EngineRequest[PauseResult], unchanged: str) -> None:
    settings = invocation.settings()
    engine_needed(settings, action)
    result = run_async(client.request(settings.db, request))
    lines = [target_line(target) for target in result.targets]
    if not lines:
        lines = ["this engine has no targets; add one with --forward-to"]
    elif not result.changed:
        lines.insert(0, unchanged)
    print_result(invocation, action, result, "\n".join(map(visible, lines)))


def engine_needed(settings: Settings, command: str) -> None:
    """
    Raises:
        Unreachable: `no-engine`, none runs.
    """
    if holder(settings.db) is None:
        raise Unreachable(
            f"no engine is running on {settings.db}, and only one with targets can {command}; "
            "start one with `lean-relay listen --forward-to TARGET`",
            word="no-engine",
        )


def _confirm(ids: list[int]) -> None:
    what = named_captures(ids)
    need_terminal(f"send {what}")
    click.confirm(f"Send {what} to each target?", err=True, abort=True)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
