"""Opens the listening sockets: one port, on every address of the host name."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

ATTEMPTS = 20
"""Attempts to find a port that is free on every address."""


async def listen(accept: Callable[[], asyncio.Protocol], host: str, port: int) -> list[asyncio.Server]:
    """Listen on all addresses of a name, with the same port even for port 0.

    `create_server` would choose another port for each address.

    Raises:
        OSError: an address is taken or not ours, or the name has none.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:  # of a name with an empty label, or one longer than 63 characters
        raise OSError("it is not a valid host name") from error
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    for attempt in range(1, ATTEMPTS + 1):
        servers: list[asyncio.Server] = []
        try:
            for address in addresses:
                chosen = servers[0].sockets[0].getsockname()[1] if servers else port
                servers.append(
                    await loop.create_server(accept, address, chosen, backlog=1024, reuse_port=False)
                )
            return servers
        except OSError as error:
            for server in servers:
                server.close()
            if port or not servers or error.errno != errno.EADDRINUSE or attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")
