"""Parses a filter: words, quotes, brackets, `OR`, `not:` and `-`.

Owns the grammar and the position of errors. Also accepts `AND` and `NOT`: in capitals they are not meant as
search words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from relay.filters.content import BodyField, Word
from relay.filters.operators import by_code
from relay.filters.tree import AllOf, AnyOf, Filter, FilterError, Leaf, Node, Not, Written

LONGEST = 10_000
"""Longest filter, in characters."""

MOST_WORDS = 400
DEEPEST = 50
"""Nesting limit of brackets and negations; with MOST_WORDS below SQLite's limit of 1,000 levels."""

_PREFIX = "not:"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`(`, `)`, `not`, `OR`, `AND` or `word`."""
    column: int
    run: str = ""
    """The text before the quote, or the whole word."""
    quoted: str | None = None


def parse(text: str, now: datetime) -> Filter:
    """Parse a filter; an empty one matches everything.

    Args:
        now: aware; `since:2h` counts from it, and times without an offset are in its zone.

    Raises:
        FilterError: the text is not a valid filter.
    """
    if len(text) > LONGEST:
        raise FilterError(f"a filter has at most {LONGEST} characters", text, LONGEST)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FilterError("this is not a valid character", text, error.start) from None
    tokens = _scan(text)
    if not tokens:
        return Filter(text, AllOf(()))
    if sum(token.kind == "word" for token in tokens) > MOST_WORDS:
        raise FilterError(f"a filter has at most {MOST_WORDS} words", text, len(text))
    return Filter(text, _Parser(text, tokens, now).whole())


class _Parser:
    def __init__(self, text: str, tokens: list[_Token], now: datetime) -> None:
        self._text = text
        self._tokens = tokens
        self._now = now
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._any()
        if self._at < len(self._tokens):
            raise self._error("this bracket closes nothing")
        return node

    def _peek(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""

    def _column(self) -> int:
        return self._tokens[self._at].column if self._at < len(self._tokens) else len(self._text)

    def _error(self, message: str) -> FilterError:
        return FilterError(message, self._text, self._column())

    def _any(self) -> Node:
        parts = [self._all()]
        while self._peek() == "OR":
            self._at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._peek() not in ("", "OR", ")"):
            if self._peek() == "AND":
                self._at += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Node:
        kind = self._peek()
        if kind == "word":
            self._at += 1
            return _leaf(self._text, self._tokens[self._at - 1], self._now)
        if kind not in ("not", "("):
            raise self._error(self._missing(kind))
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(f"more than {DEEPEST} nested brackets or negations")
        self._at += 1
        if kind == "not":
            node: Node = Not(self._one())
        else:
            opened = self._at - 1
            node = self._any()
            if self._peek() != ")":
                raise FilterError("this bracket is not closed", self._text, self._tokens[opened].column)
            self._at += 1
        self._depth -= 1
        return node

    def _missing(self, kind: str) -> str:
        before = self._tokens[self._at - 1].kind if self._at else ""
        if before == "(":
            return "there is nothing between the brackets"
        if before == "not":
            return "a word to negate is missing"
        if before:
            return f"a word is missing after {before}"
        return "this bracket closes nothing" if kind == ")" else f"a word is missing before {kind}"


def _leaf(text: str, token: _Token, now: datetime) -> Leaf:
    if not token.run:
        assert token.quoted is not None
        if not token.quoted:
            raise FilterError("there is nothing between the quotes", text, token.column)
        return Word.read(Written(token.quoted, literal=True), now)
    key, colon, rest = token.run.partition(":")
    if not colon or not _looks_like_a_key(key, rest):
        return Word.read(Written(token.run), now)
    column = token.column + len(key) + 1
    try:
        operator = by_code(key.lower())
    except KeyError as error:
        near = get_close_matches(key.lower(), error.args[0], n=1)
        hint = f'did you mean "{near[0]}:"? I' if near else "i"
        raise FilterError(
            f'there is no key "{key}:"; {hint}n quotes it is searched for as text', text, token.column
        ) from None
    if not (rest if token.quoted is None else token.quoted):
        raise FilterError(f'a value is missing after "{key}:"', text, column)
    value = Written(rest) if token.quoted is None else Written(token.quoted, literal=True, head=rest)
    try:
        if operator is BodyField:
            return BodyField.read_at(key, value)
        return operator.read(value, now)
    except FilterError:
        raise
    except ValueError as error:
        raise FilterError(str(error), text, column) from None


def _looks_like_a_key(key: str, rest: str) -> bool:
    """True for `localhost:80`, which is an unknown key; False for `10:30` and `http://x`."""
    first = key.partition(".")[0]
    return first.isascii() and first.isalpha() and not rest.startswith("//")


def _scan(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif character in "()":
            tokens.append(_Token(character, at))
            at += 1
        elif character == "-" or text[at : at + len(_PREFIX)].lower() == _PREFIX:
            tokens.append(_Token("not", at))
            at += 1 if character == "-" else len(_PREFIX)
            if at == len(text) or text[at].isspace() or text[at] == ")":
                raise FilterError("a word to negate is missing", text, at)
        else:
            token, at = _word(text, at)
            tokens.append(token)
    return tokens


def _word(text: str, start: int) -> tuple[_Token, int]:
    at = start
    while at < len(text) and not text[at].isspace() and text[at] not in '()"':
        at += 1
    run = text[start:at]
    if at == len(text) or text[at] != '"':
        kind = {"OR": "OR", "AND": "AND", "NOT": "not"}.get(run, "word")
        return _Token(kind, start, run), at
    if run and not run.endswith((":", "=")):
        raise FilterError(r"quotes must enclose a whole word or value; in quotes, \" is a quote", text, at)
    quoted, at = _quoted(text, at)
    if at < len(text) and not text[at].isspace() and text[at] not in "()":
        raise FilterError(r"a space is missing after the quote; in quotes, \" is a quote", text, at)
    return _Token("word", start, run, quoted), at


def _quoted(text: str, start: int) -> tuple[str, int]:
    letters: list[str] = []
    at = start + 1
    while at < len(text):
        if text[at] == '"':
            return "".join(letters), at + 1
        if text[at] == "\\" and text[at + 1 : at + 2] in ('"', "\\"):
            at += 1
        letters.append(text[at])
        at += 1
    raise FilterError("this quote is not closed", text, start)
