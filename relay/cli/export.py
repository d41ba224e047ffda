"""`export`: captures as a file, for a colleague, a test suite or Lean's support."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from relay.archive.exporting import Export, Format, is_one_of
from relay.archive.outputs import open_output
from relay.archive.redaction.redactor import Redactor
from relay.cli.context import Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import exclude, needs
from relay.cli.output import FilterCommand, write_bytes
from relay.cli.progress import Progress
from relay.config import Settings
from relay.control.address import engine_url
from relay.errors import RelayError, UsageError
from relay.models import Capture
from relay.store.read.reader import Reader
from relay.store.read.selection import select
from relay.text.captures import captures as captures_words
from relay.text.local_time import now
from relay.text.safe import visible


@click.command("export", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@click.option("-o", "--output", metavar="FILE", help="Output file, or folder for bodies; default stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice([str(each) for each in Format]),
    default=str(Format.NDJSON),
    show_default=True,
    help="ndjson: all of it, to import again; curl: lines that send it; http: requests; "
    "bodies: each body as a file ID.json in the folder that -o names.",
)
@click.option("--reveal", is_flag=True, help="With the values of secret headers, which are otherwise masked.")
@click.option(
    "--redact",
    is_flag=True,
    help="Replace what is personal by stand-ins of the same form, and sign again with a secret that travels "
    "in the file; leaves out responses, notes, addresses, queries and headers.",
)
@click.option("--redact-amounts", "amounts", is_flag=True, help="With --redact: replace amounts too.")
@click.option(
    "--leave", multiple=True, metavar="PATH", help="With --redact: keep a field, payload.metadata.order."
)
@shared_options
@click.pass_obj
def export_command(
    invocation: Invocation,
    selection: tuple[str, ...],
    output: str | None,
    form: str,
    reveal: bool,
    redact: bool,
    amounts: bool,
    leave: tuple[str, ...],
) -> None:
    """Write captures to a file: `export type:payment -o payments.ndjson`. Without a SELECTION: all.

    NDJSON is one JSON object a line: what the file is, then each capture with its attempts and note. With
    --reveal nothing is lost; with --redact it holds no customer's data, and its signatures are valid wherever
    it is imported. A new file is readable by you alone.
    """
    exclude("--reveal", "--redact")
    needs("--redact-amounts", "--redact")
    needs("--leave", "--redact")
    if redact and form == Format.HTTP:
        raise UsageError(
            "--redact does not go with --format http, which has no place for the secret; use ndjson"
        )
    settings = invocation.settings()
    named = None if output in (None, "-") else Path(str(output))
    if form == Format.BODIES and named is None:
        raise UsageError("--format bodies writes a file for each capture; name a folder with -o")
    if invocation.json and named is None and form != Format.NDJSON:
        raise UsageError(f"--json goes with --format {form} only if -o names a file")
    _check_not_database(named, settings)
    redactor = _redactor(amounts=amounts, leave=leave) if redact else None
    export = Export(
        Format(form),
        at=now(),
        reveal=reveal,
        mask=settings.mask_headers,
        url=engine_url(settings).rstrip("/"),
        redaction=redactor,
    )
    with Reader(settings.db) as reader:
        chosen = select(reader, selection, now())
        first = next(chosen)  # Raises where nothing is selected, before a file is emptied.
        captures = chain((first,), chosen)
        if named is None:
            _write_stdout(export, reader, captures, form)
        elif form == Format.BODIES:
            export.write_bodies(captures, named)
        else:
            with open_output(named) as file, Progress() as progress:
                for data in export.data(reader, captures):
                    file.write(data)
                    progress.show(f"exported {captures_words(export.captures)}")
    if form == Format.HTTP and not reveal:
        click.echo("secret headers are masked; --reveal writes their values", err=True)
    if named is not None:
        if invocation.json:
            print_json({"kind": "exported", "captures": export.captures, "format": form, "path": str(output)})
        else:
            click.echo(f"exported {captures_words(export.captures)} to {visible(str(output))}", err=True)
    if redactor is not None and redactor.unused:
        raise RelayError(
            f"no capture has {', '.join(redactor.unused)}, so --leave kept nothing there", word="no-such-path"
        )


def _redactor(*, amounts: bool, leave: tuple[str, ...]) -> Redactor:
    try:
        return Redactor(amounts=amounts, leave=leave)
    except ValueError as error:
        raise UsageError(f"--leave: {error}") from error


def _write_stdout(export: Export, reader: Reader, captures: Iterator[Capture], form: str) -> None:
    if form == Format.HTTP and sys.stdout.isatty():
        for number, data in enumerate(export.data(reader, captures)):
            write_bytes(data, first=number == 0)
        return
    sys.stdout.flush()
    for data in export.data(reader, captures):
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _check_not_database(named: Path | None, settings: Settings) -> None:
    """
    Raises:
        UsageError: the output is the database itself, which it would empty.
    """
    db = settings.db
    files = [db, *(db.with_name(f"{db.name}{side}") for side in ("-wal", "-shm"))]
    if named is not None and os.path.exists(named) and is_one_of(named, files):
        raise UsageError(f"{named} is the database itself; name another file with -o")
