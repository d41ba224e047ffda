"""Brings a database of an older version up to date for a command that reads it and found no engine."""

from __future__ import annotations

from dataclasses import replace

from relay.cli.advice import say
from relay.cli.context import Invocation, run_async
from relay.control.lock import holder
from relay.engine.engine import running
from relay.errors import OlderDatabase


def bring_up_to_date(error: OlderDatabase, invocation: Invocation) -> None:
    """Migrate the database, as an engine does at its start.

    Raises:
        OlderDatabase: an engine has it, which will migrate it or is an older one.
        RelayError: the engine could not open it.
    """
    if holder(error.path) is not None:
        raise error
    settings = replace(invocation.settings_unasked(), db=error.path)

    async def migrate() -> None:
        async with running(settings, receive=False):
            pass

    run_async(migrate())
    say(f"{error.path} was written by an older lean-relay, and is up to date now")
