"""Settings that are lists of tables: routes, and rules for answering otherwise on purpose.

Every fault of every table is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relay.config import values
from relay.config.entries import RespondRule, Route
from relay.config.sources import Place
from relay.config.values import SeveralFaultsError, nearest
from relay.text.safe import quoted
from relay.text.targets import target_url


def respond_rules(value: object, place: Place) -> tuple[RespondRule, ...]:
    """Rules for answering otherwise: tables with `when`, and `status`, `delay` or both; a list or one alone.

    Raises:
        SeveralFaultsError: with every fault of every rule.
    """
    lone = isinstance(value, dict)
    if lone:
        value = [value]
    if not isinstance(value, list):
        raise ValueError(
            'is no list of tables; write respond_rules = [{ when = "type:payment", status = 500 }]'
        )
    rules: list[RespondRule] = []
    faults: list[str] = []
    for at, table in enumerate(value):
        inside = "" if lone else f"[{at}]"
        read: dict[str, Any] = {}
        if not isinstance(table, dict):
            faults.append(
                f'{inside}: {quoted(table)} is no table; write {{ when = "type:payment", status = 500 }}'
            )
            continue
        before = len(faults)
        for key in table:
            if key not in _RULE:
                faults.append(f"{inside}.{key}: there is no such key in a rule{nearest(key, _RULE)}")
                continue
            attribute, parse = _RULE[key]
            try:
                read[attribute] = parse(table[key])
            except ValueError as error:
                faults.append(f"{inside}.{key}: {error}")
        if "when" not in table:
            faults.append(
                f'{inside}: has no "when"; say which captures it is for, such as when = "type:payment"'
            )
        if not table.keys() & {"status", "delay"}:
            faults.append(f'{inside}: changes nothing; give it a "status", a "delay" or both')
        if len(faults) == before:
            rules.append(RespondRule(where=f"{place.of('respond_rules')}{inside}", **read))
    if faults:
        raise SeveralFaultsError(faults)
    return tuple(rules)


def _when(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{quoted(value)} is no filter; write one such as type:payment")
    return value


def routes(value: object, place: Place) -> tuple[Route, ...]:
    """Where to send captures on to: targets, or tables with `to` and `when`; a list or one alone.

    Raises:
        SeveralFaultsError: with every fault of every route.
    """
    lone = isinstance(value, (str, dict))
    if lone:
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise ValueError('is no list of targets; write forward = [":3000/hook"]')
    found: list[Route] = []
    faults: list[str] = []
    for at, item in enumerate(value):
        inside = "" if lone else f"[{at}]"
        table = item if isinstance(item, dict) else {"to": item}
        before = len(faults)
        faults += [
            f"{inside}.{key}: there is no such key in a route{nearest(key, _ROUTE)}"
            for key in table
            if key not in _ROUTE
        ]
        if "to" not in table:
            faults.append(f'{inside}: has no "to"; say where to, such as to = ":3000/hook"')
        read: dict[str, str] = {}
        for key in table.keys() & _ROUTE.keys():
            try:
                read[key] = _ROUTE[key](table[key])
            except ValueError as error:
                faults.append(f"{inside}{f'.{key}' if isinstance(item, dict) else ''}: {error}")
        if len(faults) == before:
            found.append(Route(where=f"{place.of('forward')}{inside}", **read))
    if faults:
        raise SeveralFaultsError(faults)
    return tuple(found)


def routes_of_flags(targets: Sequence[str], only: str | None) -> tuple[tuple[Route, ...], list[str]]:
    """The routes that `--forward-to` and `--only` ask for, and what is wrong with them."""
    found: list[Route] = []
    faults: list[str] = []
    if only is not None:
        if not targets:
            faults.append("--only: narrows what --forward-to sends on, and there is none")
        elif not only.strip():
            faults.append(f"--only: {quoted(only)} is no filter; write one such as type:payment")
    for text in targets:
        try:
            found.append(Route(to=_to(text), when=only, where="--forward-to"))
        except ValueError as error:
            faults.append(f"--forward-to: {error}")
    return tuple(found), faults


def _to(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{quoted(value)} is no target; write :3000, localhost:3000/hook or a whole URL")
    target_url(value)
    return value


_ROUTE: Mapping[str, Callable[[object], str]] = {"to": _to, "when": _when}

_RULE: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "when": ("when", _when),
    "status": ("status", values.status),
    "delay": ("delay_s", values.delay_s),
    "first": ("first", lambda value: values.whole_number(value, 1, 10**9, "number of captures")),
}
