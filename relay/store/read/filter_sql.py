"""Translates a filter to SQL over `captures`.

Columns are compared in SQL; target, headers and body are passed to the filter's own operators, which SQL
calls as functions, so that and, or and not combine in one place. If possible, SQL first checks the bytes
(`relay.text.prefilter`), which never rejects a row that the function would accept. Text of a filter reaches
SQL only as a parameter, and column names only from this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from relay.filters import bases, columns, content, deliveries, ids, tls
from relay.filters.tree import AllOf, AnyOf, Filter, Leaf, Node, Not
from relay.filters.values import Pattern, Span
from relay.lean.catalogue import documented_types
from relay.models import Origin, to_micros
from relay.store import rows
from relay.store.read.reader import Reader
from relay.text.prefilter import beginnings, in_json, in_text

Sql = str
"""An expression over a row of `captures` that is 0 or 1, never NULL, as SQL's three-valued logic
would otherwise make `not` of an absent value neither true nor false."""


MOST_EVENTS, MOST_WAYS = 8, 50
"""Limits for lookups in the index of event ids: ids per filter, and spellings of each one's start."""


class Condition:
    """SQL of one filter, with the functions that it calls; a context manager that removes them again."""

    def __init__(self, reader: Reader, filter: Filter) -> None:
        self._reader = reader
        self._functions: list[tuple[str, int]] = []
        self.parameters: dict[str, Any] = {}
        self.sql = self._sql(filter.root)
        self._in_events = self._through_events(filter.root)

    def __enter__(self) -> Condition:
        return self

    def __exit__(self, *exception: object) -> None:
        for name, arguments in self._functions:
            self._reader.remove_function(name, arguments)

    def events_upto(self) -> int:
        """Id up to which the index of events finds every match; 0 if the filter names no event."""
        if self._in_events is None:
            return 0
        found = self._reader.rows("SELECT value FROM marks WHERE name = 'events_upto'")
        return int(found[0][0]) if found else 0

    def between(self, low: int, high: int, *, newest_first: bool, through_events: bool = False) -> list[int]:
        """Matching ids of one window, both ends included.

        Args:
            through_events: only search captures found by the index of events, see `events_upto`.
        """
        if not through_events:
            return self._reader.ids_in_window(self.sql, self.parameters, low, high, newest_first=newest_first)
        of_events = f"SELECT capture_id FROM ({self._in_events}) WHERE capture_id BETWEEN :low AND :high"
        found = self._reader.rows(
            f"SELECT id FROM captures WHERE id IN ({of_events}) AND {self.sql}"
            f" ORDER BY id {'DESC' if newest_first else 'ASC'}",
            {**self.parameters, "low": low, "high": high},
        )
        return [number for (number,) in found]

    def _through_events(self, node: Node) -> Sql | None:
        """A statement that selects the captures of the events in a node, and maybe others; or None."""
        match node:
            case AllOf(parts):
                return next((each for each in map(self._through_events, parts) if each is not None), None)
            case AnyOf(parts):
                each = [self._through_events(part) for part in parts]
                found = [statement for statement in each if statement is not None]
                return " UNION ALL ".join(found) if len(found) == len(parts) <= MOST_EVENTS else None
            case columns.EventId(pattern) if (
                pattern.is_exact and pattern.pieces[0] and pattern.pieces[0].isascii()
            ):
                return self._event(pattern.pieces[0])
        return None

    def _event(self, event_id: str) -> Sql | None:
        """The same for one event_id, casefolded and ASCII; None if it has too many spellings."""
        ways = beginnings(event_id)
        if len(ways) > MOST_WAYS:
            return None
        same = f"(event_id = {self._bind(event_id)} COLLATE NOCASE OR NOT {_is_ascii('event_id')})"
        return " UNION ALL ".join(
            f"SELECT capture_id FROM events WHERE event_id >= {self._bind(way)}"
            f" AND event_id < {self._bind(way[:-1] + chr(ord(way[-1]) + 1))} AND {same}"
            for way in ways
        )

    def _bind(self, value: Any) -> Sql:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def _call(self, function: Callable[..., bool], *arguments: Sql) -> Sql:
        name = self._reader.add_function(len(arguments), function)
        self._functions.append((name, len(arguments)))
        return f"{name}({', '.join(arguments)})"

    def _sql(self, node: Node) -> Sql:
        match node:
            case AllOf(parts):
                # Calls of Python come last: SQL evaluates from left to right and stops at a 0.
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
            case columns.Type(pattern):
                return self._type(leaf, self._text("event_type", leaf, pattern, below="."))
            case columns.EventId(pattern):
                return self._text("event_id", leaf, pattern)
            case columns.Customer(pattern):
                return self._text("customer_id", leaf, pattern)
            case columns.Method(pattern):
                return self._text("method", leaf, pattern)
            case columns.Path(pattern):
                return self._patterned("target", leaf, pattern)
            case columns.Client(pattern):
                return self._patterned("client", leaf, pattern)
            case columns.Signed(word):
                return f"signature = {self._bind(word)}"
            case columns.SignedBy(pattern):
                return self._text("signed_by", leaf, pattern)
            case columns.Token(word):
                return f"app_token IS {self._bind(word)}"
            case columns.Sender(word):
                return f"sender IS {self._bind(word)}"
            case columns.OfOrigin(word):
                return _origin(Origin(word))
            case columns.Shaped(word):
                return f"shape IS {self._bind(word)}"
            case ids.Numbered(ranges):
                low, high = self._bind(ranges[0][0]), self._bind(ranges[-1][1])
                within = f"captures.id BETWEEN {low} AND {high}"
                return within if len(ranges) == 1 else f"{within} AND {self._call(leaf.holds, 'captures.id')}"
            case ids.Positioned(ranges):
                low, high = self._bind(ranges[0][0]), self._bind(ranges[-1][1])
                # Not from the captures, where the column comes after the body.
                which = f"SELECT id FROM captures WHERE position BETWEEN {low} AND {high}"
                if len(ranges) > 1:
                    which += f" AND {self._call(leaf.holds, 'position')}"
                return f"captures.id IN ({which})"
            case columns.Size(span):
                return self._span("length(body)", span)
            case columns.Answered(span):
                return self._span("answer", span)
            case columns.Since(at):
                return f"received_at >= {self._bind(to_micros(at))}"
            case columns.Until(at):
                return f"received_at <= {self._bind(to_micros(at))}"
            case deliveries.Judged(word):
                return _last_attempt(f"attempts.verdict = {self._bind(word)}")
            case deliveries.Status(span):
                return _last_attempt(self._span("attempts.status", span))
            case deliveries.State(word):
                return _delivery(f"state = {self._bind(word)}")
            case columns.Is("undocumented"):
                known = ", ".join(map(self._bind, sorted(documented_types())))
                return f"event_type IS NOT NULL AND event_type NOT IN ({known})"
            case columns.Is(word):
                return IS[word]
            case tls.OfTls():
                return self._call(_of_tls(leaf), "CAST(tls AS BLOB)")
        return self._content(leaf)

    def _content(self, leaf: Leaf) -> Sql:
        """A search in target, headers and body: in the bytes first, then with the operator."""
        match leaf:
            case content.LeanId(pattern):
                maybe = self._maybe("event_id", pattern.pieces)
                maybe += f" OR {self._if_plain(self._like(BODY, in_json(pattern.pieces)))}"
                call = self._call(_of_text_and_body(leaf.holds), "CAST(event_id AS BLOB)", "body")
            case content.Header(name, value):
                pieces = (*name.pieces, *(value.pieces if value is not None else ()))
                maybe = self._if_plain(self._like("headers", in_json(pieces)))
                call = self._call(_of_headers(leaf), "CAST(headers AS BLOB)")
            case content.Body(text):
                maybe = self._if_plain(self._like(BODY, in_json(text.pieces)))
                call = self._call(text.is_in_body, "body")
            case content.BodyField():
                maybe = self._if_plain(self._like(BODY, in_json(leaf.required_texts)))
                call = self._call(leaf.holds, "body")
            case content.Word(text):
                raw, escaped = in_text(text.pieces), in_json(text.pieces)
                maybe = self._if_plain(
                    self._like("target", raw), self._like("headers", escaped), self._like(BODY, escaped)
                )
                call = self._call(_of_word(leaf), "CAST(target AS BLOB)", "CAST(headers AS BLOB)", "body")
            case _:
                raise AssertionError(leaf)
        return f"({maybe}) AND {call}"

    def _type(self, leaf: columns.Type, otherwise: Sql) -> Sql:
        """Decide on the documented types here instead of for each row: 0.5 s for a million, not 0.8."""
        words: dict[bool, list[str]] = {True: [], False: []}
        for each in sorted(documented_types()):
            words[leaf.holds(each)].append(f"'{each}'")
        known = (
            f"WHEN event_type IN ({', '.join(words[met])}) THEN {met:d}"
            for met in (False, True)
            if words[met]
        )
        return f"CASE {' '.join(known)} ELSE ({otherwise}) END"

    def _text(self, column: Sql, leaf: bases.Patterned, pattern: Pattern, below: str | None = None) -> Sql:
        """A pattern over a text column: in SQL if all is ASCII, for which both fold case alike."""
        if pattern.is_anything:
            return f"{column} IS NOT NULL"
        piece = pattern.pieces[0]
        if not pattern.is_exact or not piece.isascii() or "\0" in piece:
            return self._patterned(column, leaf, pattern)
        otherwise = self._call(_of_text(leaf.holds), f"CAST({column} AS BLOB)")
        in_sql = f"{column} = {self._bind(piece)} COLLATE NOCASE"
        if below is not None:
            start = self._bind(piece + below)
            in_sql += f" OR substr({column}, 1, {self._bind(len(piece) + 1)}) = {start} COLLATE NOCASE"
        return (
            f"CASE WHEN {column} IS NULL THEN 0 WHEN {_is_ascii(column)} THEN {in_sql} ELSE {otherwise} END"
        )

    def _patterned(self, column: Sql, leaf: bases.Patterned, pattern: Pattern) -> Sql:
        """A pattern over a text column, by its own operator."""
        call = self._call(_of_text(leaf.holds), f"CAST({column} AS BLOB)")
        return f"({self._maybe(column, pattern.pieces)}) AND {call}"

    def _maybe(self, column: Sql, pieces: Iterable[str]) -> Sql:
        """Whether a text column may contain all of these, casefolded."""
        like = self._like(column, in_text(pieces))
        return f"CASE WHEN {column} IS NULL THEN 0 WHEN {_is_ascii(column)} THEN {like} ELSE 1 END"

    def _if_plain(self, *likes: Sql) -> Sql:
        """Whether the bytes match one of these; true if the bytes cannot decide."""
        if "1" in likes:
            return "1"
        return f"CASE WHEN plain THEN {' OR '.join(likes)} ELSE 1 END"

    def _like(self, text: Sql, pieces: Iterable[str]) -> Sql:
        """Whether a text has these pieces in order; `%` and `_` in them match more, never less."""
        pattern = "%".join(pieces)
        return f"{text} LIKE {self._bind(f'%{pattern}%')}" if pattern else "1"

    def _span(self, expression: Sql, span: Span) -> Sql:
        low, high = span.whole()
        bounds = []
        if low is not None:
            bounds.append(f"{expression} >= {self._bind(low)}")
        if high is not None:
            bounds.append(f"{expression} <= {self._bind(high)}")
        return " AND ".join(bounds)


