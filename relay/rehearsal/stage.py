"""The stage of every check: the captures, the way to send them, and the backend's state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from relay.control.messages import FreshIds
from relay.errors import RelayError
from relay.rehearsal.report import CheckName, ReportLine, Result
from relay.rehearsal.rounds import Round, Rounds, Sent
from relay.rehearsal.state import Change, Probe, State, run
from relay.text.safe import visible

RESET_WITHIN_S = 120.0
RESTART_WITHIN_S = 300.0
NAMED = 5
"""Event types named in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A capture that is sent in the rehearsal."""

    id: int
    event_type: str | None
    at: datetime | None = None
    """The timestamp of its event, aware, UTC; None without one."""
    is_signed: bool = False
    """Whether it has a signature of any kind."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A round, and its effect on the backend's state."""

    round: Round
    effect: Change | None
    """None without a probe, or where it cannot be compared with another round's."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """One rehearsal's captures and backend."""

    rounds: Rounds
    subjects: tuple[Subject, ...]
    """In the order in which they came."""
    samples: tuple[Subject, ...] = ()
    """One of each type of Lean's, an undocumented one and an unknown one, for the check of types."""
    probe: Probe | None = None
    reset: str | None = None
    """Command that brings the backend back to the same state."""
    restart: str | None = None
    time_scale: float = 0.01
    seed: int = 0
    shift_us: int = 0
    """From the captured timestamps to those that are sent."""
    is_signed: bool = True
    """Whether there is a secret to sign with."""
    most_rounds: int = 100
    """Of bisect."""
    is_quiet: bool = False
    """Whether the commands of the user's print nothing, as a screen is drawn on the terminal."""
    random: Random = field(init=False)
    _made: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - to be the same again

    @property
    def ids(self) -> tuple[int, ...]:
        """All captures, in the order in which they came."""
        return tuple(each.id for each in self.subjects)

    def fresh(self, *, compared: bool = False) -> FreshIds:
        """New ids for one round.

        Args:
            compared: whether its end state is compared with another round's, which needs the same ids after
                a reset.
        """
        self._made += 1
        number = 0 if compared and self.reset is not None else self._made
        return FreshIds(seed=f"{self.seed}:{number}", shift_us=self.shift_us, payload=True)

    async def start_again(self) -> None:
        """Reset the backend where a command for that is given.

        Raises:
            RelayError: the command failed.
        """
        if self.reset is not None:
            await self._run(self.reset, RESET_WITHIN_S)

    async def prepared(self) -> State | None:
        """Reset the backend where a command for that is given; return its state, None without a probe.

        Raises:
            RelayError: the command or the probe failed.
        """
        await self.start_again()
        return None if self.probe is None else await self.probe.settled()

    async def effect_since(self, before: State | None) -> Change | None:
        """The effect of what was sent since; None without a probe, or where it cannot be compared."""
        if self.probe is None or before is None:
            return None
        after = await self.probe.settled()
        return after.text if self.reset is not None else after.change_since(before)

    async def measured(self, ids: Sequence[int], *, retries: float | None = None) -> Measured:
        """Send captures once each with new ids, and see the effect."""
        before = await self.prepared()
        sent = await self.rounds.send(ids, fresh=self.fresh(compared=True), retries=retries)
        return Measured(sent, await self.effect_since(before))

    async def restarted(self) -> None:
        """Run the command that restarts the backend, to its end.

        Raises:
            RelayError: it failed, or there is none.
        """
        assert self.restart is not None
        await self._run(self.restart, RESTART_WITHIN_S)

    async def _run(self, command: str, within_s: float) -> None:
        code, output = await run(command, within_s, is_quiet=self.is_quiet)
        if code:
            said = f": {visible(output.strip()[-200:])}" if output.strip() else ""
            raise RelayError(f"the command {visible(command)} ended with {code}{said}", word="command-failed")


def types_of(sent: Iterable[Sent]) -> str:
    """`payment.created, payment.updated`: types of events, each once and a few at most; safe to show."""
    names = list(dict.fromkeys(visible(one.event_type or "no event") for one in sent))
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def captures_of(sent: Iterable[Sent]) -> tuple[int, ...]:
    """The captures of attempts, each once."""
    return tuple(dict.fromkeys(one.capture_id for one in sent))


def events(count: int) -> str:
    """`1 event`, `12 events`."""
    return "1 event" if count == 1 else f"{count:,} events"


def line(
    check: CheckName,
    case: str,
    result: Result,
    *,
    sent: str,
    received: str,
    why: str,
    look_at: Iterable[Sent] = (),
) -> ReportLine:
    """A line of the report, with the captures to look at and the command that shows the first."""
    captures = captures_of(look_at)
    command = f"lean-relay show {captures[0]} --attempts" if captures else None
    return ReportLine(
        check=check,
        case=case,
        result=result,
        sent=sent,
        received=received,
        why=why,
        captures=captures,
        command=command,
    )
