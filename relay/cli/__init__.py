"""The command line: finds the command, runs it, and turns what went wrong into words and an exit code.

Commands live one group to a module and are imported when they are called, so that
`lean-relay --version` does not wait for a web server to load.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

import click

from relay.cli.common import SHARED_FLAGS, SHARED_OPTIONS, Invocation, shared_options
from relay.errors import Exit, RelayError
from relay.text import visible_block

COMMANDS: dict[str, str] = {
}
"""Command -> the module that holds it. The object there has the command's name, with `_command` behind it."""

DEFAULT = "listen"


class Lazy(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_default_command(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`lean-relay --help` lists the commands"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def with_default_command(args: Sequence[str]) -> list[str]:
    """The arguments with `listen` put in where no command is named.

    `lean-relay --port 8080` is `lean-relay listen --port 8080`; the shared options
    (`--db`, `--config`, `--json`), `--help` and `--version` may stand before a command.
    """
    at = 0
    while at < len(args):
        name, _, value = args[at].partition("=")
        if name in SHARED_FLAGS:
            at += 1
        elif name in SHARED_OPTIONS:
            at += 1 if value else 2
        else:
            break
    rest = list(args[at:])
    if not rest or (rest[0].startswith("-") and rest[0] not in ("--help", "-h", "--version")):
        rest.insert(0, DEFAULT)
    return [*args[:at], *rest]


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Without a command: listen. A SELECTION is ids (12, 12..20, latest), a Lean event_id, or a filter.",
)
@click.version_option(version("lean-relay"), message="lean-relay %(version)s")
@shared_options
@click.pass_context
def group(ctx: click.Context) -> None:
    """Catch, keep, read and pass on the webhooks that Lean Technologies sends."""


def main() -> NoReturn:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run one command and give its exit code; the only place where errors become text."""
    try:
        code = group.main(list(argv), prog_name="lean-relay", standalone_mode=False, obj=Invocation())
        return code if isinstance(code, int) else Exit.FINE
    except RelayError as error:
        complain(f"[{error.word}] {error}" if error.word else str(error))
        return error.exit_code
    except click.UsageError as error:
        if error.ctx is not None:
            click.echo(visible_block(error.ctx.get_usage()), err=True)
        complain(error.format_message())
        return Exit.USAGE
    except click.ClickException as error:
        complain(error.format_message())
        return Exit.FAILED
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (`| head`) has what it wants; keep Python from failing at its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINE


def complain(message: str) -> None:
    """One message on stderr, made safe: it may quote what came from outside."""
    click.echo(f"lean-relay: {visible_block(message)}", err=True)
