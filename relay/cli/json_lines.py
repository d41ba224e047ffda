"""The lines of `--json`: one JSON object each, whose `kind` names its form.

A kind has one form, whichever command prints it; `lean-relay help database` documents them all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from relay.errors import Exit

WORDS: Mapping[int, str] = {
    Exit.FAILED: "failed",
    Exit.USAGE: "usage",
    Exit.CHECK: "check",
    Exit.NOT_FOUND: "not-found",
    Exit.UNREACHABLE: "unreachable",
}
"""The word of an error that has none of its own."""


def json_line(line: Mapping[str, Any]) -> str:
    """A line of `--json`, in ASCII, so that it is safe on any terminal."""
    return json.dumps(line) + "\n"


def print_json(line: Mapping[str, Any]) -> None:
    """Write one line of `--json` on stdout."""
    sys.stdout.write(json_line(line))


def error_line(message: str, exit_code: int, word: str | None = None) -> dict[str, Any]:
    """An error as a line, besides its words on stderr."""
    return {
        "kind": "error",
        "word": word or WORDS[exit_code],
        "message": message,
        "exit": int(exit_code),
    }
