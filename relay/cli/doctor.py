"""`doctor`: prints the findings of all checks, and what to do about problems."""

from __future__ import annotations

from collections.abc import AsyncIterator

import click

from relay.checks import order, versions
from relay.checks.findings import Finding, fault, ok, warning
from relay.cli.advice import advice
from relay.cli.context import Invocation, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.config import why_left_out
from relay.errors import CheckFailed, UsageError
from relay.text.safe import visible


@click.command("doctor")
@click.option(
    "--public",
    is_flag=True,
    help="Send a marked sample through the public URL and look for it in the database.",
)
@shared_options
@click.pass_obj
def doctor_command(invocation: Invocation, public: bool) -> None:
    """Check versions, settings, database, engine, port, targets, TLS, secrets, clock and public URL.

    Prints one line for each check: ok, warning or fault, and what to do. A fault makes the exit code 3.
    """
    faults = run_async(_print_all(invocation, public=public))
    if faults:
        raise CheckFailed(f"{faults} fault{'s' if faults > 1 else ''} found")


async def _print_all(invocation: Invocation, *, public: bool) -> int:
    """Print each finding as it comes; the number of faults."""
    faults = 0
    async for finding in findings(invocation, public=public):
        faults += finding.level == "fault"
        if invocation.json:
            print_json(finding.as_json())
            continue
        text, next_step = (advice(each or "", invocation) for each in (finding.text, finding.next_step))
        click.echo(visible(f"{finding.level:7}  {finding.check:10}  {text}"))
        if next_step:
            click.echo(visible(f"{'':19}  -> {next_step}"))
    return faults


async def findings(invocation: Invocation, *, public: bool) -> AsyncIterator[Finding]:
    """All findings, in the order in which to fix them; wrong settings end them."""
    for finding in versions.every():
        yield finding
    try:
        settings = invocation.settings_unasked()
    except UsageError as error:
        lines = str(error).splitlines()
        for line in lines[1:] or lines:
            yield fault("settings", line.strip(), "correct it, then run doctor again for the other checks")
        return
    files = ", ".join(map(str, settings.files)) or "none, so all are defaults"
    yield ok("settings", f"files read: {files}")
    for text, next_step in why_left_out(settings.left_out):
        yield warning("settings", text, next_step)
    async for finding in order.every(settings):
        yield finding
    if public:
        from relay.checks.way_in import way_in

        yield await way_in(settings)
