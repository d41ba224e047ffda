"""Lines for people on stderr, and this run's options in the commands that they suggest.

A command copied from a message must repeat `--db` and `--config` to use the same database and settings.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import click

from relay.cli.context import PROGRAM, Invocation
from relay.text.safe import visible

_COMMAND = re.compile(rf"`{PROGRAM} (?=([a-z]+)\b)|(?<=: ){PROGRAM} (?=([a-z]+)\b)")
"""In backticks, or at the end after a colon."""

_APART = frozenset({"certs", "completion", "config", "help", "trust"})
"""Commands that open no database."""


def say(text: str) -> None:
    """Print a line on stderr, made safe, with this run's options in the commands that it suggests."""
    ctx = click.get_current_context(silent=True)
    invocation = ctx.find_object(Invocation) if ctx is not None else None
    click.echo(f"{PROGRAM}: {visible(advice(text, invocation or Invocation()))}", err=True)


def advice(text: str, invocation: Invocation) -> str:
    """The text, with this run's `--db` and `--config` added to each command in it."""
    if PROGRAM not in text:
        return text
    from relay.cli import COMMANDS  # which imports this module

    given = (("--config", invocation.config), ("--db", invocation.db))
    options = "".join(f"{name} {shlex.quote(str(path))} " for name, path in given if path is not None)

    def with_options(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return f"{found[0]}{options}" if name in COMMANDS and name not in _APART else found[0]

    return _COMMAND.sub(with_options, text)


def for_elsewhere(invocation: Invocation) -> Invocation:
    """The same with absolute paths, for a reader whose shell may be in another folder."""

    def whole(path: Path | None) -> Path | None:
        return None if path is None else path.absolute()

    return replace(invocation, db=whole(invocation.db), config=whole(invocation.config))
