"""Shared by all commands: `--db`, `--config`, `--json`, and the settings they lead to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relay.errors import UsageError

if TYPE_CHECKING:
    from relay.config import Settings

PROGRAM = "lean-relay"
COMPLETION_VARIABLE = "_LEAN_RELAY_COMPLETE"
"""Set by the scripts of `completion`: the shell's request."""

SHARED_OPTIONS = ("--db", "--config")
SHARED_FLAGS = ("--json",)

FILE = click.Path(path_type=Path, dir_okay=False)
"""Type of an option that names a file."""

MOST_LIMIT = 10**15
"""The most that --limit means: SQLite takes no number of more than 64 bits."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@dataclass
class Invocation:
    """The shared options of one run; those after the command win over those before it."""

    db: Path | None = None
    config: Path | None = None
    json: bool = False

    def options(self) -> list[str]:
        """`--db` and `--config` as they were given, for another process in the same folder."""
        given = (("--db", self.db), ("--config", self.config))
        return [word for name, path in given if path is not None for word in (name, str(path))]

    def settings(self, **flags: Any) -> Settings:
        """The settings in force: flags (None: not given), environment, files, defaults.

        A project file that needs trust is asked about at a terminal.

        Raises:
            UsageError: a setting is not valid; the message lists every error.
            UntrustedSettings: a project file needs trust, and there is no terminal, or the answer was no.
        """
        from relay.cli.trust_questions import ask
        from relay.config import load  # takes 25 ms, which `--version` and `--help` do not need

        return load(flags={"db": self.db, **flags}, config=self.config, untrusted=ask)

    def settings_unasked(self, **flags: Any) -> Settings:
        """The same without untrusted settings, for commands that must work in any folder.

        The caller reports them, with `say_left_out` or in its own form.
        """
        from relay.config import leave_out, load

        return load(flags={"db": self.db, **flags}, config=self.config, untrusted=leave_out)


def say_left_out(settings: Settings) -> None:
    """Report on stderr the settings of a project file that are left out, and why."""
    from relay.cli.advice import say  # which imports this module
    from relay.config import why_left_out

    for text, next_step in why_left_out(settings.left_out):
        say(f"{text}; {next_step}")


class Group(click.Group):
    """A group whose help shows the full first sentence of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, found.get_short_help_str(limit=formatter.width * 10))
            for name, found in commands
            if found is not None and not found.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def shared_options(function: F) -> F:
    """Add `--db`, `--config` and `--json` to a command; their values go into the `Invocation`."""
    for option in (
        click.option(
            "--json",
            is_flag=True,
            default=None,
            expose_value=False,
            callback=_keep,
            help="Newline-delimited JSON on stdout.",
        ),
        click.option(
            "--config",
            type=FILE,
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="Settings file instead of lean-relay.toml.",
        ),
        click.option(
            "--db",
            type=FILE,
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="The database; default relay.db in your data folder.",
        ),
    ):
        function = option(function)
    return function


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        assert parameter.name is not None
        setattr(ctx.ensure_object(Invocation), parameter.name, value)


def past_shared_options(args: Sequence[str]) -> int:
    """How many of the arguments are shared options, and their values, in front of anything else."""
    at = 0
    while at < len(args):
        name, equals, _ = args[at].partition("=")
        if name in SHARED_FLAGS and not equals:
            at += 1
        elif name in SHARED_OPTIONS:
            at += 1 if equals else 2
        else:
            break
    return at


class NumberRange(click.FloatRange):
    """Type of an option whose value is a number within bounds; `nan` is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class _Text(click.types.StringParamType):
    """Text from the command line, which the system passes as arbitrary bytes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            self.fail(f"{text!r} is not UTF-8 text", param, ctx)
        return text


def texts_only(command: click.Command) -> click.Command:
    """The command, with every text option and argument rejecting text that is not UTF-8.

    Python decodes other bytes as lone surrogates, which neither JSON nor SQLite accepts. Files may have any
    name, so paths are exempt, and values that may name a file (by their metavar).
    """
    for parameter in command.params:
        if parameter.type is click.STRING and "FILE" not in (parameter.metavar or ""):
            parameter.type = _Text()
    if isinstance(command, click.Group):
        for each in command.commands.values():
            texts_only(each)
    return command


def at_a_terminal() -> bool:
    """Whether this is an interactive terminal: it can draw a screen and send keys."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb()


def need_terminal(would: str) -> None:
    """Refuse what has to be confirmed, unless somebody can be asked.

    Args:
        would: what it would do: `remove 3 captures`.

    Raises:
        UsageError: stdin is not a terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"this would {would}; without a terminal to confirm, add --yes")


def is_dumb() -> bool:
    """Whether the terminal can only print lines (TERM=dumb), as in editors."""
    return os.environ.get("TERM") == "dumb"


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop if it is installed, else on asyncio's own loop."""
    import asyncio

    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop

        loop_factory = new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(work)
