"""Completion of a filter: its keys, and the values that each can have. Pure.

Owns which word of the text is completed, and how a choice is put into it. Values of the database come in
as an argument; one that could not be shown as it is, is not offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relay.filters.operators import OPERATORS
from relay.filters.tree import Leaf
from relay.text.safe import visible

FilterValues = Mapping[str, Mapping[str, str]]
"""Key of the filter -> values in the database, the most frequent first -> how many captures have it, in
words; empty where that is not known."""

LONGEST_VALUE = 120
"""Characters; longer values are not offered."""

MOST = 60

_MEANT = frozenset('()"*')
"""Characters with a meaning outside quotes, as blanks have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A completion that is offered."""

    text: str
    """Replaces the word that is being written."""
    help: str
    """Its meaning; may be empty."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A word that is being written, and the choices for it."""

    start: int
    """Its start in the text, after `-` or `not:`."""
    end: int
    choices: tuple[Choice, ...]

    def applied(self, text: str, choice: Choice) -> tuple[str, int]:
        """The text with a choice in it, and the place of the cursor after that."""
        # After a value comes a space, after a key its value.
        ended = choice.text if choice.text.endswith((":", ".", "=")) else choice.text + " "
        rest = text[self.end :]
        if rest.startswith(" "):
            ended = ended.rstrip(" ")
        done = text[: self.start] + ended + rest
        return done, self.start + len(ended)


def complete(text: str, cursor: int, seen: FilterValues) -> Completion:
    """Complete the word before the cursor; without choices where nothing fits."""
    start = _word_start(text, cursor)
    if start is None:
        return Completion(cursor, cursor, ())
    start = _behind_negation(text, start, cursor)
    word = text[start:cursor]
    key, colon, value = word.partition(":")
    if not word and text.strip():
        choices = []  # Between words, a list of all keys would hide the captures found.
    elif not colon:
        choices = list(_keys(word.lower()))
    else:
        choices = list(_values(key, value.removeprefix('"'), seen))
    if [choice.text for choice in choices] == [word]:
        choices = []  # The word is complete.
    return Completion(start, cursor, tuple(choices[:MOST]))


def _word_start(text: str, cursor: int) -> int | None:
    """Start of the word before the cursor; None inside a quoted text that is not a value."""
    start, quoted = 0, False
    at = 0
    while at < cursor:
        character = text[at]
        if quoted:
            if character == "\\":
                at += 1
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
            if at == start:
                start = cursor + 1  # A quoted text has no completions.
        elif character.isspace() or character in "()":
            start = at + 1
        at += 1
    return start if start <= cursor else None


def _behind_negation(text: str, start: int, cursor: int) -> int:
    while True:
        if text[start:cursor].startswith("-"):
            start += 1
        elif text[start:cursor].lower().startswith("not:"):
            start += 4
        else:
            return start


def _keys(begun: str) -> Iterator[Choice]:
    for operator in OPERATORS:
        if operator.code and _written(operator).startswith(begun):
            yield Choice(_written(operator), operator.help)


def _written(operator: type[Leaf]) -> str:
    """`type:`; `body.` for the key that needs a path."""
    example = operator.example
    return example[: example.index(".") + 1] if example.startswith("body.") else f"{operator.code}:"


def _values(key: str, begun: str, seen: FilterValues) -> Iterator[Choice]:
    code = key.lower()
    operator = next((each for each in OPERATORS if each.code == code), None)
    if operator is None or code.startswith("body."):
        return
    words: Sequence[str] = getattr(operator, "words", ())
    folded = begun.casefold()
    known = seen.get(code, {})
    for word in words:
        if word.startswith(folded):
            yield Choice(f"{key}:{word}", known.get(word, ""))
    found = [value for value in known if value not in words and _is_fit(value)]
    first = [value for value in found if value.casefold().startswith(folded)]
    # A part from the middle of a value matches too: `upd` in `payment.updated`.
    within = [value for value in found if value not in first and folded and folded in value.casefold()]
    for value in (*first, *within):
        yield Choice(f"{key}:{quoted(value)}", known[value])


def _is_fit(value: str) -> bool:
    return 0 < len(value) <= LONGEST_VALUE and visible(value) == value


def quoted(value: str) -> str:
    """Quote a value for a filter, where it needs that."""
    if _MEANT.isdisjoint(value) and ".." not in value and not any(map(str.isspace, value)):
        return value
    inside = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


def with_parents(types: Mapping[str, int]) -> dict[str, int]:
    """Event types with their parents, `payment` before `payment.updated`, and the captures of all below them.

    Args:
        types: captures of exactly this type.
    """
    found: dict[str, int] = {}
    for type_ in types:
        head, dot, _ = type_.rpartition(".")
        for name in (head.partition(".")[0], type_) if dot else (type_,):
            if name not in found:
                below = f"{name}.".casefold()
                found[name] = sum(
                    count for each, count in types.items() if f"{each}.".casefold().startswith(below)
                )
    return found
