"""From a name to a connected socket: the addresses of a target, and the first that takes a connection.

Each attempt has a connection of its own, so both are on the way of each: the answer of the resolver, which
needs a thread, is kept for a moment, and a connection that is there at once (to this machine it is) is not
waited for.
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

KEPT_S = 1.0
"""The addresses of a name are not asked for again so soon, unless none of them takes a connection."""

Place = tuple[str, int] | tuple[str, int, int, int]
Address = tuple[socket.AddressFamily, Place]


class Addresses:
    """The addresses of targets, in the resolver's order."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    async def of(self, to: Destination) -> list[Address]:
        """
        Raises:
            Failed: the name has none.
        """
        until, addresses = self._known.get((to.host, to.port), (0.0, []))
        if monotonic() >= until:
            addresses = await _resolved(to)
            self._known[to.host, to.port] = monotonic() + KEPT_S, addresses
        return addresses

    def forget(self, to: Destination) -> None:
        """Ask again next time."""
        self._known.pop((to.host, to.port), None)


async def _resolved(to: Destination) -> list[Address]:
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


async def first_to_take(
    to: Destination, addresses: list[Address], within_s: float
) -> tuple[socket.socket, Place]:
    """A socket connected to the first that takes it; each that says nothing gets its share of the time.

    Raises:
        Failed: none does.
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
            # A refusal says more than an address family that this machine has no way to.
            if failure is None or isinstance(error, ConnectionRefusedError):
                failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock, address
    raise not_connected(failure or OSError("it has no address"), to)


# Not `loop.sock_connect`: uvloop's sends each address through a thread once more, and waits for its loop
# where the connection is there already.
def _is_connected(sock: socket.socket, address: Place) -> bool:
    """Begin to connect; whether that is done already."""
    code = sock.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EINTR):
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(0):
            return False
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    _check(code)
    return True


async def _wait_until_connected(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(sock, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(sock)
    _check(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _check(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))
