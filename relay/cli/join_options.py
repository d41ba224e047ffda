"""Joins a running engine: refuses options that differ from the engine's own."""

from __future__ import annotations

import json

import click
from click.core import ParameterSource

from relay.cli.context import run_async
from relay.config import SETTINGS, Settings, plain_values
from relay.control.messages import CompareRequest
from relay.errors import UsageError

_OF_ROUTES = {"forward_to": "forward", "only": "forward"}
"""Options that together make one setting."""


def check_same(settings: Settings) -> None:
    """Refuse options of this command that differ from the running engine's.

    Raises:
        UsageError: names them, and the engine's values.
        Unreachable: the engine does not answer.
    """
    given = _given()
    if not given:
        return
    from relay.control import client  # loads aiohttp, a tenth of a second before the first frame

    asked = plain_values(settings, given.values())
    found = run_async(client.request(settings.db, CompareRequest(asked)))
    differ = found.differ
    named = {key: [option for option, of in given.items() if of == key] for key in differ}
    if differ:
        words = [
            f"{' and '.join(options)} (it has {json.dumps(differ[key]) if differ[key] else 'none'})"
            for key, options in named.items()
        ]
        raise UsageError(
            f"the engine running on {settings.db} (pid {found.pid}) has other options: "
            f"{', '.join(words)}; omit them to join it, or stop it first with `lean-relay stop`"
        )


def _given() -> dict[str, str]:
    """Options on the command line that are settings -> keys of the settings."""
    ctx = click.get_current_context()
    keys = {setting.attribute: key for key, setting in SETTINGS.items()} | _OF_ROUTES
    return {
        parameter.opts[-1]: keys[parameter.name]
        for parameter in ctx.command.params
        if parameter.name in keys
        and parameter.name != "db"
        and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }
