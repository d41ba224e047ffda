"""`web`: the screen in a browser on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.util import find_spec

import click

from relay.cli.advice import say
from relay.cli.browser import BrowserPage
from relay.cli.context import Invocation, run_async, shared_options
from relay.cli.json_lines import json_line
from relay.cli.listen.line_writer import STDOUT, write
from relay.config import Settings
from relay.errors import Exit, UsageError
from relay.processes import install_command, own_environment, own_module
from relay.store.read.reader import Reader


@click.command("web")
@click.option("--no-open", is_flag=True, help="Only print the URL; open no browser.")
@shared_options
@click.pass_obj
def web_command(invocation: Invocation, no_open: bool) -> int:
    """Show the screen in a browser on this machine: `tui`, drawn in a page.

    Prints the URL and opens it. The URL works once, for one browser, which may have four tabs. Only this
    machine can reach the page. Starts no listener. Ctrl-C ends it, and every screen.
    """
    if find_spec("textual_serve") is None:
        raise UsageError(f"`web` needs a library that is not installed; run {install_command('web')}")
    settings = invocation.settings()
    from tui.keyboard.keymap import Keymap  # A wrong key is reported here, not in the page.

    Keymap(settings.keys, settings.sources.get("keys", "keys"))
    Reader(settings.db).close()  # likewise a database that is not there
    return run_async(_serve(invocation, settings, opens=not no_open))


async def _serve(invocation: Invocation, settings: Settings, *, opens: bool) -> int:
    from tui.web.server import serving

    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    page = BrowserPage()

    def entered() -> None:
        page.remove()
        say("a browser opened the screen, so its URL is used up")

    command = [*own_module("relay"), *invocation.options(), "tui"]
    environment = own_environment(secrets=True)
    try:
        async with serving(command, environment, entered=entered, report=say) as server:
            if invocation.json:
                ready = {"kind": "web", "url": server.address, "pid": os.getpid(), "db": str(settings.db)}
                write(STDOUT, json_line(ready))
            else:
                write(STDOUT, f"the screen is at {server.address}\n")
            if opens:
                _open(page, server.address)
            await over.wait()
    finally:
        page.remove()
    return Exit.FINE


def _open(page: BrowserPage, address: str) -> None:
    try:
        if not page.open(address):
            say("no browser can be opened from here; open the URL on this machine")
    except OSError as error:
        say(f"could not open a browser: {error.strerror}")
