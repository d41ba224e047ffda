"""Fetches a server's certificates by a handshake, and checks whether this machine trusts them.

Opens two connections: one accepts any certificate, the other verifies.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from OpenSSL import SSL

from relay.errors import Unreachable
from relay.tls.certificate import Certificate
from relay.tls.client_cert import trusting_only
from relay.tls.verifying import verifying

WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """Certificates and TLS parameters of a server."""

    certificates: tuple[Certificate, ...]
    """The server's own comes first."""
    version: str
    cipher: str
    asks: bool
    """The server names authorities for client certificates: the only sign in TLS that it asks for one."""
    fault: str | None
    """Why a verifying client would refuse it; None if it is trusted."""


def probe(host: str, port: int, *, name: str | None = None, ca: Path | None = None) -> ProbeResult:
    """Fetch the certificates of a server.

    Args:
        name: the name to send (SNI) and to check; default the host.
        ca: file of trusted authorities; default the system's.

    Raises:
        Unreachable: no connection, or no TLS on it.
        RelayError: `tls-unreadable`, the file of authorities cannot be used.
    """
    trusting = verifying() if ca is None else trusting_only(ca)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
    try:
        with socket.create_connection((host, port), timeout=WITHIN_S) as plain:
            connection = SSL.Connection(context, None)
            connection.set_connect_state()
            if not _is_address(name or host):
                connection.set_tlsext_host_name((name or host).encode("idna"))
            _shake_hands(connection, plain)
    except (SSL.Error, UnicodeError) as error:
        raise Unreachable(
            f"{host} port {port} does not speak TLS ({_words(error)})", word="no-tls"
        ) from error
    except OSError as error:
        raise Unreachable(
            f"{host} port {port} cannot be reached: {error.strerror or error}", word="unreachable"
        ) from error
    return ProbeResult(
        certificates=tuple(map(Certificate, connection.get_peer_cert_chain() or ())),
        version=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name() or "",
        asks=bool(connection.get_client_ca_list()),
        fault=_why_not_trusted(host, port, name or host, trusting),
    )


def _shake_hands(connection: SSL.Connection, plain: socket.socket) -> None:
    deadline = monotonic() + WITHIN_S
    while True:
        done = False
        try:
            connection.do_handshake()
            done = True
        except SSL.WantReadError:
            pass
        while True:
            try:
                plain.sendall(connection.bio_read(65536))
            except SSL.WantReadError:
                break
        if done:
            return
        if monotonic() > deadline:
            raise TimeoutError(f"the handshake did not finish within {WITHIN_S:g} s")
        data = plain.recv(65536)
        if not data:
            raise ConnectionResetError("the connection was closed during the handshake")
        connection.bio_write(data)


def _why_not_trusted(host: str, port: int, name: str, context: ssl.SSLContext) -> str | None:
    try:
        with socket.create_connection((host, port), timeout=WITHIN_S) as plain:
            with context.wrap_socket(plain, server_hostname=name):
                return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return None  # the server may refuse us, for lack of a client certificate; only its own matters here


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def _words(error: Exception) -> str:
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return str(error) or type(error).__name__
