"""`listen`: the engine with its receiver, in the foreground."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import click

from relay import engine
from relay.cli.common import Invocation, run_async, shared_options
from relay.cli.follow import Follower
from relay.cli.outlet import LogLines
from relay.cli.status import reloaded
from relay.config import Settings
from relay.errors import Exit, RelayError

log = logging.getLogger("relay")

F = TypeVar("F", bound=Callable[..., Any])


def tls_options(function: F) -> F:
    """The options of HTTPS and client certificates."""
    path = click.Path(path_type=Path, dir_okay=False)
    for option in reversed(
        (
            click.option(
                "--tls-cert",
                type=path,
                metavar="FILE",
                help="Serve HTTPS with this certificate and its chain.",
            ),
            click.option("--tls-key", type=path, metavar="FILE", help="The private key of --tls-cert."),
            click.option(
                "--tls-key-password-file", type=path, metavar="FILE", help="The password of --tls-key."
            ),
            click.option(
                "--dev-tls",
                is_flag=True,
                default=None,
                help="Serve HTTPS with a certificate made here, as `certs init` makes it.",
            ),
            click.option(
                "--client-ca",
                type=path,
                metavar="FILE",
                help="Authorities that callers' certificates are checked against.",
            ),
            click.option(
                "--client-auth",
                metavar="off|optional|required",
                help="Ask callers for a certificate; optional records without rejecting.  [off]",
            ),
            click.option(
                "--client-pin",
                multiple=True,
                metavar="PIN",
                help="Take only this certificate: subject:CN=NAME, san:NAME or spki:HEX; repeatable.",
            ),
        )
    ):
        function = option(function)
    return function


@click.command("listen")
@click.option("-p", "--port", type=int, metavar="PORT", help="TCP port; 0 takes any free one.  [5326]")
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [127.0.0.1]")
@click.option(
    "-f",
    "--forward-to",
    multiple=True,
    metavar="TARGET",
    help="Send captures on to :3000, localhost:3000/hook or a URL; can be given several times.",
)
@click.option("--only", metavar="FILTER", help="Send on only what matches on arrival, such as type:payment.")
@click.option(
    "--retry",
    metavar="none|fast|lean",
    help="When a target that answered otherwise than 200, or not in time, is tried again.  [none]",
)
@click.option(
    "--time-scale", metavar="FACTOR", help="What Lean's minutes are multiplied by in --retry lean.  [1]"
)
@click.option("--timeout", metavar="SECONDS", help="How long a target's answer is awaited.  [300]")
@click.option("--in-flight", type=int, metavar="N", help="Most tries of one target at a time.  [1]")
@click.option("--insecure", is_flag=True, default=None, help="Do not check the certificates of targets.")
@click.option(
    "--target-ca",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="PEM file of authorities to check the certificates of targets against.",
)
@click.option("--public-url", metavar="URL", help="The URL that Lean was given, for example a tunnel's.")
@click.option("--max-body", metavar="SIZE", help="Largest body taken, such as 512k or 10MiB.  [10MiB]")
@click.option(
    "--respond", type=int, metavar="STATUS", help="Answer with this status instead of 200, on purpose."
)
@click.option(
    "--respond-delay", type=float, metavar="SECONDS", help="Wait so long before each answer, on purpose."
)
@tls_options
@click.option("--allow-cross-site", is_flag=True, default=None, help="Take requests that a web page sends.")
@shared_options
@click.pass_obj
def listen_command(invocation: Invocation, /, **flags: Any) -> int:
    """Take webhooks: store each one, answer 200, and send it on where --forward-to says.

    Prints one line on stdout when it is ready, and one on stderr for each capture and each try to send
    it on, with what Lean would have made of the answer. Ctrl-C ends it.
    """
    reread = partial(invocation.settings, **flags)
    settings = reread()
    with LogLines() as lines:
        _log_through(lines)
        return run_async(_listen(settings, reread, json=invocation.json))


async def _listen(settings: Settings, reread: Callable[[], Settings], *, json: bool) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    _warn_of_exposure(settings)
    async with engine.running(settings, receive=True, reread=reread) as running:
        if running.moved_aside is not None:
            log.warning("the log was corrupt; it was moved to %s and a new one begun", running.moved_aside)
        _on_hangup(running)
        with Follower(settings, json=json):
            # A full collection walks all that was imported, some 40 ms in which nobody is answered;
            # what is here now stays anyway.
            gc.collect()
            gc.freeze()
            print(f"listening on {running.url}", flush=True)
            await stop.wait()
            await running.finish()  # While the follower runs, so that the last tries are told too.
    return Exit.FINE


def _on_signals(stop: asyncio.Event) -> None:
    """The first signal ends gently, the second at once."""

    def handle(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(Exit.INTERRUPTED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, handle, number)


def _on_hangup(running: engine.Engine) -> None:
    """SIGHUP reads the settings again, or keeps the old ones and says why."""
    tasks: set[asyncio.Future[None]] = set()

    async def reload() -> None:
        try:
            result = await running.act("reload", {})
        except RelayError as error:
            log.warning("settings are as before: %s", error)
        else:
            log.info(reloaded(result))

    def handle() -> None:
        task = asyncio.ensure_future(reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, handle)


def _warn_of_exposure(settings: Settings) -> None:
    try:
        local = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        local = False
    if local:
        return
    if settings.tls_cert is None and not settings.dev_tls:
        means = "whoever reaches it can post captures, and bank data crosses the network unencrypted"
    elif settings.client_auth != "required":
        means = "whoever reaches it can post captures; look at their signatures"
    else:
        return
    log.warning("listening on %s, not only on this machine: %s", settings.host, means)


def _log_through(lines: logging.Handler) -> None:
    """The engine's own words; libraries' only from warnings up, and never a traceback."""
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
