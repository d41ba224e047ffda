"""Errors that reach a person, and the exit codes that go with them.

Owns the one base class and its few leaves. Parsers of values raise `ValueError`;
the caller, who knows the source of the value, turns it into one of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """Exit codes of every command; scripts rely on them."""

    FINE = 0
    FAILED = 1
    """Failed while running; stderr has a stable word: `lean-relay: [port-taken] ...`."""
    USAGE = 2
    """The command line or a setting is wrong; nothing was done."""
    CHECK = 3
    """A check ran and failed: signature, shape, expectation, rehearsal."""
    NOT_FOUND = 4
    """Not found, or `wait` timed out."""
    UNREACHABLE = 5
    """Target or engine cannot be reached."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


EXIT_MEANINGS: Mapping[Exit, str] = {
    Exit.FINE: "success; also a `listen` that you end with Ctrl-C",
    Exit.FAILED: "failed while running; stderr begins with a stable word: `lean-relay: [port-taken] ...`",
    Exit.USAGE: "the command line or a setting is wrong; nothing was done",
    Exit.CHECK: "a check failed: a signature, a shape, an expectation, a rehearsal, or one of `doctor`",
    Exit.NOT_FOUND: "the SELECTION names no capture, or `wait` timed out; an empty `list` ends with 0",
    Exit.UNREACHABLE: "the target or the engine could not be reached",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
}
"""The meaning of each exit code, for the manual."""


class RelayError(Exception):
    """An error that a person can act on.

    `str(error)` says what happened, to which value, where, and the next step.
    `word` is stable and printed in brackets before it; None leaves the brackets out.
    """

    exit_code: Exit = Exit.FAILED

    def __init__(self, message: str, *, word: str | None = None) -> None:
        super().__init__(message)
        self.word = word


class UsageError(RelayError):
    """A flag, setting, filter or selection is wrong."""

    exit_code = Exit.USAGE


class CheckFailed(RelayError):
    """A check ran to its end and failed."""

    exit_code = Exit.CHECK


class NotFound(RelayError):
    """The requested item does not exist, or did not arrive in time."""

    exit_code = Exit.NOT_FOUND


class Unreachable(RelayError):
    """A target or the engine does not respond."""

    exit_code = Exit.UNREACHABLE


class OlderDatabase(RelayError):
    """A database has to be migrated before it can be read; an engine does that at its start."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message, word="older-database")
        self.path = path
