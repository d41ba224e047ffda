"""`--expect`: whether the responses to a replay are as expected. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from relay.lean.schedule import DELIVERED_STATUS
from relay.models import Attempt, Baseline
from relay.text.safe import visible

_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.IGNORECASE)

WORDS = ("2xx", "delivered", "refused", "recorded")
"""Expectations other than a status."""

NAMED = 10
"""Captures whose responses are not as expected, by name."""

Baselines = Callable[[int, str], Baseline | None]
"""From a capture's id and a target to the baseline; None where there is none."""


class Change(StrEnum):
    """A response compared with its baseline."""

    FIXED = "fixed"
    """The baseline was not delivered, and this is."""
    REGRESSED = "regressed"
    STILL_FAILING = "still-failing"
    UNCHANGED = "unchanged"
    """Delivered, as before."""
    NO_BASELINE = "no-baseline"

    @property
    def words(self) -> str:
        return "without a baseline" if self is Change.NO_BASELINE else self.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Result:
    """A response compared with what is expected of it."""

    is_met: bool
    words: str | None = None
    """What to say of it, if anything."""
    change: Change | None = None
    """With `recorded`; None where no response arrived that could be compared."""
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """The response expected of each delivery."""

    word: str
    """`200`, `2xx`, `delivered`, `refused` or `recorded`."""

    @property
    def is_recorded(self) -> bool:
        return self.word == "recorded"

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

    def compared(self, attempt: Attempt, baselines: Baselines) -> Result:
        """An attempt compared with the expectation."""
        status = str(attempt.status)
        if self.is_recorded:
            return _with_baseline(attempt, baselines(attempt.capture_id, attempt.target))
        if self.word == "delivered":
            is_met = attempt.verdict == "delivered"
        elif self.word == "refused":
            is_met = attempt.status is not None and 400 <= attempt.status <= 499
        elif self.word.endswith("xx"):
            is_met = status[0] == self.word[0]
        else:
            is_met = status == self.word
        expected = "a refusal, 400 to 499" if self.word == "refused" else self.word
        return Result(is_met, None if is_met else f"expected {expected}")


def _with_baseline(attempt: Attempt, baseline: Baseline | None) -> Result:
    if baseline is None:
        words = "no baseline: no live response to this webhook is recorded; --pin makes this one it"
        return Result(False, words, Change.NO_BASELINE)
    before = f"{baseline.status} before{', pinned' if baseline.is_pinned else ''}"
    if baseline.target != attempt.target:
        before += f", from {visible(baseline.target)}, as this target has no live response"
    if attempt.status is None and attempt.verdict is None:
        return Result(False, f"no response to compare with {before}", None, baseline)
    is_unjudged_200 = attempt.verdict is None and attempt.status == DELIVERED_STATUS
    if attempt.verdict == "delivered" or is_unjudged_200:
        change = Change.UNCHANGED if baseline.is_delivered else Change.FIXED
    else:
        change = Change.REGRESSED if baseline.is_delivered else Change.STILL_FAILING
    return Result(change is not Change.REGRESSED, f"{change.words}: {before}", change, baseline)


class ExpectationCheck:
    """Compares the responses of one replay with what is expected of them, as they are recorded."""

    def __init__(self, expected: Expectation, baselines: Baselines) -> None:
        self.expected = expected
        self.met = 0
        self.unmet: list[int] = []
        """Captures whose responses differ, one for each response."""
        self.changes: dict[Change, int] = dict.fromkeys(Change, 0) if expected.is_recorded else {}
        """Responses by their change; empty for another expectation."""
        self._baselines = baselines

    def add(self, attempt: Attempt) -> Result:
        """Count one attempt; return how it compares with what is expected."""
        result = self.expected.compared(attempt, self._baselines)
        if result.is_met:
            self.met += 1
        else:
            self.unmet.append(attempt.capture_id)
        if result.change is not None:
            self.changes[result.change] += 1
        return result

    @property
    def changes_in_words(self) -> str:
        """`1 fixed, 2 unchanged`; empty without a baseline to compare with."""
        return ", ".join(f"{count:,} {change.words}" for change, count in self.changes.items() if count)

    @property
    def mismatches(self) -> str:
        """`2 of 9 responses are not as expected (delivered): 4, 7`; empty where all are."""
        if not self.unmet:
            return ""
        ids = list(dict.fromkeys(self.unmet))  # with --times each several times
        named = ", ".join(map(str, ids[:NAMED])) + (", ..." if len(ids) > NAMED else "")
        count, total = len(self.unmet), self.met + len(self.unmet)
        are = "is" if total == 1 else "are"
        responses = "response" if total == 1 else "responses"
        return f"{count:,} of {total:,} {responses} {are} not as expected ({self.expected.word}): {named}"
