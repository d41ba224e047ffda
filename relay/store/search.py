"""A filter as SQL: which captures of a log match.

Owns the translation. Columns are asked in SQL; target, headers and body go to the filter's own
operators, which SQL calls as functions, so that and, or and not combine in one place. Text of a
filter reaches SQL only as a parameter, and column names only from this file.

A search goes through windows of ids and leaves a gap after each, in which it holds no snapshot:
otherwise the writer's log could not start over and would grow for as long as the search takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from time import monotonic, sleep
from typing import Any

from relay.filters import content, facts, secure
from relay.filters.tree import AllOf, AnyOf, Filter, Leaf, Node, Not
from relay.filters.values import Pattern, Span
from relay.models import Origin, to_micros
from relay.store import rows
from relay.store.reader import Reader

FIRST_WINDOW = 2_000
LARGEST_WINDOW = 50_000
"""Ids of one statement: a first page comes soon, and later ones cost few gaps."""

GAP_S = 0.01
"""Longer than the writer waits before it tries a checkpoint again (5 ms)."""

READING_S = 0.05
"""How long other readers may go from statement to statement before they leave a gap."""

Sql = str
"""An expression over a row of `captures` that is 0 or 1, never NULL, as SQL's three-valued logic
would otherwise make `not` of an absent value neither true nor false."""


@dataclass(frozen=True, slots=True)
class Window:
    """One step of a search."""

    ids: list[int]
    """What it found, in the order of the search."""
    upto: int
    """How far the search has come: the last id that it looked at."""


def search(
    reader: Reader,
    filter: Filter,
    *,
    newest_first: bool = True,
    after: int = 0,
    before: int | None = None,
    gap_s: float = GAP_S,
) -> Iterator[list[int]]:
    """The ids of the captures that match, window by window; a window without any gives an empty list.

    Takes what `scan` takes, and ends as it does.
    """
    for window in scan(reader, filter, newest_first=newest_first, after=after, before=before, gap_s=gap_s):
        yield window.ids


def scan(
    reader: Reader,
    filter: Filter,
    *,
    newest_first: bool = True,
    after: int = 0,
    before: int | None = None,
    gap_s: float = GAP_S,
) -> Iterator[Window]:
    """What a search finds window by window, and how far it has come.

    Ends early, without an error, when `reader.interrupt()` is called.

    Args:
        after: only ids above this one.
        before: only ids below this one; None for no bound.
    """
    started = reader.interruptions
    waiting = Event()
    with _Query(reader, filter) as query:
        try:
            first = max(after + 1, reader.oldest_id())
            last = reader.newest_id() if before is None else min(before - 1, reader.newest_id())
        except sqlite3.OperationalError:  # Interrupted before the first window.
            return
        for low, high in _windows(first, last, newest_first=newest_first):
            try:
                found = query.between(low, high, newest_first=newest_first)
            except sqlite3.OperationalError:
                return
            if reader.interruptions != started:
                return
            yield Window(found, low if newest_first else high)
            if (low if newest_first else high) == (first if newest_first else last):
                return
            waiting.wait(gap_s)
            if reader.interruptions != started:
                return


class Gaps:
    """Leaves gaps in reading that goes on statement after statement: a fifth of the time at most."""

    def __init__(self) -> None:
        self._since = monotonic()

    def leave(self) -> None:
        """Between two statements: pauses if the last gap is long ago."""
        if monotonic() - self._since > READING_S:
            sleep(GAP_S)
            self._since = monotonic()


def _windows(first: int, last: int, *, newest_first: bool) -> Iterator[tuple[int, int]]:
    width = FIRST_WINDOW
    while first <= last:
        if newest_first:
            low = max(first, last - width + 1)
            yield low, last
            last = low - 1
        else:
            high = min(last, first + width - 1)
            yield first, high
            first = high + 1
        width = min(2 * width, LARGEST_WINDOW)


class _Query:
    """One filter's SQL with the functions it calls; a context manager, which removes them again."""

    def __init__(self, reader: Reader, filter: Filter) -> None:
        self._reader = reader
        self._functions: list[tuple[str, int]] = []
        self._parameters: dict[str, Any] = {}
        self._condition = self._sql(filter.root)

    def __enter__(self) -> _Query:
        return self

    def __exit__(self, *exception: object) -> None:
        for name, arguments in self._functions:
            self._reader.remove_function(name, arguments)

    def between(self, low: int, high: int, *, newest_first: bool) -> list[int]:
        """The matching ids of one window, both ends included."""
        found = self._reader.rows(
            f"SELECT id FROM captures WHERE id BETWEEN :low AND :high AND {self._condition}"
            f" ORDER BY id {'DESC' if newest_first else 'ASC'}",
            {**self._parameters, "low": low, "high": high},
        )
        return [number for (number,) in found]

    def _bind(self, value: Any) -> Sql:
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return f":{name}"

    def _call(self, function: Callable[..., bool], *arguments: Sql) -> Sql:
        name = self._reader.add_function(len(arguments), function)
        self._functions.append((name, len(arguments)))
        return f"{name}({', '.join(arguments)})"

    def _sql(self, node: Node) -> Sql:
        match node:
            case AllOf(parts):
                # What calls Python goes last: SQL looks from left to right and stops at a 0.
                cheap_first = sorted(parts, key=_calls_python)
                return f"({' AND '.join(map(self._sql, cheap_first)) or '1'})"
            case AnyOf(parts):
                return f"({' OR '.join(map(self._sql, sorted(parts, key=_calls_python)))})"
            case Not(part):
                return f"(NOT {self._sql(part)})"
            case Leaf():
                return f"({self._leaf(node)})"
        raise AssertionError(node)

    def _leaf(self, leaf: Leaf) -> Sql:
        match leaf:
            case facts.Type(pattern):
                return self._text("event_type", leaf, pattern, below=".")
            case facts.EventId(pattern):
                return self._text("event_id", leaf, pattern)
            case facts.Customer(pattern):
                return self._text("customer_id", leaf, pattern)
            case facts.Method(pattern):
                return self._text("method", leaf, pattern)
            case facts.Path():
                return self._call(_of_text(leaf.holds), "CAST(target AS BLOB)")
            case facts.Client():
                return self._call(_of_text(leaf.holds), "CAST(client AS BLOB)")
            case facts.Signed(word):
                return f"signature = {self._bind(word)}"
            case facts.Shaped(word):
                return f"shape IS {self._bind(word)}"
            case facts.Size(span):
                return self._span("length(body)", span)
            case facts.Answered(span):
                return self._span("answer", span)
            case facts.Since(at):
                return f"received_at >= {self._bind(to_micros(at))}"
            case facts.Until(at):
                return f"received_at <= {self._bind(to_micros(at))}"
            case facts.Judged(word):
                return _last_attempt(f"attempts.verdict = {self._bind(word)}")
            case facts.Status(span):
                return _last_attempt(self._span("attempts.status", span))
            case facts.State(word):
                return _delivery(f"state = {self._bind(word)}")
            case facts.Is(word):
                return IS[word]
            case secure.OfTls():
                return self._call(_of_tls(leaf), "CAST(tls AS BLOB)")
            case content.LeanId():
                return self._call(_of_text_and_body(leaf.holds), "CAST(event_id AS BLOB)", "body")
            case content.Header():
                return self._call(_of_headers(leaf), "CAST(headers AS BLOB)")
            case content.Body(text):
                return self._call(text.is_in_body, "body")
            case content.BodyField():
                return self._call(leaf.holds, "body")
            case content.Word():
                return self._call(_of_word(leaf), "CAST(target AS BLOB)", "CAST(headers AS BLOB)", "body")
        raise AssertionError(leaf)

    def _text(self, column: Sql, leaf: facts.Patterned, pattern: Pattern, below: str | None = None) -> Sql:
        """A pattern over a text column: in SQL where all is ASCII, where the two fold case alike."""
        if pattern.is_anything:
            return f"{column} IS NOT NULL"
        otherwise = self._call(_of_text(leaf.holds), f"CAST({column} AS BLOB)")
        piece = pattern.pieces[0]
        if not pattern.is_exact or not piece.isascii() or "\0" in piece:
            return otherwise
        in_sql = f"{column} = {self._bind(piece)} COLLATE NOCASE"
        if below is not None:
            start = self._bind(piece + below)
            in_sql += f" OR substr({column}, 1, {self._bind(len(piece) + 1)}) = {start} COLLATE NOCASE"
        # A text of as many characters as bytes is ASCII, and has no NUL, at which length() stops.
        return (
            f"CASE WHEN {column} IS NULL THEN 0"
            f" WHEN length({column}) = length(CAST({column} AS BLOB)) THEN {in_sql} ELSE {otherwise} END"
        )

    def _span(self, expression: Sql, span: Span) -> Sql:
        low, high = span.whole()
        bounds = []
        if low is not None:
            bounds.append(f"{expression} >= {self._bind(low)}")
        if high is not None:
            bounds.append(f"{expression} <= {self._bind(high)}")
        return " AND ".join(bounds)


