"""`tui`, and `lean-relay` without a command: the terminal UI, with or without its own listener."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import click

from relay.cli.advice import say
from relay.cli.context import Invocation, at_a_terminal, is_dumb, shared_options
from relay.cli.join_options import check_same
from relay.cli.listen.child import Listener
from relay.cli.listen.options import Remembering, check_in_force, listen_options, to_pass_on
from relay.cli.option_rules import apart
from relay.cli.trust_questions import ask_about_removal
from relay.control.lock import holder
from relay.errors import UsageError
from relay.text.safe import visible_block


class Passing(Remembering):
    """A command without a name to type, so that its usage shows none."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return super().make_context("", args, parent, **extra)


@click.command("tui")
@shared_options
@click.pass_obj
def tui_command(invocation: Invocation) -> int:
    """Browse the database in the terminal, with or without an engine.

    Starts no listener: `lean-relay` without a command does, with the options of `listen`.
    """
    apart("a screen; `lean-relay list` and `lean-relay show` print JSON", "--json")
    settings = invocation.settings()
    from tui.web import DRIVER

    if not at_a_terminal() and os.environ.get("TEXTUAL_DRIVER") != DRIVER:
        what = "a terminal that can draw, and TERM is dumb" if is_dumb() else "a terminal"
        raise UsageError(f"tui needs {what}; `lean-relay list` and `lean-relay show` do without")
    from tui.app import run

    return run(settings)


@click.command("screen", cls=Passing)
@listen_options
@click.option("--detach", is_flag=True, help="Keep the listener running when the screen closes.")
@shared_options
@click.pass_context
def screen_command(ctx: click.Context, /, detach: bool, **flags: Any) -> int:
    """Receive webhooks as `listen` does, and show them in a terminal UI.

    If an engine already runs on the database, join it; options that differ from its own are an error then.
    Without a terminal, the same as `listen`.
    """
    invocation = ctx.find_object(Invocation)
    assert invocation is not None
    settings = invocation.settings(**flags)
    reread = partial(invocation.settings_unasked, **flags)
    if settings.keys:
        from tui.app import keymap  # A wrong key is reported before anything starts.

        keymap(settings)
    if holder(settings.db) is not None:
        check_same(settings)
        from tui.app import run

        return run(settings, reread=reread)
    check_in_force(settings)
    ask_about_removal(settings)
    with Listener(to_pass_on(ctx, invocation), detach=detach) as listener:
        from tui.app import run  # while the listener starts: each takes half a second

        listener.wait_until_ready()
        code = run(settings, listener, reread)
        if listener.is_detached and not detach:
            say(f"the listener keeps running (pid {listener.pid}); `lean-relay stop` ends it")
        if (how := listener.ended()) is not None:
            for line in [*listener.new_lines(), *listener.last_words, f"the listener ended: {how}"]:
                click.echo(visible_block(line), err=True)
    return code


def keys_table() -> str:
    """The keys of the screen, as Markdown for the manual."""
    from tui.keyboard import keys

    return keys.keys_table()
