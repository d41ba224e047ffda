"""The options of a rehearsal as people write them: one reader for the command and for the screen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.rehearsal.report import ALL, CheckName
from relay.text.targets import target_name

MOST_ROUNDS = 1_000
EVERY = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The options of one rehearsal."""

    checks: tuple[CheckName, ...]
    to: str | None = None
    """The target as it was written; None for the one that is configured."""
    probe: str | None = None
    """Command or URL that shows the backend's state."""
    reset: str | None = None
    restart: str | None = None
    seed: int | None = None
    """None for a new one."""
    time_scale: float = 0.01
    rounds: int = 60
    """Most rounds of bisect."""

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: an option is not valid, or has no effect; the message begins with its flag.
        """
        if self.to is not None:
            try:
                target_name(self.to)
            except ValueError as error:
                raise ValueError(f"--to: {error}") from error
        if not 0 < self.time_scale <= 1_000:
            raise ValueError(f"--time-scale: {self.time_scale:g} is not a valid factor; use a number above 0")
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise ValueError(f"--rounds: {self.rounds} is not a valid number; use 1 to {MOST_ROUNDS:,}")
        for flag, value, needed in (
            ("--restart", self.restart, CheckName.OUTAGE),
            ("--rounds", None if self.rounds == 60 else self.rounds, CheckName.BISECT),
        ):
            if value is not None and needed not in self.checks:
                raise ValueError(f"{flag} has no effect without the check {needed}")


def split(words: Sequence[str]) -> tuple[tuple[CheckName, ...], tuple[str, ...]]:
    """Checks, each once and in their order, and the SELECTION after them.

    Raises:
        ValueError: no check is named.
    """
    names: list[CheckName] = []
    for at, word in enumerate(words):
        if word == EVERY:
            names += ALL
        elif word in tuple(CheckName):
            names.append(CheckName(word))
        else:
            rest = tuple(words[at:])
            break
    else:
        rest = ()
    if not names:
        known = ", ".join((*CheckName, EVERY))
        raise ValueError(f"name at least one check first: {known}")
    return tuple(name for name in CheckName if name in names), rest
