"""`backfill`: fetches what was missed from Lean's Events API."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import click

from relay.archive.imported import Checker, of_event
from relay.backfill.client import Access, connected, text_of
from relay.backfill.run import Progress as Tally
from relay.backfill.run import Store, backfill
from relay.cli.advice import say
from relay.cli.context import Invocation, run_async, shared_options
from relay.cli.forward import engine_needed
from relay.cli.json_lines import print_json
from relay.cli.option_rules import exclude, needs
from relay.cli.progress import Progress
from relay.cli.replay.follow import ReplayOutput, follow
from relay.cli.replay.options import ANY
from relay.config import Settings, preferred_secret, read_client, read_secrets
from relay.control import client
from relay.control.exchange import Requester
from relay.control.lock import holder
from relay.control.messages import (
    CompleteWindowRequest,
    ForwardRequest,
    ImportRequest,
    ReplayRequest,
    StatusRequest,
)
from relay.errors import RelayError, UsageError
from relay.filters.values import moment
from relay.lean import events_api
from relay.lean.events_api import Window
from relay.lean.records import Wrapping
from relay.models import iso, to_micros
from relay.models.imports import ImportedCapture
from relay.store.read.backfills import has_event, last_complete, sent_sha256
from relay.store.read.reader import Reader
from relay.text.local_time import local, now
from relay.text.safe import visible
from relay.text.units import format_deliveries

FORWARDED_AT_ONCE = 500

LOW_PRIORITY = 10
"""Of a backfill beside an engine, whose webhooks come first. Measured at 500 per second: their p99 rose to
1.42 of its value alone, and to 1.58 at the usual priority."""


@click.command("backfill")
@click.option(
    "--since",
    metavar="TIME",
    help="Fetch from this time on: 2h, 7d, 2026-11-20T08:15; at most 90 days.  [an hour before the end of "
    "the last complete run, else 7d]",
)
@click.option(
    "--type", "event_type", metavar="TYPE", help="Only events of this type, such as payment.updated."
)
@click.option("--dry-run", is_flag=True, help="Store nothing; say what would be taken.")
@click.option("--forward", is_flag=True, help="Forward the events that were taken; needs a running engine.")
@click.option(
    "--resign",
    is_flag=False,
    flag_value=ANY,
    metavar="[NAME]",
    help="With --forward: sign each with the secret of this name; default sandbox, default or the first. "
    "Sends them as a replay does.",
)
@click.option("--behind", type=int, hidden=True, help="Run for a listener; end when this descriptor does.")
@shared_options
@click.pass_obj
def backfill_command(
    invocation: Invocation,
    since: str | None,
    event_type: str | None,
    dry_run: bool,
    forward: bool,
    resign: str | None,
    behind: int | None,
) -> None:
    """Fetch missed events from Lean's Events API: `backfill --since 7d`.

    Takes each event that the database does not have, by its event_id, with the origin `events-api`. What
    Lean's API returns is not what Lean sent: it has no signature, and its text can differ. So nothing is
    forwarded unless you ask, and a backend that checks signatures refuses it.

    Needs the settings of `lean`: a client secret, and the client id where that is not the application token.
    """
    exclude("--dry-run", "--forward")
    needs("--resign", "--forward")
    settings = invocation.settings()
    asked_at = now()
    try:
        start = None if since is None else moment(since, asked_at, end=False)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    if start is not None and start >= asked_at.astimezone(UTC):
        raise UsageError("--since is not in the past")
    if event_type is not None and not event_type.strip():
        raise UsageError("--type is empty; use a type such as payment.updated")
    if forward:
        engine_needed(settings, "forward")
    if resign is not None:
        resign = preferred_secret(read_secrets(settings, warn=say), None if resign == ANY else resign)
    run = _Run(invocation, settings, event_type, dry_run=dry_run, forward=forward, resign=resign)
    run_async(run.run(start, asked_at, behind))


@dataclass(slots=True)
class _Taken:
    """An event that was stored."""

    id: int
    at: int
    """The event's own time, microseconds UTC; 0 without one."""


