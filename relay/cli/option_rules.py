"""Which options go together: one that would have no effect is an error, never passed over in silence.

Looks at the options given on the command line; defaults and variables count for nothing.
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
        UsageError: it names the first two.
    """
    there = [name for name in given() if name in names]
    if len(there) > 1:
        raise UsageError(f"{there[0]} and {there[1]} exclude each other")


def alone(name: str, *but: str) -> None:
    """Reject any other option; the shared options, and those named here, are allowed.

    Raises:
        UsageError: it names the conflicting options.
    """
    there = list(given())
    may = (name, *SHARED_FLAGS, *SHARED_OPTIONS, *but)
    if name in there and (others := [each for each in there if each not in may]):
        raise UsageError(f"{name} does not go with {', '.join(others)}")


def apart(what: str, *names: str) -> None:
    """Reject these options together with something that is not an option, such as `a file`.

    Raises:
        UsageError: it names the first of them.
    """
    for name in given():
        if name in names:
            raise UsageError(f"{name} does not go with {what}")


def needs(name: str, *others: str) -> None:
    """Refuse this option where none of the others is there, without which it has no effect.

    Raises:
        UsageError: it names them.
    """
    there = list(given())
    if name in there and not any(other in there for other in others):
        raise UsageError(f"{name} has no effect without {' or '.join(others)}")


def given() -> Iterator[str]:
    """Options and arguments on the command line, as they are declared: `--limit`, `TYPE...`."""
    ctx = click.get_current_context()
    for parameter in ctx.command.params:
        name = parameter.name
        assert name is not None
        if name != "json" and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            yield parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.make_metavar(ctx)
    invocation = ctx.find_object(Invocation)
    if invocation is not None and invocation.json:
        yield "--json"  # It may stand before the command, too.
