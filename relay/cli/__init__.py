"""The command line: finds the command, runs it, and turns errors into a message and an exit code.

Commands live one group to a module and are imported when they are called, so that
`lean-relay --version` and `--help` do not wait for a web server to load.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import select
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn, TextIO

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem, shell_complete

from relay.cli.context import (
    COMPLETION_VARIABLE,
    PROGRAM,
    Invocation,
    at_a_terminal,
    is_dumb,
    past_shared_options,
    shared_options,
    texts_only,
)
from relay.cli.examples import epilog
from relay.errors import Exit, OlderDatabase, RelayError
from relay.text.safe import visible_block

COMMANDS: dict[str, str] = {
    "listen": "relay.cli.listen.command",
    "tui": "relay.cli.tui",
    "web": "relay.cli.web",
    "list": "relay.cli.listing",
    "show": "relay.cli.show",
    "tail": "relay.cli.tail",
    "wait": "relay.cli.tail",
    "diff": "relay.cli.diff",
    "journey": "relay.cli.journey",
    "status": "relay.cli.status",
    "stop": "relay.cli.stop",
    "reload": "relay.cli.status",
    "refusals": "relay.cli.refusals",
    "replay": "relay.cli.replay.command",
    "rehearse": "relay.cli.rehearse",
    "forward": "relay.cli.forward",
    "pause": "relay.cli.forward",
    "resume": "relay.cli.forward",
    "star": "relay.cli.annotate",
    "note": "relay.cli.annotate",
    "prune": "relay.cli.annotate",
    "export": "relay.cli.export",
    "import": "relay.cli.import_",
    "backfill": "relay.cli.backfill",
    "trigger": "relay.cli.trigger.command",
    "verify": "relay.cli.verify",
    "shapes": "relay.cli.shapes.command",
    "certs": "relay.cli.certs",
    "config": "relay.cli.config",
    "trust": "relay.cli.trust",
    "team": "relay.cli.team",
    "doctor": "relay.cli.doctor",
    "completion": "relay.cli.completion",
    "help": "relay.cli.manual",
}
"""Command -> its module, where the object is named after the command, with `_command` appended."""

SUMMARIES: dict[str, dict[str, str]] = {
    "Receive": {
        "listen": "receive webhooks: store each one, answer 200, forward it",
        "trigger": "act as Lean: post a realistic, signed webhook",
        "backfill": "fetch missed events from Lean's Events API",
        "status": "show the engine's state; exit 5 if none runs",
        "stop": "stop the engine and wait until it has ended",
        "reload": "make the engine read its settings again",
    },
    "Read": {
        "tui": "browse the database in the terminal, with or without an engine",
        "web": "the same in a browser on this machine",
        "list": "list captures, the newest 50",
        "show": "show one capture: bytes, headers, curl",
        "tail": "print captures as they arrive",
        "wait": "wait for the first capture that matches, else exit 4",
        "diff": "compare two captures field by field",
        "journey": "show all captures that belong to one Lean id, as a timeline",
        "refusals": "list rejected requests and connections, with the reason",
        "verify": "check signatures and explain wrong ones",
        "shapes": "compare events with Lean's documentation",
    },
    "Forward": {
        "replay": "send captures again, unchanged or edited",
        "rehearse": "put a backend through what Lean will do to it",
        "forward": "send captures to the targets, including parked ones",
        "pause": "pause forwarding; webhooks are still received",
        "resume": "resume forwarding",
    },
    "Keep": {
        "star": "mark captures to keep",
        "note": "write a line to a capture",
        "prune": "remove captures for good",
        "export": "write captures to a file",
        "import": "store the captures of a file",
    },
    "Set up": {
        "certs": "make development certificates; explain and check others",
        "config": "write a settings file, or show the settings in force",
        "trust": "trust a project's settings file that reaches beyond its folder",
        "team": "share webhooks with a team through PostgreSQL",
        "doctor": "check versions, paths, port, engine, targets, TLS, secrets",
        "completion": "make your shell complete commands and options",
        "help": "the manual: a page for each topic",
    },
}
"""Summaries of the commands for `--help`, by heading, so that it does not import all of them."""

JSON_ASKED = "lean-relay.json-asked"
"""Whether `--json` was given, for errors that occur before options are parsed."""

COLLECT_EACH = 50_000
"""New objects after which Python looks for garbage. Its default of 700 checks the modules of a start over and
over, all of which stay: a tenth of the start of the screen."""

DEFAULT = "listen"
"""The command if none is named, without a terminal or with `--json`."""

AT_A_TERMINAL = "(screen)"
"""The command if none is named, at a terminal: `listen` with a screen. Not a name to type."""


class Lazy(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == AT_A_TERMINAL:
            from relay.cli.tui import screen_command

            return texts_only(screen_command)
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        command.epilog = epilog(cmd_name)
        return texts_only(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in SUMMARIES.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        summaries = {name: text for commands in SUMMARIES.values() for name, text in commands.items()}
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=summaries.get(name)) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[JSON_ASKED] = "--json" in args
        # An empty line is completed with the commands, not with the options of `listen`.
        if not ctx.resilient_parsing:
            named, args = args, with_default_command(args, AT_A_TERMINAL if at_a_terminal() else DEFAULT)
            if len(args) > len(named) and "--json" not in args and is_dumb() and sys.stdout.isatty():
                complain("a terminal with TERM=dumb cannot draw a screen, so this listens without one")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in (*COMMANDS, AT_A_TERMINAL) and not ctx.resilient_parsing:
            near = get_close_matches(args[0].lower(), COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`lean-relay --help` lists the commands"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def with_default_command(args: Sequence[str], default: str = DEFAULT) -> list[str]:
    """The arguments, with the default command inserted if none is named.

    `lean-relay --port 8080` is `lean-relay listen --port 8080`; the shared options
    (`--db`, `--config`, `--json`), `--help` and `--version` may precede a command.

    Args:
        default: the command to insert; with `--json`, which a screen cannot print, it is `listen`.
    """
    at = past_shared_options(args)
    if at > len(args):
        return list(args)  # the last option lacks its value, which the parser reports better
    rest = list(args[at:])
    if not rest or (rest[0].startswith("-") and rest[0] not in ("--help", "-h", "--version")):
        rest.insert(0, DEFAULT if "--json" in args else default)
    return [*args[:at], *rest]


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version  # takes 20 ms, which other commands do not need

    if ctx.meta[JSON_ASKED]:
        from relay.cli.json_lines import print_json

        print_json({"kind": "version", "version": version(PROGRAM)})
    else:
        click.echo(f"{PROGRAM} {version(PROGRAM)}")
    ctx.exit()


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Without a command: listen, with a screen at a terminal. "
    "SELECTION is ids (12, 12..20, latest), a Lean event_id, or a filter.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print it."
)
@shared_options
def group() -> None:
    """Receive, store, inspect and replay Lean Technologies' webhooks."""


