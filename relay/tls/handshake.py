"""What serves HTTPS: the connections of one certificate, their handshakes watched, and their facts.

Plain HTTPS is Python's ssl; where callers are asked for a certificate it is pyOpenSSL. Owns how a handshake
is told to have failed before its connection ends, and the shape of the facts that captures keep.
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
from relay.tls.client_auth import NOT_ASKED, ClientAuth, Found, Verdict
from relay.tls.openssl_object import Adapter
from relay.tls.verdicts import Failure

log = logging.getLogger("relay.receiver")

_encode = msgspec.json.Encoder().encode


class Watch(Protocol):
    """Who wants to know how a handshake goes."""

    spoke: bool
    """Set when the first byte has come."""

    def take_early(self) -> bytes:
        """What came before there was anything to take it; not given again."""

    def failed(self, failure: Failure) -> None:
        """It came to nothing; what is to be said to the caller stands in the outgoing buffer."""


class Plain(ssl.SSLObject):
    """Python's ssl, with its handshake watched; made by `Serving.begin`."""

    steps: Steps
    server_name: str | None = None
    """The name that the caller meant to reach (SNI)."""

    def do_handshake(self) -> None:
        self.steps.go(self._handshake)

    def verdict(self) -> Verdict:
        return NOT_ASKED

    def _handshake(self) -> None:
        # Python decodes the server name for `sni_callback` as ASCII, and prints what is none of it on stderr.
        before, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            super().do_handshake()
        finally:
            sys.unraisablehook = before


class Asking(Adapter):
    """pyOpenSSL, with callers asked for a certificate; made by `Serving.begin`."""

    def __init__(
        self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, auth: ClientAuth
    ) -> None:
        super().__init__(context, incoming, outgoing)
        self.steps: Steps
        self.auth = auth
        self.found = Found()
        self.connection.set_app_data(self)

    def do_handshake(self) -> None:
        self.steps.go(self._handshake, self._why)

    def verdict(self) -> Verdict:
        return self.auth.judge(self.found)

    def _handshake(self) -> None:
        super().do_handshake()
        if self.auth.required and not self.verdict().authenticated:
            # Not reached while OpenSSL asks for each certificate; a hole in that must not let anybody in.
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "certificate verify failed")

    def _why(self, reason: str) -> Failure | None:
        """The failure where it is the certificate's."""
        word = reason.lower()
        if "verify failed" not in word and "did not return a certificate" not in word:
            return None
        verdict = self.verdict()
        return Failure(reason=f"tls-{verdict.verdict}", detail=verdict.sentence())


class Steps:
    """The handshake of one connection, step by step, with its failure told before the connection ends.

    The loops cut a connection whose handshake fails before the alert has left. So a failure is told to the
    watch, and to the loop as if more had to come: it then sends what stands in the outgoing buffer, and the
    watch ends the connection.
    """

    def __init__(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, watch: Watch) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._watch = watch
        self._first = b""
        self._over = False

    def go(
        self, step: Callable[[], None], why: Callable[[str], Failure | None] = lambda reason: None
    ) -> None:
        """One step.

        Raises:
            ssl.SSLWantReadError: more has to come, or it failed and the watch knows.
        """
        if self._over:
            self._incoming.read()
            raise _wait()
        if not self._first and self._incoming.pending:
            data = self._incoming.read()
            self._first = data[:16]
            self._watch.spoke = True
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
        except Exception as error:  # what a callback of OpenSSL's raised: the loops would only print it
            failure = Failure(reason="internal", detail=f"{type(error).__name__} within the handshake")
            log.error("a TLS handshake failed inside the relay: %r", error)
        else:
            return
        self._over = True
        self._watch.failed(failure)
        raise _wait() from None


def _wait() -> ssl.SSLWantReadError:
    return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "nothing more will come of this")


_TEXT = b"this port speaks HTTPS; the URL has to begin with https://\n"
HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nServer: lean-relay\r\nConnection: close\r\n\r\n%s" % (len(_TEXT), _TEXT)
)
"""For a caller that speaks plain HTTP to the HTTPS port."""


class _Shell(ssl.SSLContext):
    """What the loops take for a context; the one connection that it is lent to is made by `begin`."""

    begin: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], Any]

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *_: Any, **__: Any) -> Any:
        return self.begin(incoming, outgoing)


class Serving:
    """One certificate and what is asked of callers; replaced as a whole when it is read again."""

    def __init__(
        self, certificate: Certificate, plain: ssl.SSLContext | SSL.Context, auth: ClientAuth | None
    ) -> None:
        self.certificate = certificate
        self.auth = auth
        self._context = plain
        self._shells: list[_Shell] = []

    def context(self, watch: Watch) -> ssl.SSLContext:
        """A context for one connection, whose handshake is watched.

        The loops do not say for which connection they ask a context for its SSLObject, hence one for each; a
        new one takes 0.1 ms, so they are used again.
        """
        shell = self._shells.pop() if self._shells else _Shell(ssl.PROTOCOL_TLS_SERVER)

        def begin(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> Plain | Asking:
            self._shells.append(shell)
            incoming.write(watch.take_early())
            made = self._begin(incoming, outgoing)
            made.steps = Steps(incoming, outgoing, watch)
            return made

        shell.begin = begin
        return shell

    def _begin(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> Plain | Asking:
        if isinstance(self._context, ssl.SSLContext):
            made = self._context.wrap_bio(incoming, outgoing, server_side=True)
            assert isinstance(made, Plain)
            return made
        assert self.auth is not None
        return Asking(self._context, incoming, outgoing, self.auth)

    @property
    def client_auth(self) -> str:
        """`off`, `optional` or `required`."""
        return "off" if self.auth is None else "required" if self.auth.required else "optional"

    def facts(self, made: Plain | Asking) -> str:
        """The facts of a connection whose handshake is done, as the JSON text that its captures keep."""
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
        """What is allowed but unwise, and what ends soon."""
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
