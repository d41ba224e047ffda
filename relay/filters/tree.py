"""The tree of a filter: what it is made of, and how its parts combine.

Owns and, or and not; knows no operator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from relay.models import Capture

SHOWN_BEFORE, SHOWN_AFTER = 60, 30
"""Characters of a filter's text shown on either side of its fault."""


class FilterError(ValueError):
    """A text is not a filter; with the place of the error.

    `str()` gives the message, the text and a caret below the place.
    """

    def __init__(self, message: str, text: str, column: int) -> None:
        super().__init__(message, text, column)
        self.message = message
        self.text = text
        self.column = column
        """0-based; the text's length where something is missing at its end."""

    def __str__(self) -> str:
        start = max(0, self.column - SHOWN_BEFORE)
        end = self.column + SHOWN_AFTER
        left = "..." if start else ""
        right = "..." if end < len(self.text) else ""
        # Each character keeps its place above the caret, line feeds and tabs too.
        shown = "".join(c if c.isprintable() else " " for c in self.text[start:end])
        caret = " " * (len(left) + self.column - start) + "^"
        return f"{self.message}\n  {left}{shown}{right}\n  {caret}"


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it is written in a filter."""

    text: str
    literal: bool = False
    """It stood in quotes, so `*` and `..` are themselves."""
    head: str = ""
    """The text between the key and the quote, as in `header:NAME="..."`."""


class Node(ABC):
    """A part of a filter. `str()` says in plain English what it asks for."""

    __slots__ = ()

    @abstractmethod
    def matches(self, capture: Capture) -> bool:
        """Whether a capture is what this part asks for; never raises."""

    @abstractmethod
    def leaves(self) -> Iterator[Leaf]:
        """The operators in it, from left to right."""


class Leaf(Node):
    """One operator: a key and what it asks for."""

    __slots__ = ()

    code: ClassVar[str]
    """The text before the colon."""
    example: ClassVar[str]
    help: ClassVar[str]
    late: ClassVar[bool] = False
    """It asks for what is not known yet when a capture arrives."""

    @classmethod
    @abstractmethod
    def read(cls, value: Written, now: datetime) -> Self:
        """From the value after the colon.

        Raises:
            ValueError: the value cannot be; the message says what can.
        """

    def leaves(self) -> Iterator[Leaf]:
        yield self

    @property
    def is_late(self) -> bool:
        """As `late`, for this value."""
        return self.late


@dataclass(frozen=True, slots=True)
class AllOf(Node):
    """All parts hold; without parts, everything."""

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
    """At least one part holds."""

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
    """The part does not hold."""

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
    """A question to each capture. `str()` says it in plain English."""

    text: str
    """As it was written."""
    root: Node

    def matches(self, capture: Capture) -> bool:
        """Whether a capture is what this filter asks for; never raises."""
        return self.root.matches(capture)

    def leaves(self) -> Iterator[Leaf]:
        """The operators in it, from left to right."""
        return self.root.leaves()

    def __str__(self) -> str:
        return str(self.root)
