"""The engine's side of receiving: binds the receiver to its address, and stops it.

Owns the errors where the address is taken or refused. What happens to a request is the receiver's.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import http_parser

from relay.config import Settings
from relay.errors import RelayError
from relay.processes import port_owner
from relay.receiver.config import ReceiverConfig
from relay.receiver.limits import ReceiverLimits
from relay.receiver.listener import listen
from relay.receiver.receiver import CaptureStore, Receiver
from relay.receiver.refusals import Refusals
from relay.receiver.routes import described
from relay.store.write.client import Writer

log = logging.getLogger("relay.engine")

STOP_WITHIN_S = 2.5
"""How long requests in hand may take at the end; with the time of the store to close this stays below 5 s."""


@dataclass(frozen=True, slots=True)
class BoundReceiver:
    """A receiver and its address."""

    receiver: Receiver
    url: str
    port: int


@asynccontextmanager
async def receiving(
    writer: Writer,
    settings: Settings,
    config: ReceiverConfig,
    refusals: Refusals,
    *,
    shared: CaptureStore | None = None,
) -> AsyncIterator[BoundReceiver]:
    """Take webhooks while the context lasts; at its end requests in hand may finish.

    Args:
        shared: where they go instead of the database.

    Raises:
        RelayError: `no-c-parser`, `port-taken`, `port-denied`, `no-address`.
    """
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RelayError(
            "aiohttp runs without its C parser, which is the strict one; install a built wheel of it, "
            "and unset AIOHTTP_NO_EXTENSIONS",
            word="no-c-parser",
        )
    receiver = Receiver(
        writer,
        config.intake,
        config.response_rules,
        config.routes,
        refusals,
        limits=ReceiverLimits(max_body=settings.max_body, connections=settings.connections),
        sites=config.sites,
        tls=config.tls,
        shared=shared,
        takes_samples=shared is None or settings.share_samples,
    )
    try:
        servers = await listen(receiver.connections.accept, settings.host, settings.port)
    except OSError as error:
        raise _cannot_listen(settings, error) from error
    host, port = servers[0].sockets[0].getsockname()[:2]
    scheme = "http" if config.tls is None else "https"
    if shared is None:
        log_targets(settings)
    try:
        yield BoundReceiver(receiver, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", port)
    finally:
        for server in servers:
            server.close()
        await receiver.stop(STOP_WITHIN_S)


def log_targets(settings: Settings) -> None:
    """Log each target and the setting that names it: a settings file may have come with a repository."""
    for line in described(settings.forward):
        log.info("%s", line)


def _cannot_listen(settings: Settings, error: OSError) -> RelayError:
    where = f"{settings.host} port {settings.port}"
    if error.errno == errno.EADDRINUSE:
        owner = port_owner(settings.port)
        who = f" by {owner}" if owner else ""
        return RelayError(
            f"{where} is taken{who}; stop that one, or choose another with --port (0 is any free one)",
            word="port-taken",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return RelayError(
            f"{where} needs rights you do not have; choose one above 1023 with --port", word="port-denied"
        )
    return RelayError(
        f"cannot listen on {where}: {error.strerror or error}; see --host and --port", word="no-address"
    )
