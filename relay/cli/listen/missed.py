"""What was missed while no relay ran: a line about it when `listen` starts, and the backfill of `catch_up`.

The backfill is a process of its own, so that reading pages of events costs the receiver nothing; it ends with
this one.
"""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from relay.config import Settings
from relay.control.lock import Holder
from relay.errors import RelayError
from relay.lean.events_api import KEPT_FOR
from relay.lean.schedule import RETRY_MINUTES
from relay.processes import how_it_ended, own_environment, own_module
from relay.store.read.reader import Reader
from relay.text.units import format_duration

log = logging.getLogger("relay")

WORTH_A_LINE = timedelta(minutes=1)

LEAN_RETRIES_FOR = timedelta(minutes=RETRY_MINUTES[-1])

MARGIN = timedelta(hours=1)
"""How far a backfill goes back before the end of the last relay: an event is older than its delivery."""

SETTLED = timedelta(seconds=5)
"""Webhooks of the last seconds may be of this relay already."""

ENDS_WITHIN_S = 2.0


def has_access(settings: Settings) -> bool:
    """Whether the settings say where the credentials for Lean's API are."""
    return settings.lean.client_secret is not None and bool(settings.lean.client_id or settings.app_token)


class TimeOff(NamedTuple):
    """How long no relay received webhooks."""

    long: timedelta
    is_most: bool
    """It can be less: the last relay did not end in order, so this is the time since its last webhook."""


def time_off(db: Path, received_until: float | None, left_open_by: Holder | None) -> TimeOff | None:
    """The time since the last relay on a database; None where there was none.

    Args:
        received_until: Unix time at which the last relay ended in order.
        left_open_by: the last engine, where it did not.
    """
    at = datetime.now(UTC)
    if received_until is not None:
        since = datetime.fromtimestamp(received_until, UTC)
    elif left_open_by is not None and left_open_by.url is not None:
        since = datetime.fromtimestamp(left_open_by.started_at, UTC)
        with Reader(db) as reader:
            newest = reader.capture(reader.last_before(at - SETTLED))
        since = max(since, newest.received_at) if newest is not None else since
    else:
        return None
    return TimeOff(max(at - since, timedelta(0)), is_most=received_until is None)


def say_time_off(off: TimeOff, *, catches_up: bool) -> None:
    """Log how long no relay received webhooks, and the command that fetches what Lean no longer sends."""
    if off.long < WORTH_A_LINE:
        return
    long = f"{'up to ' if off.is_most else ''}{format_duration(off.long)}"
    if off.long < LEAN_RETRIES_FOR:
        log.info("no relay ran for %s; Lean sends again what it could not deliver meanwhile", long)
    elif catches_up:
        log.info("no relay ran for %s; fetching what Lean gave up on", long)
    else:
        log.warning(
            "no relay ran for %s, and Lean gives up after %s; "
            "`lean-relay backfill --since %s` fetches the rest",
            long,
            format_duration(LEAN_RETRIES_FOR),
            since(off.long),
        )


def since(off: timedelta) -> str:
    """The time that a backfill has to go back, for `--since`: whole hours, or days."""
    back = min(off + MARGIN, KEPT_FOR)
    hours = ceil(back / timedelta(hours=1))
    return f"{hours}h" if hours <= 48 else f"{ceil(back / timedelta(days=1))}d"


async def catch_up(
    settings: Settings,
    last: tuple[float | None, Holder | None],
    options: Sequence[str],
    print_json: Callable[[dict[str, Any]], None] | None,
) -> None:
    """Say how long no relay ran, where what was missed can be fetched, and fetch it if that is set.

    A failure is a warning.

    Args:
        last: the last relay, as `time_off` takes it.
        options: shared ones of this command.
        print_json: prints the result as a line on stdout; without it the result is logged.
    """
    if not has_access(settings):
        return
    try:
        off = await asyncio.to_thread(time_off, settings.db, *last)
        if off is not None:
            say_time_off(off, catches_up=settings.lean.catch_up)
        if settings.lean.catch_up:
            await _fetch(options, print_json)
    except (OSError, RelayError, ValueError, OverflowError) as error:
        log.warning("could not fetch what was missed: %s", error)


async def _fetch(options: Sequence[str], print_json: Callable[[dict[str, Any]], None] | None) -> None:
    process = await asyncio.create_subprocess_exec(
        *own_module("relay"),
        *options,
        "backfill",
        "--behind",
        "0",
        *(["--json"] if print_json is not None else []),
        stdin=PIPE,  # whose end ends it
        stdout=PIPE,
        stderr=PIPE,
        env=own_environment(secrets=True),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    last = ""
    try:
        async for words in process.stderr:
            if last:
                log.info("%s", last)
            last = words.decode(errors="replace").strip().removeprefix("lean-relay: ")
        result = (await process.stdout.read()).decode(errors="replace")
        failed = await process.wait()
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    if last and not failed:
        log.info("%s", last)
    for text in result.splitlines():
        if print_json is None:
            log.info("%s", text)
        elif (line := json.loads(text))["kind"] == "backfill":  # An error is a warning here.
            print_json(line)
    if failed:
        log.warning("could not fetch everything that was missed: %s", last or how_it_ended(failed))
