"""Serve HTTPS: TLS objects for one certificate, their handshakes observed, and their facts.

Plain HTTPS is Python's ssl; where clients are asked for a certificate it is pyOpenSSL. Owns how a failed
handshake is reported before its connection ends, and the form of the facts that captures keep.
"""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from OpenSSL import SSL

from relay.tls import describe, verdicts
from relay.tls.certificate import Certificate
from relay.tls.client_auth import NOT_ASKED, ClientAuth, HandshakeFindings, Verdict
from relay.tls.openssl_object import Adapter
from relay.tls.verdicts import Failure

log = logging.getLogger("relay.receiver")

_encode = msgspec.json.Encoder().encode


class HandshakeObserver(Protocol):
    """Follows the handshake of one connection."""

    spoke: bool
    """Set when the first byte is received."""

    def take_early(self) -> bytes:
        """Return, once, the bytes that were received before the TLS object was made."""

    def failed(self, failure: Failure) -> None:
        """The handshake failed; the alert for the client is in the outgoing buffer."""


class PlainTls(ssl.SSLObject):
    """Python's ssl, with its handshake observed; made by `ServerTls.context`."""

    steps: HandshakeDriver
    server_name: str | None = None
    """The name that the client asked for (SNI)."""

    def do_handshake(self) -> None:
        self.steps.go(self._handshake)

    def verdict(self) -> Verdict:
        return NOT_ASKED

    def _handshake(self) -> None:
        # Python decodes the server name for `sni_callback` as ASCII, and prints to stderr where it is not.
        before, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            super().do_handshake()
        finally:
            sys.unraisablehook = before


class MutualTls(Adapter):
    """pyOpenSSL, asking clients for a certificate; made by `ServerTls.context`."""

    def __init__(
        self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, auth: ClientAuth
    ) -> None:
        super().__init__(context, incoming, outgoing)
        self.steps: HandshakeDriver
        self.auth = auth
        self.found = HandshakeFindings()
        self.connection.set_app_data(
            (auth, self.found)
        )  # not `self`: a cycle keeps each connection in memory

    def do_handshake(self) -> None:
        self.steps.go(self._handshake, self._why)

    def verdict(self) -> Verdict:
        return self.auth.judge(self.found)

    def _handshake(self) -> None:
        super().do_handshake()
        if self.auth.required and not self.verdict().authenticated:
            # Not reached while OpenSSL asks for each certificate; a bug there must not let a client in.
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "certificate verify failed")

    def _why(self, reason: str) -> Failure | None:
        """The failure, if the client certificate caused it."""
        word = reason.lower()
        if "verify failed" not in word and "did not return a certificate" not in word:
            return None
        verdict = self.verdict()
        return Failure(reason=f"tls-{verdict.verdict}", detail=verdict.sentence())


class HandshakeDriver:
    """Runs the handshake of one connection, and reports its failure before the connection ends.

    The loops cut a connection whose handshake fails before the alert is sent. So a failure is reported to the
    observer, and to the loop as if more data were needed: it then sends the outgoing buffer, and the observer
    ends the connection.
    """

    def __init__(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, observer: HandshakeObserver) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._observer = observer
        self._first = b""
        self._over = False

    def go(
        self, step: Callable[[], None], why: Callable[[str], Failure | None] = lambda reason: None
    ) -> None:
        """Run one step.

        Raises:
            ssl.SSLWantReadError: more data is needed, or it failed and the observer was called.
        """
        if self._over:
            self._incoming.read()
            raise _wait()
        if not self._first and self._incoming.pending:
            data = self._incoming.read()
            self._first = data[:16]
            self._observer.spoke = True
            self._incoming.write(data)
        try:
            step()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            reason = error.reason or str(error.args[-1] if error.args else error)
            failure = why(reason) or verdicts.failure(reason, first=self._first)
            if failure.reason == "tls-plain-http":
                self._outgoing.read()
                self._outgoing.write(HTTP_ANSWER)
        except Exception as error:  # raised in a callback of OpenSSL; the loops would only print it
            failure = Failure(reason="internal", detail=f"{type(error).__name__} during the handshake")
            log.error("a TLS handshake failed inside the relay: %r", error)
        else:
            return
        self._over = True
        self._observer.failed(failure)
        raise _wait() from None


