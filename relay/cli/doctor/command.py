"""`doctor`: checks everything that the relay depends on, and says what to do about problems."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import requires

import click

from relay.cli.advice import advice
from relay.cli.context import PROGRAM, Invocation, run_async, shared_options
from relay.cli.doctor import checks, tls_checks, versions
from relay.cli.doctor.checks import Finding
from relay.cli.json_lines import print_json
from relay.config import why_left_out
from relay.errors import CheckFailed, UsageError
from relay.text.safe import visible


@click.command("doctor")
@click.option(
    "--public", is_flag=True, help="Send a marked sample through public_url and look for it in the database."
)
@shared_options
@click.pass_obj
def doctor_command(invocation: Invocation, public: bool) -> None:
    """Check versions, settings, database, engine, port, targets, TLS, secrets, clock and public URL.

    Prints one line for each check: ok, warning or fault, and what to do. A fault makes the exit code 3.
    """
    faults = 0
    for finding in findings(invocation, public=public):
        faults += finding.level == "fault"
        if invocation.json:
            print_json(finding.as_json())
            continue
        text, next_step = (advice(each or "", invocation) for each in (finding.text, finding.next_step))
        click.echo(visible(f"{finding.level:7}  {finding.check:10}  {text}"))
        if next_step:
            click.echo(visible(f"{'':19}  -> {next_step}"))
    if faults:
        raise CheckFailed(f"{faults} fault{'s' if faults > 1 else ''} found")


def findings(invocation: Invocation, *, public: bool) -> Iterator[Finding]:
    """All findings, in the order in which to fix them."""
    yield versions.python_version(sys.version_info[:3])
    for name, floor in versions.floors(requires(PROGRAM) or ()).items():
        yield versions.library(name, floor)
    yield versions.http_parser()
    yield versions.sqlite_version(sqlite3.sqlite_version)
    try:
        settings = invocation.settings_unasked()
    except UsageError as error:
        lines = str(error).splitlines()
        for line in lines[1:] or lines:
            yield checks.fault(
                "settings", line.strip(), "correct it, then run doctor again for the other checks"
            )
        return
    files = ", ".join(map(str, settings.files)) or "none, so all are defaults"
    yield checks.ok("settings", f"files read: {files}")
    for text, next_step in why_left_out(settings.left_out):
        yield checks.warning("settings", text, next_step)
    for check in (checks.folder, checks.log, checks.engine_and_port):
        yield from check(settings)
    yield from run_async(checks.targets(settings))
    for check in (tls_checks.receiver, tls_checks.targets, checks.secrets, checks.app_token):
        yield from check(settings)
    yield from checks.clock(settings)
    yield from checks.public_url(settings)
    if public:
        from relay.cli.doctor.public_url import way_in

        yield run_async(way_in(settings))
