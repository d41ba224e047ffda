"""Chooses the targets of a capture when it arrives.

Pure. Targets come only from flags and settings, never from a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay import filters
from relay.config import Route
from relay.errors import UsageError
from relay.models import Capture
from relay.text.targets import target_name


@dataclass(frozen=True, slots=True)
class _TargetRoute:
    target: str
    when: Callable[[Capture], bool] | None
    """None for every capture."""


class Routes:
    """The routes in force; `targets` are their distinct names, in the order given."""

    def __init__(self, routes: Sequence[Route], now: datetime) -> None:
        """
        Raises:
            UsageError: a target or a filter is not valid, or the filter needs what is not known on arrival.
        """
        self._ways = [_read(route, now) for route in routes]
        self.targets = tuple(dict.fromkeys(way.target for way in self._ways))
        self._always = self.targets if all(way.when is None for way in self._ways) else None

    def of(self, capture: Callable[[], Capture]) -> tuple[str, ...]:
        """The distinct targets of a capture.

        Args:
            capture: builds it; called only if a route has a filter.
        """
        if self._always is not None:
            return self._always
        made = capture()
        return tuple(dict.fromkeys(way.target for way in self._ways if way.when is None or way.when(made)))


def described(routes: Sequence[Route]) -> list[str]:
    """A line for each target: where webhooks are forwarded to, and the file, variable or option that says so.

    Not cleaned: targets and filters are text from a settings file.
    """
    if not routes:
        return ["no targets: webhooks are stored and not forwarded; --forward-to names a target"]
    return [
        f"webhooks {'' if route.when is None else f'that match {route.when} '}"
        f"are forwarded to {target_name(route.to)} ({route.where})"
        for route in routes
    ]


def _read(route: Route, now: datetime) -> _TargetRoute:
    try:
        target = target_name(route.to)
    except ValueError as error:
        raise UsageError(f"{route.where}: {error}") from error
    if route.when is None:
        return _TargetRoute(target, None)
    try:
        when = filters.parse_for_arrival(route.when, now)
    except ValueError as error:
        raise UsageError(f"{route.where_when}: {error}") from error
    return _TargetRoute(target, when.matches)
