"""JSON text as tokens: strings, other words, brackets, commas and colons, each as written.

Pure. Any text has tokens, so a text that is being typed has them too. Nothing is parsed into values.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from relay.text.json_values import decoder

Step = tuple[str, int] | int
"""An index, or a key as written and its occurrence among equal keys of its object."""
Path = tuple[Step, ...]

PUNCTUATION = frozenset("{}[],:")

# A string ends on its line at the latest: JSON allows no line feed in one.
_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\[^\n])*+"|[{}\[\],:]|[^ \t\r\n{}\[\],:"]+|(?P<open>"(?:[^"\\\n]|\\[^\n])*+\\?)'
)

_ERRORS = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name in quotes is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting ',' delimiter": "a comma or a bracket is missing",
    "Extra data": "text after the end",
    "Unterminated string starting at": "a string has no end",
    "Invalid control character at": "a string does not end on its line",
    "Invalid \\escape": "a backslash without an escape",
    "Invalid \\uXXXX escape": "an invalid \\u escape",
}
"""The parser's words -> plain ones."""
_MISSING_WORDS = ("a value is missing", "a name in quotes is missing")


@dataclass(frozen=True, slots=True)
class JsonError:
    """Why a text is not JSON."""

    line: int
    """From 0."""
    words: str


class JsonText:
    """A text with its tokens."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        self.starts: list[int] = []
        self.is_open = False
        """Whether a string has no end on its line."""
        for found in _TOKEN.finditer(text):
            self.tokens.append(found[0])
            self.starts.append(found.start())
            self.is_open |= found.lastgroup is not None

    def __len__(self) -> int:
        return len(self.tokens)

    def end(self, at: int) -> int:
        """Offset after a token."""
        return self.starts[at] + len(self.tokens[at])

    def gap(self, at: int) -> str:
        """The white space before a token; after the last one for `len(self)`."""
        start = self.end(at - 1) if at else 0
        return self.text[start : self.starts[at] if at < len(self) else len(self.text)]

    def is_key(self, at: int) -> bool:
        """Whether a token is the key of a value."""
        return at + 1 < len(self) and self.tokens[at + 1] == ":"

    @cached_property
    def places(self) -> dict[Path, tuple[int, int]]:
        """Path -> first and last token of each value, containers before their values; for valid JSON."""
        return dict(_places(self.tokens))

    def error(self) -> JsonError | None:
        """Why it is not JSON; None where it is, or is nested too deeply to check."""
        try:
            decoder(str)(self.text)
        except json.JSONDecodeError as error:
            return self._error(error)
        except RecursionError:
            return None
        except ValueError as error:  # NaN and Infinity, which are tokens of their own
            word = str(error).split(" ", 1)[0]
            at = self.tokens.index(word) if word in self.tokens else 0
            return JsonError(self.text.count("\n", 0, self.starts[at]), str(error))
        return None

    def _error(self, error: json.JSONDecodeError) -> JsonError:
        if not self.tokens:
            return JsonError(0, "it is empty")
        words, at = _ERRORS.get(error.msg, "a comma too many"), error.pos
        before = self.text[:at].rstrip(" \t\r\n")[-1:]
        if words.endswith("missing") and before == "," and self.text[at : at + 1] in (",", "}", "]"):
            words = "a comma too many"
        elif self.text[at : at + 1] == ":" and words == _ERRORS["Expecting ',' delimiter"]:
            # The next key was read as the value.
            words, at = _ERRORS["Expecting value"], self.starts[max(bisect_left(self.starts, at) - 1, 0)]
        is_wrong_word = words in _MISSING_WORDS and self.text[at : at + 1] not in ("", *PUNCTUATION, '"')
        if words.endswith(("missing", "too many")) and not is_wrong_word:
            # The parser names the next token, which may be on a later line.
            at = len(self.text[:at].rstrip(" \t\r\n"))
        return JsonError(self.text.count("\n", 0, at), words)


def _places(tokens: list[str]) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Each value's path, in order, with its first and last token."""
    ends = _ends(tokens)
    path: list[Step] = []
    opened: list[dict[str, int] | None] = []  # Counts of an object's keys; None for an array.
    is_value_next = True
    for at, mark in enumerate(tokens):
        if mark in "}]":
            opened.pop()
            del path[len(opened) :]
            is_value_next = False
        elif mark == ",":
            if opened[-1] is None:
                index = path[-1]
                assert isinstance(index, int)
                path[-1] = index + 1
                is_value_next = True
        elif mark == ":":
            is_value_next = True
        elif not is_value_next and opened and (counts := opened[-1]) is not None:
            counts[mark] = counts.get(mark, -1) + 1
            path[len(opened) - 1 :] = [(mark, counts[mark])]
        else:
            yield tuple(path), (at, ends.get(at, at))
            is_value_next = False
            if mark == "{":
                opened.append({})
            elif mark == "[":
                opened.append(None)
                path.append(0)
                is_value_next = True


def _ends(tokens: list[str]) -> dict[int, int]:
    """Opening bracket -> closing one."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for at, mark in enumerate(tokens):
        if mark in "{[":
            stack.append(at)
        elif mark in "}]":
            found[stack.pop()] = at
    return found
