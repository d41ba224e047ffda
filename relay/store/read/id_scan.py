"""Finds captures whose bodies contain ids.

Searches all bodies in windows with gaps in between, as in `relay.store.read.search`.
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
"""Up to this many ids, SQL searches for each faster than Python checks the strings of every body."""


def naming(
    reader: Reader, ids: Set[str], *, newest_first: bool = False, after: int = 0, before: int | None = None
) -> Iterator[tuple[int, list[int]]]:
    """Captures that may contain one of the ids, window by window.

    Finds all of them, also ids with JSON escapes; the caller checks whether the text is really used as an id.
    Half a second for a million captures and one id, 2 s for many. Ends early when the reader is interrupted.

    Args:
        after: only captures above this id.
        before: only captures below this id; None for no bound.

    Returns:
        The last id searched, and the captures found since.
    """
    name = reader.add_function(1, _Naming(ids))
    try:
        condition, parameters = _condition(ids, f"{name}(body)")

        def ask(low: int, high: int) -> list[int]:
            return reader.ids_in_window(condition, parameters, low, high, newest_first=newest_first)

        first = max(after + 1, reader.oldest_id())
        last = reader.newest_id() if before is None else min(before - 1, reader.newest_id())
        for (low, high), found in scan_windows(reader, first, last, ask, newest_first=newest_first):
            yield low if newest_first else high, found
    finally:
        reader.remove_function(name, 1)


def _condition(ids: Set[str], otherwise: str) -> tuple[str, dict[str, Any]]:
    """SQL over a row of captures, and its parameters; uses `otherwise` if the bytes do not decide."""
    patterns = ["%".join(in_json((each,))) for each in ids]
    if not 0 < len(ids) <= FEW or not all(patterns):
        return otherwise, {}
    parameters = {f"like{number}": f"%{pattern}%" for number, pattern in enumerate(patterns)}
    looks = " OR ".join(f"{BODY} LIKE :{parameter}" for parameter in parameters)
    return f"CASE WHEN plain THEN {looks} ELSE {otherwise} END", parameters


class _Naming:
    """Whether a body has a string that is one of the ids."""

    def __init__(self, ids: Set[str]) -> None:
        self._ids = ids
        self._written = {each.encode("utf-8", "surrogatepass") for each in ids}
        self._always_parse = any(in_json((each,)) != (each,) for each in ids)
        """Whether one of them may be written with escapes other than \\u."""

    def __call__(self, body: bytes) -> bool:
        # Split at quotes: once for all ids, in a third of the time of a regular expression.
        if not self._written.isdisjoint(body.split(b'"')):
            return True
        if 92 not in body or not (self._always_parse or b"\\u" in body):
            return False
        return any(each.value in self._ids for each in ids_of(value_of(body)))
