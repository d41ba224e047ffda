"""The lines of `--json`: one JSON object each, whose `kind` names its form.

A kind has the same form in every command; `lean-relay help database` documents them all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from relay.cli.context import Invocation
from relay.errors import Exit

if TYPE_CHECKING:
    import msgspec

WORDS: Mapping[int, str] = {
    Exit.FAILED: "failed",
    Exit.USAGE: "usage",
    Exit.CHECK: "check",
    Exit.NOT_FOUND: "not-found",
    Exit.UNREACHABLE: "unreachable",
}
"""Default word of an error, by exit code."""


def json_line(line: Mapping[str, Any]) -> str:
    """A line of `--json`, in ASCII, so that it is safe on any terminal."""
    return json.dumps(line) + "\n"


def print_json(line: Mapping[str, Any]) -> None:
    """Write one line of `--json` on stdout."""
    sys.stdout.write(json_line(line))


def print_result(invocation: Invocation, kind: str, result: msgspec.Struct, text: str) -> None:
    """Print an engine's response: its fields with --json, else `text`."""
    if invocation.json:
        print_json({"kind": kind, **fields_of(result)})
    else:
        click.echo(text)


def fields_of(message: msgspec.Struct) -> dict[str, Any]:
    """The fields of an engine's message as JSON values, in their order."""
    import msgspec  # which most commands do not need

    fields: dict[str, Any] = msgspec.to_builtins(message)
    return fields


def error_line(message: str, exit_code: int, word: str | None = None) -> dict[str, Any]:
    """An error as a line of `--json`, in addition to its message on stderr."""
    return {
        "kind": "error",
        "word": word or WORDS[exit_code],
        "message": message,
        "exit": int(exit_code),
    }