BODY = "CAST(body AS TEXT)"
"""For LIKE, which does not accept a BLOB in some builds of SQLite; costs nothing."""


def _is_ascii(column: Sql) -> Sql:
    """Whether a text has as many characters as bytes: then it is ASCII.

    It has no NUL either, at which length() stops. Invalid UTF-8 passes, and has no letters.
    """
    return f"length({column}) = length(CAST({column} AS BLOB))"


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


def _origin(origin: Origin) -> Sql:
    if origin is Origin.RECEIVED:  # unknown words are read as this one, too
        others = ", ".join(f"'{each}'" for each in Origin if each is not origin)
        return f"origin NOT IN ({others})"
    return f"origin = '{origin}'"


IS: dict[str, Sql] = {
    "repeat": "repeat_of IS NOT NULL",
    "starred": "EXISTS (SELECT 1 FROM notes WHERE notes.capture_id = captures.id AND notes.starred)",
    "forwarded": _tried("live"),
    "replayed": _tried("replay"),
    "tls": "tls IS NOT NULL",
    **{word: _origin(origin) for word, origin in columns.ORIGINS.items()},
}

_PYTHON = (
    ids.OfNumber,
    columns.Path,
    columns.Client,
    tls.OfTls,
    content.LeanId,
    content.Header,
    content.Body,
    content.BodyField,
    content.Word,
)


