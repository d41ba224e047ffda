"""`--expect`: whether the responses to a replay are as expected. Pure, except for `recorded`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from relay.models import Attempt

_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.IGNORECASE)

WORDS = ("2xx", "delivered", "refused", "recorded")
"""What can be expected beside a status."""

NAMED = 10
"""Captures whose responses are not as expected, by name."""

Recorded = Callable[[int, str], int | None]
"""From a capture's id and a target to the status of the last response before the replay."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The response expected of each delivery."""

    word: str
    """`200`, `2xx`, `delivered`, `refused` or `recorded`."""

    @property
    def meaning(self) -> str:
        """The word, explained where it depends on earlier responses."""
        if self.word != "recorded":
            return self.word
        return "recorded: the last response before this replay; the next replay compares with this one's"

    @classmethod
    def read(cls, text: str) -> Expectation:
        """Read an expectation as people write it.

        Raises:
            ValueError: it is not valid.
        """
        word = text.strip().lower()
        if word not in ("delivered", "refused", "recorded") and not _STATUS.fullmatch(word):
            raise ValueError(
                f"{text!r} is not a valid expectation; use 200, 2xx, delivered, refused or recorded"
            )
        return cls(word)

    def mismatch(self, attempt: Attempt, recorded: Recorded) -> str | None:
        """The expectation that an attempt does not meet, in words; None where it is met."""
        if self.word == "delivered":
            return None if attempt.verdict == "delivered" else "expected delivered"
        if self.word == "recorded":
            before = recorded(attempt.capture_id, attempt.target)
            if before is None:
                return "expected the response before this replay, but none is recorded"
            return None if attempt.status == before else f"expected {before}, as before this replay"
        if self.word == "refused":
            is_refused = attempt.status is not None and 400 <= attempt.status <= 499
            return None if is_refused else "expected a refusal, 400 to 499"
        status = str(attempt.status)
        met = status[0] == self.word[0] if self.word.endswith("xx") else status == self.word
        return None if met else f"expected {self.word}"


class ExpectationCheck:
    """Compares the responses of one replay with what is expected of them, as they are recorded."""

    def __init__(self, expected: Expectation, recorded: Recorded) -> None:
        self.expected = expected
        self.met = 0
        self.unmet: list[int] = []
        """Captures whose responses differ, one for each response."""
        self._recorded = recorded

    def add(self, attempt: Attempt) -> str | None:
        """Count one attempt; return how it differs from what is expected, None where it does not."""
        mismatch = self.expected.mismatch(attempt, self._recorded)
        if mismatch is None:
            self.met += 1
        else:
            self.unmet.append(attempt.capture_id)
        return mismatch

    @property
    def mismatches(self) -> str:
        """`2 of 9 responses are not as expected (delivered): 4, 7`; empty where all are."""
        if not self.unmet:
            return ""
        named = ", ".join(map(str, self.unmet[:NAMED])) + (", ..." if len(self.unmet) > NAMED else "")
        count, total = len(self.unmet), self.met + len(self.unmet)
        are = "is" if total == 1 else "are"
        responses = "response" if total == 1 else "responses"
        return f"{count:,} of {total:,} {responses} {are} not as expected ({self.expected.meaning}): {named}"
