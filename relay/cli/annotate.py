"""`star`, `note` and `prune`: keep, annotate and remove captures.

The engine makes each change: the running one, or this process for that time.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import click

from relay.cli.advice import say
from relay.cli.context import Invocation, need_terminal, run_async, shared_options
from relay.cli.json_lines import print_result
from relay.cli.option_rules import exclude
from relay.cli.output import FilterCommand
from relay.config import Settings
from relay.control.messages import NoteRequest, PruneRequest, StarRequest, id_ranges
from relay.engine import access
from relay.errors import NotFound, UsageError
from relay.store.read.reader import Reader
from relay.store.read.selection import select_ids
from relay.text.captures import captures, named_captures
from relay.text.encodings import decoded
from relay.text.local_time import now
from relay.text.safe import visible

MOST_READ = 1024 * 1024
"""Bytes read of a note on stdin; more than the engine allows, so that it can report the excess."""


@click.command("star", cls=FilterCommand)
@click.argument("selection", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the star.")
@shared_options
@click.pass_obj
def star_command(invocation: Invocation, selection: tuple[str, ...], remove: bool) -> None:
    """Mark captures to keep: starred ones are never removed as old, and `is:starred` finds them."""
    settings = invocation.settings()
    ids = _chosen(settings, selection)
    result = run_async(access.request(settings, StarRequest(ids, not remove)))
    text = f"{'un' if remove else ''}starred {captures(result.changed)}"
    print_result(invocation, "star", result, text)


@click.command("note")
@click.argument("selection", nargs=-1, required=True)
@click.option("-m", "--message", "text", metavar="TEXT", help="The note; default read from stdin.")
@click.option("--remove", is_flag=True, help="Remove the note.")
@shared_options
@click.pass_obj
def note_command(invocation: Invocation, selection: tuple[str, ...], text: str | None, remove: bool) -> None:
    """Write a note to captures; a capture has one, and a new one replaces it."""
    exclude("--remove", "--message")
    settings = invocation.settings()
    if not remove and text is None:
        if sys.stdin.isatty():
            raise UsageError("no text for the note; pass it with -m TEXT, or on stdin")
        with suppress(NotFound):  # Stdin can be read once, and on an older database this runs twice.
            Reader(settings.db).close()
        text = _note_on_stdin()
    if not remove and not text:
        raise UsageError("the note is empty; use --remove to remove one")
    ids = _chosen(settings, selection)
    result = run_async(access.request(settings, NoteRequest(ids, None if remove else text)))
    what = "removed the note of" if remove else "wrote the note to"
    print_result(invocation, "note", result, f"{what} {captures(result.changed)}")


def _note_on_stdin() -> str:
    data = sys.stdin.buffer.read(MOST_READ)
    try:
        return decoded(data, "strict" if len(data) < MOST_READ else "replace").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError("the note on stdin is not UTF-8 text") from error


@click.command("prune", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@click.option("--starred", is_flag=True, help="Remove starred ones too.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@shared_options
@click.pass_obj
def prune_command(invocation: Invocation, selection: tuple[str, ...], starred: bool, yes: bool) -> None:
    """Remove captures for good, with their deliveries and notes: `prune until:30d`, `prune 12..20`.

    Their content is overwritten in the database and truncated from its WAL.
    """
    if not selection:
        raise UsageError("prune needs a SELECTION, such as until:30d; 1.. selects all")
    settings = invocation.settings()
    ids = _chosen(settings, selection)
    if not yes:
        _confirm(settings, ids, starred)
    result = run_async(access.request(settings, PruneRequest(id_ranges(ids), starred)))
    spared = len(ids) - result.removed
    text = f"removed {captures(result.removed)}" + (f"; starred ones stay: {spared}" if spared else "")
    print_result(invocation, "prune", result, text)
    if not result.emptied:
        say(
            "a reader uses the database's WAL, which still contains removed bytes; "
            "they are deleted when it ends and the engine is idle or stops"
        )


def _confirm(settings: Settings, ids: list[int], starred: bool) -> None:
    what = f"{named_captures(ids)} from {settings.db}"
    need_terminal(f"remove {what}")
    spared = "" if starred else ", except starred ones,"
    click.confirm(f"Remove {visible(what)}{spared} for good?", err=True, abort=True)


def _chosen(settings: Settings, selection: tuple[str, ...]) -> list[int]:
    with Reader(settings.db) as reader:
        return sorted(select_ids(reader, selection, now()))
