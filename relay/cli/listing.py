"""`list`: a line for each capture of a selection."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

import click

from relay.cli.advice import say
from relay.cli.context import MOST_LIMIT, Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import exclude, needs
from relay.cli.output import Columns, FilterCommand, capture_as_json, reveal_option
from relay.filters import Filter
from relay.store.read.reader import Reader
from relay.store.read.search import search
from relay.store.read.selection import fetched, ids_of, nothing_matches
from relay.store.read.selection_words import parse_selection
from relay.text.local_time import now

LIMIT = 50


@click.command("list", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help=f"List the newest N.  [{LIMIT}]")
@click.option("--all", "everything", is_flag=True, help="List all that match.")
@reveal_option
@shared_options
@click.pass_obj
def list_command(
    invocation: Invocation, selection: tuple[str, ...], limit: int | None, everything: bool, reveal: bool
) -> None:
    """List captures, the newest 50, oldest first: `list`, `list 12..20`, `list type:payment sig:invalid`.

    SELECTION is ids (12, 12..20, latest), a Lean event_id, or a filter. The columns are id, time,
    event type, signature, size, the relay's response, those of backends, and anything unusual; a terminal
    gets a line with their names.
    """
    exclude("--all", "--limit")
    needs("--reveal", "--json")
    settings = invocation.settings()
    at = now()
    with Reader(settings.db) as reader:
        if everything:
            ids, more = ids_of(reader, parse_selection(selection, at)), False
        else:
            newest, more = newest_of(reader, selection, at, min(limit or LIMIT, MOST_LIMIT))
            ids = iter(newest)
        columns = Columns(reader, at)
        shown = 0
        for capture in fetched(reader, ids):
            shown += 1
            if invocation.json:
                print_json(capture_as_json(capture, settings, reveal=reveal))
            else:
                if shown == 1 and sys.stdout.isatty():
                    click.echo(columns.heading(capture))
                click.echo(columns.line(capture))
        sys.stdout.flush()
    if not shown:
        say(nothing_matches(selection))
    if more:
        click.echo("older ones match too; --limit N shows more, --all shows all", err=True)


def newest_of(reader: Reader, words: Sequence[str], at: datetime, limit: int) -> tuple[list[int], bool]:
    """The newest ids of a selection, oldest first, and whether there are more."""
    selection = parse_selection(words, at)
    if isinstance(selection, Filter):
        # Newest first, so that a search ends as soon as there are enough.
        newest = chain.from_iterable(search(reader, selection))
        found = list(islice(newest, limit + 1))
    else:
        found = _last(ids_of(reader, selection), limit + 1)
    return sorted(found[:limit]), len(found) > limit


def _last(ids: Iterator[int], count: int) -> list[int]:
    """The last of ascending ids, newest first."""
    return list(reversed(deque(ids, maxlen=count)))
