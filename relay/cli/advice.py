"""Commands that a message suggests, with the options that this run has.

Owns which options a command that is copied from a message has to repeat, so that it means the same database
and the same settings.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

from relay.cli.context import PROGRAM, Invocation

_COMMAND = re.compile(rf"`{PROGRAM} (?=([a-z]+)\b)|(?<=: ){PROGRAM} (?=([a-z]+)\b)")
"""In ticks, or at the end behind a colon."""

_APART = frozenset({"certs", "completion", "config", "help", "trust"})
"""Commands that open no database."""


def advice(text: str, invocation: Invocation) -> str:
    """The text, with `--db` and `--config` of this run in each command that it names."""
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
    """The same for who reads it in another shell, which may be in another folder."""

    def whole(path: Path | None) -> Path | None:
        return None if path is None else path.absolute()

    return replace(invocation, db=whole(invocation.db), config=whole(invocation.config))
