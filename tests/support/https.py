"""Shared by tests of HTTPS: a `ServerTls` from settings, and a caller that speaks TLS by Python's ssl."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from relay.config import load
from relay.tls import server
from relay.tls.handshake import ServerTls
from tests.support.certificates import Client, Pki
from tests.support.receiving import a_post

NOBODY = Client(None, None)


def serving(pki: Pki, **flags: Any) -> ServerTls:
    """HTTPS with the server's certificate; `flags` are settings."""
    given = {"tls_cert": pki.folder / "server.pem", "tls_key": pki.folder / "server.key"} | flags
    found = server.serving(load(given, environ={}))
    assert found is not None
    return found


def client_context(
    pki: Pki, client: Client = NOBODY, version: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """A caller's context, which trusts the server and shows the client's certificate."""
    context = ssl.create_default_context(cafile=str(pki.folder / "root.pem"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if client.cert is not None:
        context.load_cert_chain(client.cert, client.key)
    return context


def call(port: int, context: ssl.SSLContext, data: bytes | None = None) -> bytes:
    """Post on a connection of its own and read to its end.

    Raises:
        OSError: the handshake or the connection failed.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(data or a_post(headers=[("Connection", "close")]))
            return b"".join(iter(lambda: secure.recv(65536), b""))


async def called(port: int, context: ssl.SSLContext, data: bytes | None = None) -> bytes:
    """`call` in a thread, while the loop runs."""
    return await asyncio.to_thread(call, port, context, data)
