"""`tail` and `wait`: captures as they arrive, and the first one that matches.

Polls `PRAGMA data_version` ten times a second, which costs 50 us and holds no snapshot, and searches only
when it has changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import click

from relay.cli.advice import say
from relay.cli.context import Invocation, NumberRange, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import needs
from relay.cli.output import Columns, FilterCommand, capture_as_json, reveal_option
from relay.config import Settings
from relay.control.lock import holder
from relay.errors import NotFound, RelayError, UsageError
from relay.filters import Filter, FilterError, arrival_fault, parse
from relay.filters.values import moment
from relay.models import Capture
from relay.store.read.reader import Reader
from relay.store.read.search import search
from relay.store.read.selection import fetched
from relay.text.local_time import now

EVERY_S = 0.1

LOOK_BACK = timedelta(seconds=10)

STILL_WATCHED = 2_000
"""Captures that `tail` checks again when verdicts and shapes arrive."""


@click.command("tail", cls=FilterCommand)
@click.argument("filter", nargs=-1)
@reveal_option
@shared_options
@click.pass_obj
def tail_command(invocation: Invocation, filter: tuple[str, ...], reveal: bool) -> None:
    """Print captures as they arrive, one line each: `tail`, `tail sig:invalid`. Ctrl-C ends it.

    A capture is printed once, when it matches; for `verdict:` or `shape:` as soon as these are known.
    Started before the engine, it waits for the database.
    """
    needs("--reveal", "--json")
    settings = invocation.settings()
    wanted = _filter(filter)

    def after(reader: Reader, absent_since: datetime | None) -> int:
        # Captures that came before this one was seen are new, too.
        return reader.newest_id() if absent_since is None else reader.last_before(absent_since)

    for reader, captures in _looks(settings.db, wanted, after):
        for capture in captures:
            _print(invocation, settings, capture, reader, reveal=reveal)
        sys.stdout.flush()


@click.command("wait", cls=FilterCommand)
@click.argument("filter", nargs=-1)
@click.option(
    "--timeout",
    "timeout_s",
    type=NumberRange(min=0),
    default=30.0,
    metavar="S",
    help="Give up after this many seconds, with exit code 4.  [30]",
)
@click.option("--since", metavar="TIME", help="Look back to this time: 5m, 08:15, 2026-11-20T08:15.  [10s]")
@reveal_option
@shared_options
@click.pass_obj
def wait_command(
    invocation: Invocation, filter: tuple[str, ...], timeout_s: float, since: str | None, reveal: bool
) -> None:
    """Wait for the first capture that matches: `wait type:payment --timeout 20`.

    Includes captures of the last 10 seconds, and checks again when verdicts and shapes arrive. Exit 4 if none
    matches in time.
    """
    needs("--reveal", "--json")
    settings = invocation.settings()
    wanted = _filter(filter)
    at = now()
    try:
        back_to = at.astimezone(UTC) - LOOK_BACK if since is None else moment(since, at, end=False)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    deadline = monotonic() + timeout_s
    for reader, captures in _looks(
        settings.db, wanted, lambda reader, _: reader.last_before(back_to), deadline
    ):
        for capture in captures:
            _print(invocation, settings, capture, reader, reveal=reveal)
            return
        if monotonic() >= deadline:
            raise NotFound(f"no capture matched {wanted.text or 'anything'} within {timeout_s:g} s")


def _filter(words: tuple[str, ...]) -> Filter:
    try:
        return parse(" ".join(words), now())
    except FilterError as error:
        raise UsageError(str(error)) from error


def _looks(
    path: Path,
    wanted: Filter,
    after: Callable[[Reader, datetime | None], int],
    deadline: float | None = None,
) -> Iterator[tuple[Reader, Iterator[Capture]]]:
    """The captures that are new, ten times a second; goes on with a database that replaces this one.

    Args:
        after: the id of a database above which captures are new; is told since when, at the earliest, the
            database is there, or None if it was there from the start.
        deadline: `monotonic()` until which it waits for a database, and at which it looks once more.

    Raises:
        NotFound, RelayError: as for `_opened`.
    """
    looked_at, is_first = now(), True
    while True:
        with _opened(path, deadline, is_first=is_first) as (reader, waited):
            watch = _Watch(reader, wanted, after(reader, None if is_first and not waited else looked_at))
            at = now()
            is_said = waited or not is_first
            while not reader.is_replaced():
                looked_at = at
                yield reader, watch.new()
                if not is_said and holder(path) is None:
                    say(f"no engine is running on {path}; `lean-relay listen` starts one")
                is_said = True
                sleep(EVERY_S if deadline is None else min(EVERY_S, max(deadline - monotonic(), 0.0)))
                at = now()
            yield reader, watch.new()  # The last captures of the old one.
        say(f"another database is at {path} now; going on with that one")
        is_first = False


@contextmanager
def _opened(path: Path, deadline: float | None, *, is_first: bool) -> Iterator[tuple[Reader, bool]]:
    """The database once an engine has created or migrated it, and whether this had to wait.

    Args:
        is_first: false for one that replaces another, which may still be being copied.

    Raises:
        NotFound: it does not exist at the deadline.
        RelayError: it cannot be read.
    """
    waited = is_said = False
    while True:
        try:
            reader = Reader(path)
            if not is_first:
                _check_whole(reader)
        except RelayError as error:
            is_copied = not is_first and error.word == "unreadable-database"
            if not isinstance(error, NotFound) and error.word != "older-database" and not is_copied:
                raise
            if deadline is not None and monotonic() >= deadline:
                raise NotFound(f"no capture in time: {error}") from error
            waited = True
            if not is_said and holder(path) is None:  # One that runs is about to make it.
                say(
                    f"waiting until it can be read: {error}"
                    if is_copied
                    else f"waiting for an engine: {error}"
                )
                is_said = True
            sleep(EVERY_S)
        else:
            break
    with reader:
        yield reader, waited


def _check_whole(reader: Reader) -> None:
    """
    Raises:
        RelayError: `unreadable-database`, the end of the table is missing; the reader is closed then.
    """
    try:
        reader.newest_id()
    except RelayError:
        reader.close()
        raise


def _print(
    invocation: Invocation, settings: Settings, capture: Capture, reader: Reader, *, reveal: bool
) -> None:
    if invocation.json:
        print_json(capture_as_json(capture, settings, reveal=reveal))
    else:
        click.echo(Columns(reader, now()).line(capture))


class _Watch:
    """Finds new captures that match a filter."""

    def __init__(self, reader: Reader, filter: Filter, after: int) -> None:
        self._reader = reader
        self._filter = filter
        self._after = after
        self._version = -1
        self._comes_later = arrival_fault(filter) is not None
        self._given: set[int] = set()

    def new(self) -> Iterator[Capture]:
        version = self._reader.data_version()
        if version == self._version:
            return
        self._version = version
        newest = self._reader.newest_id()
        for ids in search(
            self._reader, self._filter, newest_first=False, after=self._after, before=newest + 1
        ):
            fresh = [number for number in ids if number not in self._given]
            self._given.update(fresh)
            yield from fetched(self._reader, fresh)
        self._after = max(self._after, newest - STILL_WATCHED) if self._comes_later else newest
        self._given = {number for number in self._given if number > self._after}
