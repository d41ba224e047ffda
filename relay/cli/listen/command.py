"""`listen`: the engine with its receiver, in the foreground."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from relay.cli.advice import advice, for_elsewhere
from relay.cli.context import FILE, Invocation, run_async, shared_options
from relay.cli.json_lines import fields_of, json_line
from relay.cli.listen.detach import listen_in_the_background
from relay.cli.listen.follower import Follower
from relay.cli.listen.lifeline import DETACHED, GO_ON
from relay.cli.listen.line_writer import STDOUT, LogLines, close_stdout, write
from relay.cli.listen.log_file import LogFile
from relay.cli.listen.missed import catch_up
from relay.cli.listen.options import Remembering, check_in_force, listen_options, to_pass_on
from relay.cli.listen.shutdown import Shutdown
from relay.cli.status import reloaded
from relay.cli.trust_questions import ask_about_removal
from relay.config import Settings
from relay.control.messages import ReloadRequest, TunnelStatus
from relay.engine import engine
from relay.engine.tasks import background
from relay.errors import Exit, RelayError
from relay.text.targets import is_loopback

log = logging.getLogger("relay")


@click.command("listen", cls=Remembering)
@listen_options
@click.option(
    "--detach",
    is_flag=True,
    help="Continue in the background once it is ready; prints the path of its log file.",
)
@click.option("--behind", type=int, hidden=True, help="Run for a screen; end when this descriptor does.")
@click.option(
    "--log", "log_to", type=FILE, hidden=True, help="Write log lines to this file once it is ready."
)
@shared_options
@click.pass_context
def listen_command(
    ctx: click.Context, /, detach: bool, behind: int | None, log_to: Path | None, **flags: Any
) -> int:
    """Receive webhooks: store each one, answer 200, and forward it to the targets of --forward-to.

    Prints one line on stdout when it is ready, and one on stderr for each capture and each attempt to
    forward it, with Lean's conclusion from the response. Ctrl-C ends it, as `lean-relay stop` does.
    """
    invocation = ctx.ensure_object(Invocation)
    settings = invocation.settings(**flags)
    check_in_force(settings)
    reread = partial(invocation.settings_unasked, **flags)
    ask_about_removal(settings)
    if detach:
        listen_in_the_background(settings, to_pass_on(ctx, invocation), json=invocation.json)
        return Exit.FINE
    file = None if log_to is None else LogFile(log_to)
    with LogLines(partial(advice, invocation=for_elsewhere(invocation))) as lines:
        _log_through(lines, calmly=behind is not None)
        work = _listen(settings, reread, invocation.options(), json=invocation.json, behind=behind, file=file)
        return run_async(work)


async def _listen(
    settings: Settings,
    reread: Callable[[], Settings],
    options: Sequence[str] = (),
    *,
    json: bool,
    behind: int | None,
    file: LogFile | None = None,
) -> int:
    """
    Args:
        options: shared ones, for a backfill.
        behind: for a screen, which shows events instead of lines: a descriptor whose end ends the engine, or
            `DETACHED`; None without a screen.
        file: for the log lines of a listener in the background; its ready line is JSON, for its starter.
    """
    shutdown = Shutdown()
    shutdown.on_signals()
    if behind is not None and behind != DETACHED:
        # The screen holds the other end of the pipe, which closes however the screen ends, even by kill -9.
        asyncio.get_running_loop().add_reader(behind, _screen_ended, behind, shutdown)
    _warn_of_exposure(settings)
    try:
        calm = behind is not None
        return await _listen_until(shutdown, settings, reread, options, json=json, calm=calm, file=file)
    except asyncio.CancelledError:
        if not shutdown.interrupted_start():
            raise
        return Exit.FINE


def _screen_ended(pipe: int, shutdown: Shutdown) -> None:
    """End with the screen, unless it has said to go on."""
    asyncio.get_running_loop().remove_reader(pipe)
    said = os.read(pipe, 1)
    os.close(pipe)
    if said != GO_ON:
        shutdown.ask()


async def _listen_until(
    shutdown: Shutdown,
    settings: Settings,
    reread: Callable[[], Settings],
    options: Sequence[str],
    *,
    json: bool,
    calm: bool,
    file: LogFile | None,
) -> int:
    async with engine.running(settings, receive=True, reread=reread, stop=shutdown.ask) as running:
        shutdown.started()
        if running.left_open_by is not None:
            log.warning(
                "the last engine (pid %d) did not shut down: it was killed, it crashed, or the machine "
                "stopped; every webhook that it answered with 200 is stored",
                running.left_open_by.pid,
            )
        _on_hangup(running, shutdown)
        with nullcontext() if calm else Follower(settings, json=json) as follower:
            # A full collection walks everything imported: some 40 ms without responses. All of it stays
            # anyway, so exclude it.
            gc.collect()
            gc.freeze()
            if file is not None:
                file.take_over()
            _say_ready(settings, running, json=json or file is not None)
            if json and follower is not None and running.tunnel is not None:
                running.tunnel.watch(partial(_print_tunnel, follower))
            if file is not None:
                _release_starter(running)
            last = running.received_until, running.left_open_by
            print_json = follower.print_json if json and follower is not None else None
            async with background(catch_up(settings, last, options, print_json)):
                await shutdown.asked()
            await running.finish()  # while the follower runs, so that it prints the last attempts too
    return Exit.FINE


def _say_ready(settings: Settings, running: engine.Engine, *, json: bool) -> None:
    """The first line on stdout."""
    if json:
        ready = {"kind": "ready", "url": running.url, "pid": os.getpid(), "db": str(settings.db)}
        write(STDOUT, json_line(ready))
    else:
        write(STDOUT, f"listening on {running.url}\n")


def _print_tunnel(follower: Follower, status: TunnelStatus) -> None:
    follower.print_json(_tunnel_as_json(status))


def _tunnel_as_json(status: TunnelStatus) -> dict[str, Any]:
    return {"kind": "tunnel", **fields_of(status)}


def _release_starter(running: engine.Engine) -> None:
    """Close stdout, which the starter of a listener in the background reads; a tunnel has one line before."""
    if running.tunnel is None:
        close_stdout()
        return
    is_open = True

    def write_once(status: TunnelStatus) -> None:
        nonlocal is_open
        if is_open:
            is_open = False
            with suppress(OSError):  # The starter waits no longer.
                write(STDOUT, json_line(_tunnel_as_json(status)))
            close_stdout()

    running.tunnel.watch(write_once)


def _on_hangup(running: engine.Engine, shutdown: Shutdown) -> None:
    """On SIGHUP, end if the terminal was closed; else read the settings again, or keep the old ones.

    Under nohup, which ignores SIGHUP, it can only come from `kill -HUP`.
    """
    tasks: set[asyncio.Future[None]] = set()
    stays = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    terminals = [] if stays else [stream for stream in (0, 1, 2) if os.isatty(stream)]

    async def reload() -> None:
        try:
            result = await running.request(ReloadRequest())
        except RelayError as error:
            log.warning("the settings did not change: %s", error)
        else:
            log.info(reloaded(result))

    def handle() -> None:
        if terminals and not any(map(os.isatty, terminals)):
            shutdown.ask()
            return
        task = asyncio.ensure_future(reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, handle)


def _warn_of_exposure(settings: Settings) -> None:
    if is_loopback(settings.host):
        return
    if settings.tls_cert is None and not settings.dev_tls:
        means = "anybody who can reach it can post webhooks, and bank data crosses the network unencrypted"
    elif settings.client_auth != "required":
        means = "anybody who can reach it can post webhooks; check their signatures"
    else:
        return
    log.warning("listening on %s, not only on this machine: %s", settings.host, means)


def _log_through(lines: logging.Handler, *, calmly: bool) -> None:
    """Log the engine's messages, those of libraries from warnings up, and never a traceback.

    Args:
        calmly: warnings only, and no state of a target, because a screen shows the rest.
    """
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(logging.WARNING)
    log.setLevel(logging.WARNING if calmly else logging.INFO)
    logging.getLogger("relay.forwarder.state").setLevel(logging.ERROR if calmly else logging.NOTSET)
