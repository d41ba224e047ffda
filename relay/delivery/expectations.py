"""`--expect`: whether the answers of a replay are those that were expected. Pure but for `recorded`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from relay.models import Attempt

_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.IGNORECASE)

Recorded = Callable[[int, str], int | None]
"""A capture's id and a target to the status of its last answer before."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What each answer has to be."""

    word: str
    """`200`, `2xx`, `delivered` or `recorded`."""

    @property
    def meaning(self) -> str:
        """The word, and what it compares with where that does not stay the same."""
        if self.word != "recorded":
            return self.word
        return "recorded: the last answer before this replay, which the next one compares with this one's"

    @classmethod
    def read(cls, text: str) -> Expectation:
        """As people write it.

        Raises:
            ValueError: it is none.
        """
        word = text.strip().lower()
        if word not in ("delivered", "recorded") and not _STATUS.fullmatch(word):
            raise ValueError(f"{text!r} is no expectation: write 200, 2xx, delivered or recorded")
        return cls(word)

    def why_not(self, attempt: Attempt, recorded: Recorded) -> str | None:
        """What was expected of an attempt that differs from it; None where it is as expected."""
        if self.word == "delivered":
            return None if attempt.verdict == "delivered" else "expected delivered"
        if self.word == "recorded":
            before = recorded(attempt.capture_id, attempt.target)
            if before is None:
                return "expected the answer before this replay, and none is recorded"
            return (
                None if attempt.status == before else f"expected {before}, its last answer before this replay"
            )
        status = str(attempt.status)
        met = status[0] == self.word[0] if self.word.endswith("xx") else status == self.word
        return None if met else f"expected {self.word}"
