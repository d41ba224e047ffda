"""Settings that are tables or lists of them: routes, responses on purpose, Lean's API, the team, the tunnel.

All errors of all tables are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from relay.config import values
from relay.config.entries import LeanAccess, RespondRule, Route, TeamAccess, TunnelChoice
from relay.config.secret_sources import secret_source
from relay.config.sources import SettingSource
from relay.config.values import SeveralErrors, nearest
from relay.text.safe import quoted
from relay.text.targets import target_url


def respond_rules(value: object, source: SettingSource) -> tuple[RespondRule, ...]:
    """Read response rules: tables with `when`, and `status`, `delay` or both; a list, or one alone.

    Raises:
        SeveralErrors: with all errors of all rules.
    """
    lone = isinstance(value, dict)
    if lone:
        value = [value]
    if not isinstance(value, list):
        raise ValueError(
            'is not a list of tables; use respond_rules = [{ when = "type:payment", status = 500 }]'
        )
    rules: list[RespondRule] = []
    errors: list[str] = []
    for at, table in enumerate(value):
        inside = "" if lone else f"[{at}]"
        read: dict[str, Any] = {}
        if not isinstance(table, dict):
            errors.append(
                f'{inside}: {quoted(table)} is not a table; use {{ when = "type:payment", status = 500 }}'
            )
            continue
        before = len(errors)
        for key in table:
            if key not in _RULE:
                errors.append(f"{inside}.{key}: no such key in a rule{nearest(key, _RULE)}")
                continue
            attribute, parse = _RULE[key]
            try:
                read[attribute] = parse(table[key])
            except ValueError as error:
                errors.append(f"{inside}.{key}: {error}")
        if "when" not in table:
            errors.append(
                f'{inside}: has no "when"; say which webhooks it is for, such as when = "type:payment"'
            )
        if not table.keys() & {"status", "delay"}:
            errors.append(f'{inside}: has no effect; add a "status", a "delay" or both')
        if len(errors) == before:
            rules.append(RespondRule(where=f"{source.of('respond_rules')}{inside}", **read))
    if errors:
        raise SeveralErrors(errors)
    return tuple(rules)


def _when(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{quoted(value)} is not a filter; use one such as type:payment")
    return value


def routes(value: object, source: SettingSource) -> tuple[Route, ...]:
    """Read routes: targets, or tables with `to` and `when`; a list, or one alone.

    Raises:
        SeveralErrors: with all errors of all routes.
    """
    lone = isinstance(value, (str, dict))
    if lone:
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise ValueError('is not a list of targets; use forward = [":3000/hook"]')
    found: list[Route] = []
    errors: list[str] = []
    for at, item in enumerate(value):
        inside = "" if lone else f"[{at}]"
        table = item if isinstance(item, dict) else {"to": item}
        before = len(errors)
        errors += [
            f"{inside}.{key}: no such key in a route{nearest(key, _ROUTE)}"
            for key in table
            if key not in _ROUTE
        ]
        if "to" not in table:
            errors.append(f'{inside}: has no "to"; add a target, for example to = ":3000/hook"')
        read: dict[str, str] = {}
        for key in table.keys() & _ROUTE.keys():
            try:
                read[key] = _ROUTE[key](table[key])
            except ValueError as error:
                errors.append(f"{inside}{f'.{key}' if isinstance(item, dict) else ''}: {error}")
        if len(errors) == before:
            found.append(Route(where=f"{source.of('forward')}{inside}", **read))
    if errors:
        raise SeveralErrors(errors)
    return tuple(found)


def lean_access(value: object, source: SettingSource) -> LeanAccess:
    """Read the table `lean`: where the client id and secret are, environment, region, URLs and `catch_up`.

    Raises:
        SeveralErrors: with all errors of the table.
    """
    if not isinstance(value, dict):
        raise ValueError('is not a table; use lean = { client_secret = { env = "LEAN_CLIENT_SECRET" } }')
    return LeanAccess(**_table("lean", value, source, ("client_id", "client_secret"), _LEAN))


def team_access(value: object, source: SettingSource) -> TeamAccess:
    """Read the table `team`: where the URL of the PostgreSQL is, and how long webhooks stay there.

    Raises:
        SeveralErrors: with all errors of the table.
    """
    if not isinstance(value, dict):
        raise ValueError('is not a table; use team = { url = { env = "LEAN_TEAM_URL" } }')
    return TeamAccess(**_table("team", value, source, ("url",), _TEAM))


def _table(
    name: str,
    table: Mapping[str, object],
    source: SettingSource,
    secrets: Sequence[str],
    readers: Mapping[str, Callable[[object], object]],
) -> dict[str, Any]:
    """The values of a table with fixed keys, some of which say where to read a secret."""
    read: dict[str, Any] = {}
    errors: list[str] = []
    for key, each in table.items():
        try:
            if key in secrets:
                read[key] = secret_source(each, key, f"{name}.{key}", source)
            elif key in readers:
                read[key] = readers[key](each)
            else:
                known = dict.fromkeys((*secrets, *readers))
                errors.append(f".{key}: no such key in {name}{nearest(key, known)}")
        except ValueError as error:
            errors.append(f".{key}: {error}")
    if errors:
        raise SeveralErrors(errors)
    return read


TUNNEL_COMMAND = "command"
"""As an option: the tunnel that the settings describe."""

_TUNNEL_PROGRAMS = ("cloudflared", "ngrok", "tailscale")
_TUNNEL_NAMES = "use ssh:you@server, cloudflared, ngrok, tailscale, or a table [tunnel] with command and url"
_SSH_SERVER = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.:@%\[\]-]*", re.ASCII)
"""Does not begin with `-`, which would be an option of ssh."""


def tunnel(value: object, source: SettingSource) -> TunnelChoice | None:
    """Read the tunnel: a name, or the table `tunnel` with `command` and `url`; None for `off`.

    Raises:
        SeveralErrors: with all errors of the table.
    """
    if isinstance(value, dict):
        return _tunnel_command(value, source)
    kind, colon, server = value.strip().partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "ssh" and _SSH_SERVER.fullmatch(server):
        return TunnelChoice(kind=kind, server=server)
    if kind == "off" and not colon:
        return None
    if kind not in _TUNNEL_PROGRAMS or colon:
        raise ValueError(f"{quoted(value)} is not a valid tunnel; {_TUNNEL_NAMES}")
    return TunnelChoice(kind=kind)


def _tunnel_command(table: Mapping[str, object], source: SettingSource) -> TunnelChoice:
    errors = [
        f".{key}: no such key in tunnel{nearest(key, dict.fromkeys(('command', 'url')))}"
        for key in table
        if key not in ("command", "url")
    ]
    command, pattern = table.get("command"), table.get("url")
    words: tuple[str, ...] = ()
    if (
        isinstance(command, list)
        and command
        and all(isinstance(word, str) for word in command)
        and command[0]
    ):
        # A path starts at the file's folder, as that of every setting; a bare name is looked for on PATH.
        program = str(source.path(command[0])) if "/" in command[0] else command[0]
        words = (program, *command[1:])
    else:
        errors.append('.command: is not a list of words; use ["program", "http://127.0.0.1:{port}"]')
    if not isinstance(pattern, str) or not pattern:
        errors.append(
            ".url: is not a regular expression; use one that finds the URL in a line of its output, "
            "such as 'https://\\S+'"
        )
    else:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            errors.append(f".url: {quoted(pattern)} is not a valid regular expression: {error}")
    if errors:
        raise SeveralErrors(errors)
    return TunnelChoice(kind=TUNNEL_COMMAND, command=words, pattern=str(pattern))


def routes_of_flags(targets: Sequence[str], only: str | None) -> tuple[tuple[Route, ...], list[str]]:
    """The routes of `--forward-to` and `--only`, and the errors in them."""
    found: list[Route] = []
    errors: list[str] = []
    if only is not None:
        if not targets:
            errors.append("--only has no effect without --forward-to")
        elif not only.strip():
            errors.append(f"--only: {quoted(only)} is not a filter; use one such as type:payment")
    for text in targets:
        try:
            found.append(Route(to=_to(text), when=only, where="--forward-to"))
        except ValueError as error:
            errors.append(f"--forward-to: {error}")
    return tuple(found), errors


def _to(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{quoted(value)} is not a valid target; use :3000, localhost:3000/hook or a URL")
    target_url(value)
    return value


_ROUTE: Mapping[str, Callable[[object], str]] = {"to": _to, "when": _when}

_LEAN: Mapping[str, Callable[[object], object]] = {
    "environment": lambda value: values.one_of(value, "sandbox", "production"),
    "region": lambda value: values.one_of(value, "uae", "ksa"),
    "auth_url": values.api_url,
    "api_url": values.api_url,
    "catch_up": values.truth,
}

_TEAM: Mapping[str, Callable[[object], object]] = {
    "name": values.team_name,
    "keep": lambda value: values.keeping(value) or timedelta(0),
    "keep_bytes": values.team_limit,
    "allow_plain": values.truth,
}

_RULE: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "when": ("when", _when),
    "status": ("status", values.status),
    "delay": ("delay_s", values.delay_s),
    "first": ("first", lambda value: values.whole_number(value, 1, 10**9, "number of captures")),
}
