"""From a name to a connected socket: the addresses of a target, and the first that accepts a connection.

Each attempt has a connection of its own, so each resolves and connects: resolved addresses, which need a
thread, are cached for a moment, and a connection that is made at once (on this machine it is) is not awaited.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from ipaddress import ip_address
from time import monotonic
from typing import cast

from relay.delivery.http.outcomes import not_connected, unresolved
from relay.delivery.http.request import Destination

CACHED_S = 1.0
"""How long the addresses of a name are cached, unless none of them accepts a connection."""

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
Address = tuple[socket.AddressFamily, SocketAddress]


class Addresses:
    """The addresses of targets, in the resolver's order."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    async def resolve(self, to: Destination) -> list[Address]:
        """
        Raises:
            Failed: the name has no address.
        """
        until, addresses = self._known.get((to.host, to.port), (0.0, []))
        if monotonic() >= until:
            addresses = await _resolve(to)
            self._known[to.host, to.port] = monotonic() + CACHED_S, addresses
        return addresses

    def forget(self, to: Destination) -> None:
        """Resolve it again next time."""
        self._known.pop((to.host, to.port), None)


async def _resolve(to: Destination) -> list[Address]:
    try:
        literal = ip_address(to.host)
    except ValueError:
        pass
    else:
        return [(socket.AF_INET if literal.version == 4 else socket.AF_INET6, (to.host, to.port))]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise unresolved(error, to) from error
    return [(family, cast("tuple[str, int]", address)) for family, _, _, _, address in found]


async def connect_first(
    to: Destination, addresses: list[Address], within_s: float
) -> tuple[socket.socket, SocketAddress]:
    """A socket connected to the first address that accepts; each silent one gets its share of the time.

    Raises:
        Failed: no address accepts.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    failure: OSError | None = None
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            failure = failure or error
            continue
        sock.setblocking(False)
        try:
            if not _is_connected(sock, address):
                async with asyncio.timeout((deadline - loop.time()) / left if left > 1 else None):
                    await _wait_until_connected(sock)
        except OSError as error:  # TimeoutError is one
            sock.close()
            # A refusal says more than an address family that this machine has no route to.
            if failure is None or isinstance(error, ConnectionRefusedError):
                failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock, address
    raise not_connected(failure or OSError("the name has no address"), to)


# Not `loop.sock_connect`: uvloop's resolves each address in a thread once more, and waits for its loop
# where the connection is made already.
def _is_connected(sock: socket.socket, address: SocketAddress) -> bool:
    """Begin to connect, and return whether that is done already."""
    code = sock.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EINTR):
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(0):
            return False
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    _raise_for(code)
    return True


async def _wait_until_connected(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(sock, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(sock)
    _raise_for(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _raise_for(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))