def _delivery(condition: Sql) -> Sql:
    return f"EXISTS (SELECT 1 FROM deliveries WHERE deliveries.capture_id = captures.id AND {condition})"


def _last_attempt(condition: Sql) -> Sql:
    return (
        "EXISTS (SELECT 1 FROM deliveries"
        f" JOIN attempts ON attempts.id = {rows.LAST_ATTEMPT}"
        f" WHERE deliveries.capture_id = captures.id AND {condition})"
    )


def _tried(kind: str) -> Sql:
    any_attempt = "EXISTS (SELECT 1 FROM attempts WHERE attempts.delivery_id = deliveries.id)"
    return _delivery(f"deliveries.kind = '{kind}' AND {any_attempt}")


IS: dict[str, Sql] = {
    "repeat": "repeat_of IS NOT NULL",
    "starred": "EXISTS (SELECT 1 FROM notes WHERE notes.capture_id = captures.id AND notes.starred)",
    "forwarded": _tried("live"),
    "replayed": _tried("replay"),
    "tls": "tls IS NOT NULL",
    "sample": f"origin = '{Origin.SAMPLE}'",
}

_PYTHON = (
    facts.Path,
    facts.Client,
    secure.OfTls,
    content.LeanId,
    content.Header,
    content.Body,
    content.BodyField,
    content.Word,
)


