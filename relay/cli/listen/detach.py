"""`listen --detach`: run the listener in the background, after this command has ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from relay.cli.advice import say
from relay.cli.json_lines import print_json
from relay.cli.listen.child import Listener
from relay.cli.listen.log_file import log_path
from relay.cli.status import tunnel_line
from relay.config import Settings
from relay.control.messages import TunnelStatus

TUNNEL_WITHIN_S = 10.0
"""How long to wait for the public URL of a tunnel, once it listens."""


def listen_in_the_background(settings: Settings, arguments: Sequence[str], *, json: bool) -> None:
    """Start it, wait until it is ready, and print its URLs and the file of its log lines.

    Raises:
        RelayError: it did not start; has its own message.
    """
    path = log_path(settings.db)
    with Listener(arguments, detach=True, log=path) as listener:
        listener.wait_until_ready()
        ready = listener.ready_line()
        for line in listener.new_lines():
            say(line)
        if json:
            print_json(ready)
            sys.stdout.flush()
        else:
            click.echo(f"listening on {ready['url']}")
        say(f"in the background as pid {ready['pid']}; log lines in {path}; `lean-relay stop` ends it")
        if settings.tunnel is not None:
            _show_tunnel(listener.tunnel_line(TUNNEL_WITHIN_S), json=json)


def _show_tunnel(line: dict[str, Any] | None, *, json: bool) -> None:
    """Print the public URL, or the command that shows it later.

    Args:
        line: about the tunnel, as JSON; None if there is none yet.
    """
    if line is None:
        say("the public URL is not known yet; `lean-relay status` shows it")
        return
    if json:
        print_json(line)
    status = msgspec.convert(line, TunnelStatus)
    if status.url is not None:
        say(f"public URL {status.url}; {tunnel_line(status)}")
    else:
        say(f"{tunnel_line(status)}; `lean-relay status` shows its URL once it is up")
