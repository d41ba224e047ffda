"""The process that checks shapes: reads bodies from the database, writes results to its parent.

It keeps nothing: it ends when its input does, and may be killed at any time. It exists because a check holds
the interpreter, and its parent's answers webhooks. Only `relay.engine.shape_checker` starts it.

A request is a line `[after, upto, limit]`, an answer a line with the JSON of a `ShapeBatch`.
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
    """Equal for drifts of one kind at one place."""
    text: str
    """The first warning, not yet safe to show."""


class ShapeBatch(msgspec.Struct):
    """The results of one slice."""

    shapes: dict[str, list[int]]
    """Shape -> captures."""
    upto: int
    """All ids up to this one are done."""
    version: str
    """Of the catalogue."""
    drifts: list[Drift]


def checked(reader: Reader, after: int, upto: int, limit: int) -> ShapeBatch:
    """Check captures without a shape among the ids above `after`, at most `limit` of them."""
    ids, end = unjudged(reader, after, upto, limit)
    found = ShapeBatch({}, end, "", [])
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
    # A lone surrogate cannot be encoded.
    safe = text.encode("utf-8", "backslashreplace").decode()
    return Drift(number, judgement.type or "", f"{judgement.type} {place} {first.kind}", safe)


def step_back() -> None:
    """Run only when nothing else needs the processor, as far as the system allows."""
    os.nice(19)
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


_decode = msgspec.json.Decoder(tuple[int, int, int]).decode


def main(db: Path) -> None:
    """Answer requests until the input ends."""
    step_back()
    encode = msgspec.json.Encoder().encode
    with Reader(db) as reader:
        for line in sys.stdin.buffer:
            after, upto, limit = _decode(line)
            sys.stdout.buffer.write(encode(checked(reader, after, upto, limit)) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