def _calls_python(node: Node) -> bool:
    return any(isinstance(leaf, _PYTHON) for leaf in node.leaves())


# Pass texts to Python as bytes: as text they would have to be valid UTF-8, or the statement fails.


def _of_text(holds: Callable[[str | None], bool]) -> Callable[[bytes | None], bool]:
    return lambda text: text is not None and holds(text.decode("utf-8", "replace"))


def _of_text_and_body(holds: Callable[[str | None, bytes], bool]) -> Callable[[bytes | None, bytes], bool]:
    return lambda text, body: holds(None if text is None else text.decode("utf-8", "replace"), body)


def _of_tls(leaf: tls.OfTls) -> Callable[[bytes | None], bool]:
    return lambda encoded: encoded is not None and leaf.holds(rows.tls_facts(encoded))


def _of_headers(leaf: content.Header) -> Callable[[bytes], bool]:
    return lambda encoded: leaf.prefilter.may_be_in(encoded) and leaf.holds(rows.headers(encoded))


def _of_word(leaf: content.Word) -> Callable[[bytes, bytes, bytes], bool]:
    text = leaf.text

    def holds(target: bytes, encoded: bytes, body: bytes) -> bool:
        return (
            text.is_in_body(body)
            or (text.may_be_in(encoded) and text.is_in_headers(rows.headers(encoded)))
            or text.is_in_target(target)
        )

    return holds
