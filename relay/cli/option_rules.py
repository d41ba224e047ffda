"""Refuses options that contradict each other or would have no effect.

Looks only at the command line, not at defaults and environment variables.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
from click.core import ParameterSource

from relay.cli.context import SHARED_FLAGS, SHARED_OPTIONS, Invocation
from relay.errors import UsageError


def exclude(*names: str) -> None:
    """Refuse more than one of these options.

    Raises:
        UsageError: names the first two.
    """
    there = [name for name in given() if name in names]
    if len(there) > 1:
        raise UsageError(f"{there[0]} and {there[1]} exclude each other")


def alone(name: str, *but: str) -> None:
    """Refuse all other options, except the shared ones and those named here.

    Raises:
        UsageError: names them.
    """
    there = list(given())
    may = (name, *SHARED_FLAGS, *SHARED_OPTIONS, *but)
    if name in there and (others := [each for each in there if each not in may]):
        raise UsageError(f"{name} does not go with {', '.join(others)}")


def apart(what: str, *names: str) -> None:
    """Refuse these options with something that is not an option, such as `a file`.

    Raises:
        UsageError: names the first.
    """
    for name in given():
        if name in names:
            raise UsageError(f"{name} does not go with {what}")


def needs(name: str, *others: str) -> None:
    """Refuse this option without one of the others.

    Raises:
        UsageError: names them.
    """
    there = list(given())
    if name in there and not any(other in there for other in others):
        raise UsageError(f"{name} has no effect without {' or '.join(others)}")


def given() -> Iterator[str]:
    """Options and arguments on the command line, by their declared names: `--limit`, `TYPE...`."""
    ctx = click.get_current_context()
    for parameter in ctx.command.params:
        name = parameter.name
        assert name is not None
        if name != "json" and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.make_metavar(ctx)
    invocation = ctx.find_object(Invocation)
    if invocation is not None and invocation.json:
        yield "--json"  # may also precede the command
