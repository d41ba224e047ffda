"""The checks of the engine and its port."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from relay.checks.findings import Finding, fault, ok, warning
from relay.checks.running import engine_status
from relay.config import Settings
from relay.control import lock
from relay.control.messages import EngineStatus
from relay.errors import RelayError


def engine_and_port(settings: Settings) -> Iterator[Finding]:
    """Whether an engine runs on this database, and whether its port is free."""
    from relay.processes import port_owner

    holder = lock.holder(settings.db)
    if holder is not None:
        where = f", receiving webhooks at {holder.url}" if holder.url else ", without a receiver"
        yield ok("engine", f"running as pid {holder.pid}{where}")
    else:
        yield ok("engine", "none is running; `lean-relay listen` starts one")
    if holder is not None and holder.url is not None:
        if settings.port not in (0, urlsplit(holder.url).port):
            yield warning(
                "port",
                f"the engine listens at {holder.url}, but the settings say port {settings.port}",
                "restart the engine, or point your tunnel at the engine's port",
            )
        return
    problem = _cannot_bind(settings.host, settings.port)
    if problem is None:
        yield ok("port", f"{settings.host} port {settings.port} is free" if settings.port else "any free one")
        return
    owner = port_owner(settings.port)
    held = f" ({owner})" if owner is not None else ""
    yield fault(
        "port",
        f"{settings.host} port {settings.port} cannot be used: {problem}{held}",
        "stop the program that has it, or choose another port with --port or `port` in lean-relay.toml",
    )


async def responding(settings: Settings) -> tuple[EngineStatus | None, list[Finding]]:
    """The status of the engine, None without one; and a fault where one runs and does not answer."""
    try:
        return await engine_status(settings), []
    except RelayError as error:
        text, _, step = str(error).partition("; ")
        return None, [fault("engine", text, step or "see its log lines, or end it and start it again")]


def _cannot_bind(host: str, port: int) -> str | None:
    import socket

    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None
