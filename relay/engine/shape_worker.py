"""The process that judges shapes: reads bodies from the log, writes what it finds to its parent.

Owns nothing that lasts: it ends when its input does, and may be killed at any time. It exists because
judging holds the interpreter, and its parent's answers webhooks. Started by `relay.engine.shape_checker`
alone.

A request is a line `[after, upto, limit]`, an answer a line with the JSON of a `Found`.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from relay.analysis.shape import judge
from relay.analysis.shape_result import ShapeResult
from relay.models import Shape
from relay.store.read.reader import Reader
from relay.store.read.shapes import bodies, unjudged

_INDEX = re.compile(r"\[[0-9]+\]")


class Drift(msgspec.Struct):
    """One capture that differs from what is documented."""

    id: int
    type: str
    likeness: str
    """The same for drifts of one kind at one place."""
    text: str
    """Its first warning in words, not yet safe to show."""


class Found(msgspec.Struct):
    """What was found in one slice."""

    shapes: dict[str, list[int]]
    """Shape -> captures."""
    upto: int
    """All ids up to this one are done with."""
    version: str
    """Of the catalogue."""
    drifts: list[Drift]


def found_in(reader: Reader, after: int, upto: int, limit: int) -> Found:
    """Judge what has no shape yet among the ids above `after`, at most `limit` captures."""
    ids, end = unjudged(reader, after, upto, limit)
    found = Found({}, end, "", [])
    for number, body, encoding in bodies(reader, ids):
        judgement = judge(body, encoding)
        found.shapes.setdefault(str(judgement.shape), []).append(number)
        found.version = judgement.version
        if judgement.shape is Shape.DRIFT:
            found.drifts.append(_drift(number, judgement))
    return found


def _drift(number: int, judgement: ShapeResult) -> Drift:
    first = judgement.warnings[0]
    more = len(judgement.warnings) - 1
    text = str(first) + (f"; and {more} more" if more else "")
    place = _INDEX.sub("[]", first.path)
    # Half a surrogate pair is nothing that can be sent on.
    safe = text.encode("utf-8", "backslashreplace").decode()
    return Drift(number, judgement.type or "", f"{judgement.type} {place} {first.kind}", safe)


def step_back() -> None:
    """Run only when nothing else wants the processor, as far as this system lets us."""
    os.nice(19)
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main(db: Path) -> None:
    """Answer requests until there are no more."""
    step_back()
    encode = msgspec.json.Encoder().encode
    with Reader(db) as reader:
        for line in sys.stdin.buffer:
            after, upto, limit = msgspec.json.decode(line, type=tuple[int, int, int])
            sys.stdout.buffer.write(encode(found_in(reader, after, upto, limit)) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
