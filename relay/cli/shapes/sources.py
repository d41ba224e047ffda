"""Reads events for commands about shapes: from captures in the database, or from files.

Decides which of the two is meant, and adds remarks on events in other formats.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relay.analysis.shape import judge
from relay.cli.advice import say
from relay.config import Settings
from relay.errors import CheckFailed, NotFound, UsageError
from relay.lean.records import WHY_NO_SIGNATURE, unwrapped
from relay.models import Shape
from relay.store.read.reader import Reader
from relay.store.read.selection import select
from relay.text.decoding import decoded, encoding_of
from relay.text.local_time import now


@dataclass(frozen=True, slots=True)
class Source:
    """One event and its source."""

    body: bytes
    """Decompressed."""
    at: datetime | None
    """Time of arrival, aware; None for one from a file."""
    name: str
    """A capture's id, or the file's name, with a number if it holds several."""


def is_file(word: str) -> bool:
    """Whether an argument names a file rather than captures; `-` is stdin."""
    return word == "-" or (not word.isalnum() and Path(word).is_file())


def sources(settings: Settings, words: Sequence[str]) -> Iterator[Source]:
    """The events that the words select; without words, all in the database.

    Raises:
        UsageError: files and captures are mixed, or a filter is not valid.
        NotFound: a file or the database cannot be read, or ids do not exist.
        CheckFailed: a file is not valid JSON, for example truncated.
    """
    files = [word for word in words if is_file(word)]
    if files and len(files) < len(words):
        other = next(word for word in words if word not in files)
        raise UsageError(f"{files[0]} is a file but {other} is not; name files or captures, not both")
    if files:
        yield from _of_files(files)
        return
    for word in words:
        if word.endswith((".json", ".jsonl", ".ndjson")):
            raise NotFound(f"no file {word}")
    with Reader(settings.db) as reader:
        for capture in select(reader, words, now()):
            body = decoded(capture.body, encoding_of(capture.headers)).data
            yield Source(body, capture.received_at, str(capture.id))


def _of_files(names: Sequence[str]) -> Iterator[Source]:
    remarked = set()
    for name in names:
        found = list(unwrapped(read(name)))
        for number, event in enumerate(found, 1):
            why = WHY_NO_SIGNATURE.get(event.wrapping)
            if why is not None and event.wrapping not in remarked:
                remarked.add(event.wrapping)
                say(f"{name}: {why}; its shape can")
            source = Source(event.body, None, name if len(found) == 1 else f"{name}, event {number}")
            judgement = judge(source.body)
            if judgement.shape is Shape.NOT_JSON:
                raise CheckFailed(f"{source.name} is not JSON: {judgement.reason}", word="shape")
            yield source


def read(name: str) -> bytes:
    """The bytes of a file; `-` is stdin.

    Raises:
        NotFound: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise NotFound(f"could not read {name}: {error.strerror}") from error