def _wait() -> ssl.SSLWantReadError:
    return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the handshake is over")


_TEXT = b"this port speaks HTTPS; the URL has to begin with https://\n"
HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nServer: lean-relay\r\nConnection: close\r\n\r\n%s" % (len(_TEXT), _TEXT)
)
"""For a client that speaks plain HTTP to the HTTPS port."""


class _Shell(ssl.SSLContext):
    """Passed to the loops as a context; `begin` makes the TLS object of one connection."""

    begin: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], Any]

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *_: Any, **__: Any) -> Any:
        return self.begin(incoming, outgoing)


class ServerTls:
    """TLS for incoming connections: a certificate and client authentication; replaced when read again."""

    def __init__(
        self, certificate: Certificate, plain: ssl.SSLContext | SSL.Context, auth: ClientAuth | None
    ) -> None:
        self.certificate = certificate
        self.auth = auth
        self._context = plain
        self._shells: list[_Shell] = []

    def context(self, observer: HandshakeObserver) -> ssl.SSLContext:
        """A context for one connection, whose handshake is observed.

        The loops do not say for which connection they ask a context for an SSLObject, so each connection has
        one; a new one takes 0.1 ms, so they are reused.
        """
        shell = self._shells.pop() if self._shells else _Shell(ssl.PROTOCOL_TLS_SERVER)

        def begin(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> PlainTls | MutualTls:
            del shell.begin  # It holds on to the connection.
            self._shells.append(shell)
            incoming.write(observer.take_early())
            made = self._begin(incoming, outgoing)
            made.steps = HandshakeDriver(incoming, outgoing, observer)
            return made

        shell.begin = begin
        return shell

    def _begin(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> PlainTls | MutualTls:
        if isinstance(self._context, ssl.SSLContext):
            made = self._context.wrap_bio(incoming, outgoing, server_side=True)
            assert isinstance(made, PlainTls)
            return made
        assert self.auth is not None
        return MutualTls(self._context, incoming, outgoing, self.auth)

    @property
    def client_auth(self) -> str:
        """`off`, `optional` or `required`."""
        return "off" if self.auth is None else "required" if self.auth.required else "optional"

    def facts(self, made: PlainTls | MutualTls) -> str:
        """Facts of a connection after its handshake, as the JSON text that its captures keep."""
        verdict = made.verdict()
        cipher = made.cipher()
        return _encode(
            {
                "version": made.version(),
                "cipher": cipher[0] if cipher else None,
                "sni": made.server_name,
                "alpn": made.selected_alpn_protocol(),
                "client_auth": self.client_auth,
                "authenticated": verdict.authenticated,
                "verdict": verdict.verdict,
                "words": verdict.words,
                "why": verdict.why,
                "certificate": verdict.certificate,
            }
        ).decode()

    def notes(self, now: datetime) -> list[str]:
        """Warnings: certificates that expire soon, and CAs that were left out."""
        found = [_ends_soon("this relay's certificate", self.certificate, now)]
        authorities = self.auth.authorities if self.auth is not None else ()
        found += [_ends_soon(f"the authority {one.subject}", one, now) for one in authorities]
        found += self.auth.left_out if self.auth is not None else ()
        return [note for note in found if note is not None]


def _ends_soon(what: str, certificate: Certificate, now: datetime) -> str | None:
    if certificate.ends is None or not describe.ends_soon(certificate, now):
        return None
    left = certificate.ends - now
    ends = describe.time(certificate.ends)
    return (
        f"{what} expired on {ends}" if left < timedelta() else f"{what} ends in {left.days} days, on {ends}"
    )