def _calls_python(node: Node) -> bool:
    return any(isinstance(leaf, _PYTHON) for leaf in node.leaves())


# Texts come to Python as bytes: as text they would have to be valid UTF-8, or the statement fails.


def _of_text(holds: Callable[[str | None], bool]) -> Callable[[bytes | None], bool]:
    return lambda text: text is not None and holds(text.decode("utf-8", "replace"))


def _of_text_and_body(holds: Callable[[str | None, bytes], bool]) -> Callable[[bytes | None, bytes], bool]:
    return lambda text, body: holds(None if text is None else text.decode("utf-8", "replace"), body)


def _of_tls(leaf: secure.OfTls) -> Callable[[bytes | None], bool]:
    return lambda encoded: encoded is not None and leaf.holds(rows.tls_facts(encoded))


def _of_headers(leaf: content.Header) -> Callable[[bytes], bool]:
    return lambda encoded: leaf.traces.may_be_in(encoded) and leaf.holds(rows.headers(encoded))


def _of_word(leaf: content.Word) -> Callable[[bytes, bytes, bytes], bool]:
    text = leaf.text

    def holds(target: bytes, encoded: bytes, body: bytes) -> bool:
        return (
            text.is_in_body(body)
            or (text.may_be_in(encoded) and text.is_in_headers(rows.headers(encoded)))
            or text.is_in_target(target)
        )

    return holds
