"""The nodes of a filter's tree: and, or, not, and the base class of operators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from relay.models import Capture

SHOWN_BEFORE, SHOWN_AFTER = 60, 30
"""Characters of a filter's text shown on either side of an error."""


class FilterError(ValueError):
    """The text is not a valid filter.

    `str()` returns the message, the text and a caret below the error.
    """

    def __init__(self, message: str, text: str, column: int) -> None:
        super().__init__(message, text, column)
        self.message = message
        self.text = text
        self.column = column
        """0-based position of the error; the text's length if something is missing at its end."""

    def __str__(self) -> str:
        start = max(0, self.column - SHOWN_BEFORE)
        end = self.column + SHOWN_AFTER
        left = "..." if start else ""
        right = "..." if end < len(self.text) else ""
        # Every character, also a line feed or tab, stays in its column above the caret.
        shown = "".join(c if c.isprintable() else " " for c in self.text[start:end])
        caret = " " * (len(left) + self.column - start) + "^"
        return f"{self.message}\n  {left}{shown}{right}\n  {caret}"


@dataclass(frozen=True, slots=True)
class Written:
    """A value as written in a filter."""

    text: str
    literal: bool = False
    """Whether it was quoted: then `*` and `..` have no meaning."""
    head: str = ""
    """The text between the key and the quote, as in `header:NAME="..."`."""


class Node(ABC):
    """A part of a filter. `str()` describes it in plain English."""

    __slots__ = ()

    @abstractmethod
    def matches(self, capture: Capture) -> bool:
        """Whether a capture matches this part; never raises."""

    @abstractmethod
    def leaves(self) -> Iterator[Leaf]:
        """The operators in it, from left to right."""


class Leaf(Node):
    """One operator: a key with its value."""

    __slots__ = ()

    code: ClassVar[str]
    """The text before the colon."""
    example: ClassVar[str]
    help: ClassVar[str]
    late: ClassVar[bool] = False
    """Whether it needs facts that are not known when a capture arrives."""

    @classmethod
    @abstractmethod
    def read(cls, value: Written, now: datetime) -> Self:
        """Read the value after the colon.

        Raises:
            ValueError: not a valid value; the message shows valid ones.
        """

    def leaves(self) -> Iterator[Leaf]:
        yield self

    @property
    def is_late(self) -> bool:
        """As `late`, for this value."""
        return self.late


@dataclass(frozen=True, slots=True)
class AllOf(Node):
    """All parts must match; without parts, everything matches."""

    parts: tuple[Node, ...]

    def matches(self, capture: Capture) -> bool:
        return all(part.matches(capture) for part in self.parts)

    def leaves(self) -> Iterator[Leaf]:
        for part in self.parts:
            yield from part.leaves()

    def __str__(self) -> str:
        return " and ".join(_bracketed(part) for part in self.parts) or "everything"


@dataclass(frozen=True, slots=True)
class AnyOf(Node):
    """At least one part must match."""

    parts: tuple[Node, ...]

    def matches(self, capture: Capture) -> bool:
        return any(part.matches(capture) for part in self.parts)

    def leaves(self) -> Iterator[Leaf]:
        for part in self.parts:
            yield from part.leaves()

    def __str__(self) -> str:
        return " or ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not(Node):
    """The part must not match."""

    part: Node

    def matches(self, capture: Capture) -> bool:
        return not self.part.matches(capture)

    def leaves(self) -> Iterator[Leaf]:
        yield from self.part.leaves()

    def __str__(self) -> str:
        return f"not ({self.part})"


def _bracketed(part: Node) -> str:
    return f"({part})" if isinstance(part, AllOf | AnyOf) else str(part)


@dataclass(frozen=True, slots=True)
class Filter:
    """A whole filter. `str()` describes it in plain English."""

    text: str
    """As written."""
    root: Node

    def matches(self, capture: Capture) -> bool:
        """Whether a capture matches this filter; never raises."""
        return self.root.matches(capture)

    def leaves(self) -> Iterator[Leaf]:
        """The operators in it, from left to right."""
        return self.root.leaves()

    def __str__(self) -> str:
        return str(self.root)
