"""`rehearse`: puts a backend through what Lean will do to it, and prints a report.

This process conducts: it runs the commands of --probe, --reset and --restart; the engine sends each round.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from relay.cli.advice import advice, say
from relay.cli.context import FILE, Invocation, need_terminal, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.cli.listen.options import target_tls, target_tls_options
from relay.cli.output import FilterCommand
from relay.cli.progress import Progress
from relay.config import Settings, preferred_secret, read_secrets
from relay.control import client
from relay.control.lock import holder
from relay.control.messages import StatusRequest
from relay.engine import access
from relay.errors import Exit, UsageError
from relay.rehearsal.choices import EVERY, MOST_ROUNDS, Choices, split
from relay.rehearsal.conductor import INTERRUPTED, new_seed, rehearse
from relay.rehearsal.junit import junit
from relay.rehearsal.preparation import Prepared, prepare
from relay.rehearsal.report import CheckName, Report, ReportLine, Result
from relay.rehearsal.target import check_reachable
from relay.text.local_time import now
from relay.text.safe import visible
from relay.text.targets import target_name

NAMED = 10
"""Captures named in one line."""

INDENT = " " * 11

MARKS = {
    Result.PASSED: ("passed", "green"),
    Result.NOTE: ("note", None),
    Result.WARNING: ("warning", "yellow"),
    Result.UNKNOWN: ("unknown", None),
    Result.FAILED: ("FAILED", "red"),
}


def _checks(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in (*CheckName, EVERY) if name.startswith(incomplete)]


@click.command("rehearse", cls=FilterCommand)
@click.argument("words", nargs=-1, metavar="CHECK... [SELECTION]", shell_complete=_checks)
@click.option("--to", metavar="TARGET", help="The backend; default the relay's one target.")
@click.option(
    "--probe",
    metavar="CMD/URL",
    help="Prints the backend's state, such as totals of a table; read before and after each round.",
)
@click.option("--reset", metavar="CMD", help="Brings the backend back to the same state, before a round.")
@click.option("--restart", metavar="CMD", help="Restarts the backend, for outage.")
@click.option("--seed", type=int, metavar="N", help="Chooses ids and orders; default a new one.")
@click.option(
    "--time-scale", type=float, default=0.01, metavar="X", help="Speed of Lean's clock for retries.  [0.01]"
)
@click.option(
    "--rounds", type=int, default=60, metavar="N", help=f"Most rounds of bisect, up to {MOST_ROUNDS:,}.  [60]"
)
@click.option("--junit", "junit_to", type=FILE, metavar="FILE", help="Write the report as JUnit XML, too.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@target_tls_options
@shared_options
@click.pass_obj
def rehearse_command(
    invocation: Invocation,
    words: tuple[str, ...],
    to: str | None,
    probe: str | None,
    reset: str | None,
    restart: str | None,
    seed: int | None,
    time_scale: float,
    rounds: int,
    junit_to: Path | None,
    yes: bool,
    insecure: bool | None,
    target_ca: Path | None,
    target_cert: Path | None,
    target_key: Path | None,
) -> int:
    """Put a backend through what Lean will do to it: `rehearse all`, `rehearse duplicates order 12..20`.

    \b
    retries     each event by Lean's clock until it is delivered
    duplicates  the same event again: later, at once, in flight
    order       the events in other orders
    signatures  right, missing, wrong and unusual ones
    outage      a restart while events arrive
    types       a sample of each type, and an unknown one
    bisect      the fewest webhooks that make it fail
    all         all but bisect

    Without a SELECTION the newest 20 webhooks are sent, or samples where none were captured; with new ids,
    signed again. Without --probe some results are unknown. Exit 3 if a check failed.
    """
    try:
        checks, selection = split(words)
        choices = Choices(
            checks=checks,
            to=to,
            probe=probe,
            reset=reset,
            restart=restart,
            seed=seed,
            time_scale=time_scale,
            rounds=rounds,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    settings = invocation.settings()
    target = _target(settings, choices)
    secrets = read_secrets(settings)
    secret = preferred_secret(secrets) if secrets else None
    tls = target_tls(insecure, target_ca, target_cert, target_key)
    begun = datetime.now(UTC)

    async def prepared_captures() -> Prepared:
        await check_reachable(target)
        async with access.connect(settings):  # makes the database, or brings an older one up to date
            return prepare(
                settings.db,
                choices,
                selection,
                now(),
                seed=new_seed() if choices.seed is None else choices.seed,
                has_secret=secret is not None,
            )

    async def conducted(progress: Progress) -> Report:
        async with access.connect(settings) as send:
            stage = await prepared.stage(
                send, settings.db, choices, to=target, tls=tls, progress=progress.show
            )
            return await rehearse(
                stage,
                choices.checks,
                target=target,
                samples=prepared.are_samples,
                report=_Card(invocation, progress).print_line,
            )

    prepared = run_async(prepared_captures())
    plan = prepared.plan(choices, target, secret)
    if yes:
        say(f"sending {plan}")
    else:  # outside of the loop, where Ctrl-C would only cancel what waits for the answer
        need_terminal(f"send about {prepared.requests(choices):,} requests to {target}")
        click.confirm(f"Send {visible(plan)}?", err=True, abort=True)
    with Progress() as progress:
        report = run_async(conducted(progress))
    code = _finish(invocation, report)
    if junit_to is not None:
        junit_to.write_bytes(junit(report, begun))
    return code


def _target(settings: Settings, choices: Choices) -> str:
    """The name of the one target: of --to, else of the running engine, else of the settings."""
    if choices.to is not None:
        return target_name(choices.to)
    if holder(settings.db) is not None:
        status = run_async(client.request(settings.db, StatusRequest()))
        known = [each.target for each in status.targets if each.state != "not configured"]
    else:
        known = [target_name(route.to) for route in settings.forward]
    configured = list(dict.fromkeys(known))
    if len(configured) == 1:
        return configured[0]
    if configured:
        raise UsageError(f"{len(configured)} targets are configured; name one with --to")
    raise UsageError("no target is configured; name one with --to, such as --to :3000")


class _Card:
    """Prints the lines of the report as they become known."""

    def __init__(self, invocation: Invocation, progress: Progress) -> None:
        self._invocation = invocation
        self._progress = progress
        self._check: CheckName | None = None
        self._why = ""
        """The last one printed, which the next line does not repeat."""

    def print_line(self, line: ReportLine) -> None:
        """One line, below the name of its check."""
        self._progress.clear()
        if self._invocation.json:
            print_json(line.as_json())
        else:
            if line.check is not self._check:
                self._check = line.check
                click.echo(click.style(str(line.check), bold=True))
            word, colour = MARKS[line.result]
            mark = click.style(f"{word:8}", fg=colour, bold=line.result is Result.FAILED)
            click.echo(f"  {mark} {line.case}")
            for text in self._details(line):
                click.echo(
                    click.wrap_text(text, width=_width(), initial_indent=INDENT, subsequent_indent=INDENT)
                )
            if line.command is not None:  # whole, for copying
                look = f"{INDENT}{_named(line.captures)}: {line.command}"
                click.echo(advice(look, self._invocation))
        sys.stdout.flush()

    def _details(self, line: ReportLine) -> Iterator[str]:
        yield f"{line.sent}: {line.received}"
        if line.result in (Result.WARNING, Result.FAILED) and line.why != self._why:
            self._why = line.why
            yield line.why


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 110


def _named(captures: tuple[int, ...]) -> str:
    numbers = ", ".join(map(str, captures[:NAMED])) + (", ..." if len(captures) > NAMED else "")
    return f"capture {numbers}" if len(captures) == 1 else f"captures {numbers}"


def _finish(invocation: Invocation, report: Report) -> int:
    if invocation.json:
        print_json(report.as_json())
    else:
        click.echo(f"{report.summary}; again with --seed {report.seed}")
    if report.not_done is not None:
        say(f"not all was done: {report.not_done}")
        if report.not_done == INTERRUPTED:
            return Exit.INTERRUPTED
        return report.exit_code or Exit.FAILED
    return report.exit_code
