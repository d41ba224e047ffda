"""The two bases of most operators: a column's text that matches a pattern, and one of a few words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import ClassVar, Self

from relay.filters.tree import Leaf, Written
from relay.filters.values import Pattern


@dataclass(frozen=True, slots=True)
class Patterned(Leaf):
    """A column's text matches a pattern; absent text matches nothing."""

    pattern: Pattern
    what: ClassVar[str]

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(Pattern.of(value))

    def holds(self, text: str | None) -> bool:
        """Whether the column's text matches."""
        return text is not None and self.pattern.matches(text)

    def __str__(self) -> str:
        return f"{self.what} is {self.pattern}"


@dataclass(frozen=True, slots=True)
class Chosen(Leaf):
    """One of a few words."""

    word: str
    what: ClassVar[str]
    words: ClassVar[tuple[str, ...]]

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        word = value.text.lower()
        if word not in cls.words:
            near = get_close_matches(word, cls.words, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"it has {', '.join(cls.words)}"
            raise ValueError(f'{cls.code}: has no "{value.text}"; {hint}')
        return cls(word)

    def __str__(self) -> str:
        return f"{self.what} is {self.word}"