class _Run:
    """One backfill, and what it prints."""

    def __init__(
        self,
        invocation: Invocation,
        settings: Settings,
        event_type: str | None,
        *,
        dry_run: bool,
        forward: bool,
        resign: str | None,
    ) -> None:
        """
        Args:
            resign: the name of the secret to sign with.
        """
        self._invocation = invocation
        self._json = invocation.json
        self._resign = resign
        self._settings = settings
        self._type = event_type
        self._dry_run = dry_run
        self._forward = forward
        self._tally = Tally()
        self._taken: list[_Taken] = []
        self._compared = self._same = 0
        """Events that came as webhooks too, and those of them whose bytes are the same."""
        self._forwarded = 0
        lean = settings.lean
        self._place = lean.environment, lean.region
        self._auth_url = lean.auth_url or events_api.AUTH_URLS[self._place]
        self._api_url = lean.api_url or events_api.API_URLS[self._place]
        self._checker = Checker(urlsplit(self._api_url).netloc, {})

    async def run(self, start: datetime | None, asked_at: datetime, behind: int | None = None) -> None:
        """Fetch and store, then print the result.

        Args:
            behind: a descriptor whose end interrupts this.

        Raises:
            RelayError: not all was fetched; the result of what was is printed before.
        """
        if self._forward:
            await self._check_targets()
        if holder(self._settings.db) is not None:
            os.nice(LOW_PRIORITY)
        if behind is not None:
            asyncio.get_running_loop().add_reader(behind, _interrupt, behind)
        client_id, client_secret = read_client(self._settings, warn=say)
        access = Access(
            auth_url=self._auth_url,
            api_url=self._api_url,
            client_id=text_of(client_id, "client id"),
            client_secret=text_of(client_secret, "client secret"),
        )
        window = self._window(start, asked_at.astimezone(UTC))
        say(f"asking {self._api_url} for events since {local(window.start):%Y-%m-%d %H:%M}")
        is_complete = False
        try:
            async with self._storing(window) as store, connected(access, told=say) as api:
                with Progress() as line:
                    await backfill(
                        api, window, self._type, store, self._tally, lambda: line.show(self._line())
                    )
                is_complete = True  # even if it cannot be forwarded
        finally:
            if self._tally.all_pages or is_complete:
                self._print(window, is_complete=is_complete)
        if self._resign is not None and self._taken:
            await self._send_signed(self._resign)

    async def _check_targets(self) -> None:
        """
        Raises:
            UsageError: the engine has no target, so what is fetched could not be forwarded.
        """
        status = await client.request(self._settings.db, StatusRequest())
        if all(each.state == "not configured" for each in status.targets):
            raise UsageError(
                "--forward: the engine has no target; start it with --forward-to, or set forward"
            )

    def _window(self, start: datetime | None, at: datetime) -> Window:
        if start is None:
            last = None
            if self._settings.db.exists():
                with Reader(self._settings.db) as reader:
                    last = last_complete(reader, *self._place)
            if last is not None and last > at:  # A clock was wrong, then or now.
                last = None
            start = at - events_api.DEFAULT_SPAN if last is None else last - events_api.MARGIN
        window = Window.until(at, min(start, at - timedelta(seconds=1)))
        if window.start > start:
            say("Lean keeps events for 90 days, so older ones cannot be fetched")
        return window

    # -- storing -------------------------------------------------------------------------------

    @asynccontextmanager
    async def _storing(self, window: Window) -> AsyncIterator[Store]:
        """Where events go; at the end of a complete run, records that, and forwards."""
        if self._dry_run:
            if not self._settings.db.exists():
                yield partial(self._would_store, None)
                return
            with Reader(self._settings.db) as reader:
                yield partial(self._would_store, reader)
            return
        from relay.engine import access

        async with access.connect(self._settings) as send:
            with Reader(self._settings.db) as reader:
                yield partial(self._store, send, reader)
            if self._type is None:
                environment, region = self._place
                await send(
                    CompleteWindowRequest(
                        environment=environment,
                        region=region,
                        start=to_micros(window.start),
                        end=to_micros(window.end),
                    )
                )
            if self._forward and self._resign is None:
                await self._forward_taken(send)

    async def _store(self, send: Requester, reader: Reader, events: Sequence[bytes]) -> Sequence[bool]:
        captures = self._captures(events)
        result = await send(ImportRequest(captures=captures, origin="events-api"))
        self._compare(reader, captures, result.is_new)
        for number, is_new, capture in zip(result.ids, result.is_new, captures, strict=True):
            if is_new and self._forward:
                self._taken.append(_Taken(number, capture.event_at or 0))
        return result.is_new

    async def _would_store(self, reader: Reader | None, events: Sequence[bytes]) -> Sequence[bool]:
        captures = self._captures(events)
        is_new = [reader is None or not has_event(reader, each) for each in captures]
        if reader is not None:
            self._compare(reader, captures, is_new)
        return is_new

    def _compare(self, reader: Reader, captures: Sequence[ImportedCapture], is_new: Sequence[bool]) -> None:
        """Count the events whose text at Lean's API is that of their webhooks."""
        for capture, new in zip(captures, is_new, strict=True):
            if not new and (sent := sent_sha256(reader, capture)) is not None:
                self._compared += 1
                self._same += sent == capture.body_sha256

    def _captures(self, events: Sequence[bytes]) -> list[ImportedCapture]:
        try:
            return [of_event(body, self._checker, form=str(Wrapping.EVENTS_API)) for body in events]
        except ValueError as error:
            raise RelayError(
                f"page {self._tally.pages}: an event cannot be stored: {error}", word="lean-page"
            ) from error

    async def _forward_taken(self, send: Requester) -> None:
        """Queue what was taken."""
        ids = self._in_order()
        for at in range(0, len(ids), FORWARDED_AT_ONCE):
            result = await send(ForwardRequest(ids[at : at + FORWARDED_AT_ONCE]))
            self._forwarded += result.queued + result.released

    async def _send_signed(self, secret: str) -> None:
        """Replay what was taken, signed, and print each response."""
        request = ReplayRequest(ranges=tuple((each, each) for each in self._in_order()), resign=secret)
        with Reader(self._settings.db) as reader:
            output = ReplayOutput(self._invocation, self._settings, reader, request, None, reveal=False)
            replay, interrupted = await follow(self._settings, request, reader, output.print_attempt)
            output.finish(replay, interrupted=interrupted)

    def _in_order(self) -> list[int]:
        """What was taken, in the order of the events' own times."""
        return [each.id for each in sorted(self._taken, key=lambda each: (each.at, each.id))]

    # -- words ---------------------------------------------------------------------------------

    def _line(self) -> str:
        tally = self._tally
        return (
            f"page {tally.pages + 1} of {max(tally.all_pages, 1)}: {tally.seen} of {tally.total} events, "
            f"{tally.taken} taken"
        )

    def _print(self, window: Window, *, is_complete: bool) -> None:
        tally = self._tally
        environment, region = self._place
        if self._json:
            print_json(
                {
                    "kind": "backfill",
                    "environment": environment,
                    "region": region,
                    "from": iso(window.start),
                    "to": iso(window.end),
                    "type": self._type,
                    "events": tally.total,
                    "known": tally.known,
                    "compared": self._compared,
                    "same_bytes": self._same,
                    "taken": tally.taken,
                    "types": tally.types,
                    "pages": tally.pages,
                    "forwarded": self._forwarded,
                    "complete": is_complete,
                    "dry_run": self._dry_run,
                }
            )
            return
        taken = f"{tally.taken} {'would be taken' if self._dry_run else 'taken'}"
        same = f" (same bytes: {self._same} of {self._compared})" if self._compared else ""
        of = ", ".join(f"{count} {name}" for name, count in sorted(tally.types.items(), key=_most))
        click.echo(
            visible(
                f"{tally.total} event{'' if tally.total == 1 else 's'} at Lean, "
                f"{tally.known} here already{same}, {taken}{f': {of}' if of else ''}"
            )
        )
        if self._forwarded:
            say(f"queued {format_deliveries(self._forwarded)}")
        if not is_complete:
            say("not all of them were fetched; run it again")


def _interrupt(ended: int) -> None:
    asyncio.get_running_loop().remove_reader(ended)
    signal.raise_signal(signal.SIGINT)


def _most(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
