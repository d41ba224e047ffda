"""Captures in whose bodies ids stand.

Owns the look through all bodies: windows of ids with gaps in between, as `relay.store.read.search` does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from relay.analysis.journey import value_of
from relay.lean.ids import ids_of
from relay.store.read.filter_sql import BODY
from relay.store.read.reader import Reader
from relay.store.read.search import scan_windows
from relay.text.prefilter import in_json

FEW = 6
"""So many ids SQL looks for faster, one by one, than Python does in a look at the strings of each body."""


def naming(reader: Reader, ids: Set[str]) -> Iterator[tuple[int, list[int]]]:
    """The captures that may name one of the ids, oldest first, window by window.

    None that does is left out, be its id written in JSON escapes; whether one stands where an id is meant is
    the caller's to see. Half a second for a million captures and one id, 2 s for many. Ends early when the
    reader is interrupted.

    Returns:
        Its progress, as the last id searched, and the ids found since.
    """
    name = reader.add_function(1, _Naming(ids))
    try:
        condition, parameters = _condition(ids, f"{name}(body)")

        def ask(low: int, high: int) -> list[int]:
            found = reader.rows(
                f"SELECT id FROM captures WHERE id BETWEEN :low AND :high AND {condition} ORDER BY id",
                {**parameters, "low": low, "high": high},
            )
            return [number for (number,) in found]

        newest = reader.newest_id()
        for (_, high), found in scan_windows(reader, reader.oldest_id(), newest, ask, newest_first=False):
            yield high, found
    finally:
        reader.remove_function(name, 1)


def _condition(ids: Set[str], otherwise: str) -> tuple[str, dict[str, Any]]:
    """SQL over a row of captures, and its parameters; `otherwise` is asked where the bytes cannot tell."""
    patterns = ["%".join(in_json((each,))) for each in ids]
    if not 0 < len(ids) <= FEW or not all(patterns):
        return otherwise, {}
    parameters = {f"like{number}": f"%{pattern}%" for number, pattern in enumerate(patterns)}
    looks = " OR ".join(f"{BODY} LIKE :{parameter}" for parameter in parameters)
    return f"CASE WHEN plain THEN {looks} ELSE {otherwise} END", parameters


class _Naming:
    """Whether a body has one of some ids for the whole of a string."""

    def __init__(self, ids: Set[str]) -> None:
        self._ids = ids
        self._written = {each.encode("utf-8", "surrogatepass") for each in ids}
        self._always_parse = any(in_json((each,)) != (each,) for each in ids)
        """One of them may be written in escapes other than by number."""

    def __call__(self, body: bytes) -> bool:
        # Between two quotes: one cut for all ids, in a third of the time that a regular expression takes.
        if not self._written.isdisjoint(body.split(b'"')):
            return True
        if 92 not in body or not (self._always_parse or b"\\u" in body):
            return False
        return any(each.value in self._ids for each in ids_of(value_of(body)))
