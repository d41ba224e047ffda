"""`listen --detach`: run the listener in the background, after this command has ended."""

from __future__ import annotations

from collections.abc import Sequence

import click

from relay.cli.json_lines import print_json
from relay.cli.listen.child import Listener
from relay.cli.listen.log_file import log_path
from relay.config import Settings
from relay.text.safe import visible, visible_block

SAY_AFTER_S = 1.5
"""After this long a line says that the command is waiting for the listener."""


def listen_in_the_background(settings: Settings, arguments: Sequence[str], *, json: bool) -> None:
    """Start it, wait until it is ready, and print its URL and the file of its log lines.

    Raises:
        RelayError: it did not start; has its own message.
    """
    path = log_path(settings.db)
    with Listener(arguments, detach=True, log=path) as listener:
        try:
            if not listener.wait_until_ready(SAY_AFTER_S):
                click.echo("lean-relay: waiting for the listener to start ...", err=True)
                while not listener.wait_until_ready(SAY_AFTER_S):
                    pass
        except KeyboardInterrupt:
            listener.terminate()
            raise
        ready = listener.ready_line()
        for line in listener.new_lines():
            click.echo(f"lean-relay: {visible_block(line)}", err=True)
    if json:
        print_json(ready)
    else:
        click.echo(f"listening on {ready['url']}")
    click.echo(
        f"lean-relay: in the background as pid {ready['pid']}; log lines in {visible(str(path))}; "
        "`lean-relay stop` ends it",
        err=True,
    )