def main() -> NoReturn:
    """The console script."""
    gc.set_threshold(COLLECT_EACH)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A character that the terminal cannot encode is printed as its number, not as a traceback.
            stream.reconfigure(errors="backslashreplace")
    faulthandler.enable()  # The report of a crash names functions and lines, no values.
    sys.exit(run(sys.argv[1:]))


def _open_closed_streams() -> None:
    """Open standard streams that the caller has closed (`>&-`), as nothing.

    The next file or connection would get the descriptor, and what is printed.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            mode = "w" if descriptor else "r"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  It stays open.
            setattr(sys, name, stream)


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; the only place where errors become text."""
    code: int = Exit.FINE
    try:
        code = _run(argv)
        with suppress(ValueError):  # closed
            sys.stdout.flush()
    except BrokenPipeError:
        unread = [stream for stream in (sys.stdout, sys.stderr) if _is_unread(stream)]
        if not unread:
            raise
        _discard(*unread)  # The reader of our output (`| head`) has gone.
        return Exit.FINE
    except OSError as error:  # The output or its error cannot be written, as on a full disk.
        if not code:
            with suppress(OSError):
                complain(f"[system] could not write the output: {error.strerror}")
        _discard(sys.stdout, sys.stderr)
        return code or Exit.FAILED
    return code


def _discard(*streams: TextIO) -> None:
    """Write what is left for these streams into nothing: Python would fail at its last flush."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(null, stream.fileno())
    os.close(null)


def _run(argv: Sequence[str]) -> int:
    if asked := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(group, {}, PROGRAM, COMPLETION_VARIABLE, asked)
    invocation = Invocation()
    try:
        try:
            return _invoke(argv, invocation)
        except OlderDatabase as error:
            from relay.cli.older_database import bring_up_to_date  # loads the engine

            bring_up_to_date(error, invocation)
            return _invoke(argv, invocation)
    except click.exceptions.Exit as done:
        return done.exit_code
    except RelayError as error:
        return _failed(invocation, str(error), error.exit_code, error.word)
    except NoArgsIsHelpError as error:
        click.echo(visible_block(error.format_message()), err=True)
        return _failed(_as_written(argv), "a command is missing", Exit.USAGE, silent=True)
    except click.UsageError as error:
        if error.ctx is not None:
            click.echo(visible_block(error.ctx.get_usage()), err=True)
        return _failed(_as_written(argv), error.format_message(), Exit.USAGE)
    except click.ClickException as error:
        return _failed(invocation, error.format_message(), Exit.FAILED)
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _failed(invocation, f"{error.strerror or error}{where}", Exit.FAILED, "system")
    except Exception:
        import traceback  # only needed here

        # Our own error, but the text may quote untrusted input.
        text = f"internal error of lean-relay, please report it\n{traceback.format_exc()}"
        return _failed(invocation, text, Exit.FAILED, "bug")


def _invoke(argv: Sequence[str], invocation: Invocation) -> int:
    with group.make_context(PROGRAM, list(argv), obj=invocation) as ctx:
        code = group.invoke(ctx)
    return code if isinstance(code, int) else Exit.FINE


def _as_written(argv: Sequence[str]) -> Invocation:
    """The output options on a command line that could not be parsed."""
    return Invocation(json="--json" in argv)


def _failed(
    invocation: Invocation, message: str, code: int, word: str | None = None, *, silent: bool = False
) -> int:
    """Print an error on stderr, with --json also as a line on stdout, and return its exit code.

    Args:
        silent: the message was printed already.
    """
    if PROGRAM in message:
        from relay.cli.advice import advice

        message = advice(message, invocation)
    if not silent:
        with _unless_full(sys.stderr):
            complain(f"[{word}] {message}" if word else message)
    if invocation.json:
        from relay.cli.json_lines import error_line, print_json

        with _unless_full(sys.stdout):
            print_json(error_line(message, code, word))
    return code


@contextmanager
def _unless_full(stream: TextIO) -> Iterator[None]:
    """Give up a stream that cannot be written, as on a full disk; the exit code is left to say it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        _discard(stream)


def _is_unread(stream: TextIO) -> bool:
    """Whether the other end of a pipe has gone: then the broken pipe is this one, not a socket."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    except (OSError, ValueError):
        return False


def complain(message: str) -> None:
    """Print a message on stderr, made safe: it may quote untrusted input."""
    click.echo(f"{PROGRAM}: {visible_block(message)}", err=True)
