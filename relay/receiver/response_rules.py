"""Planned responses other than 200, so that a developer can watch Lean retry.

Owns `--respond`, `--respond-delay` and the rules of the settings; the usual 200 after the commit needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay import filters
from relay.config import RespondRule
from relay.errors import UsageError
from relay.models import Capture


@dataclass(frozen=True, slots=True)
class PlannedResponse:
    """The response to send after the commit."""

    status: int
    reason: str | None
    """Reason for another response than the usual 200; None for the usual one."""
    delay_s: float = 0.0


USUAL = PlannedResponse(200, None)


@dataclass(slots=True)
class _Rule:
    matches: Callable[[Capture], bool]
    reply: PlannedResponse
    left: int | None
    """Number of captures it still applies to; None for all."""


class ResponseRules:
    """Chooses the response to a capture; always the usual 200 if `plain` is true."""

    def __init__(
        self,
        *,
        respond: int | None,
        delay_s: float,
        rules: Sequence[RespondRule],
        now: datetime,
    ) -> None:
        """
        Raises:
            UsageError: a rule's filter is not valid or needs what is not known on arrival.
        """
        self._rules = [_read(rule, now) for rule in rules]
        self._otherwise = USUAL
        if respond is not None or delay_s:
            said = [f"--respond {respond}"] if respond is not None else []
            said += [f"--respond-delay {delay_s:g}"] if delay_s else []
            self._otherwise = PlannedResponse(200 if respond is None else respond, " ".join(said), delay_s)

    @property
    def plain(self) -> bool:
        return not self._rules and self._otherwise is USUAL

    @property
    def summary(self) -> str | None:
        """The planned responses in one line; None for the usual 200."""
        said = [rule.reply.reason or "" for rule in self._rules if rule.left != 0]
        if self._otherwise is not USUAL:
            said.append(self._otherwise.reason or "")
        return "; ".join(said) or None

    def to(self, capture: Callable[[], Capture]) -> PlannedResponse:
        """The response to a capture, by the first rule that matches and is not used up."""
        if self._rules:
            what = capture()
            for rule in self._rules:
                if rule.left != 0 and rule.matches(what):
                    if rule.left is not None:
                        rule.left -= 1
                    return rule.reply
        return self._otherwise


def _read(rule: RespondRule, now: datetime) -> _Rule:
    try:
        when = filters.parse_for_arrival(rule.when, now)
    except ValueError as error:
        raise UsageError(f"{rule.where}.when: {error}") from error
    return _Rule(
        when.matches, PlannedResponse(rule.status, f"{rule.where}: {rule.when}", rule.delay_s), rule.first
    )
