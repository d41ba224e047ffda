"""Connections to targets: connect, TLS, and the two ends of a byte stream.

Owns one connection and the words for why there is none; knows no HTTP. No proxy from the environment is
asked. A `Channel` is a protocol of its own and no asyncio stream, because what a backend said before it
reset the connection must not be lost (a `StreamReader` raises first), and because a kept connection has
to know at once that its other end has gone.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import cast

from relay.delivery.http.addresses import Addresses, first_to_take
from relay.delivery.http.outcomes import Failed, Outcome, not_connected, said
from relay.delivery.http.request import Destination
from relay.delivery.http.standstill import Watch
from relay.errors import RelayError
from relay.text.safe import visible

CONNECT_WITHIN_S = 10.0
"""For name, connection and TLS handshake together; shorter where the try has less."""

NAMES_WITHIN_S = 2.0
"""For a second look at a certificate whose names do not fit."""

CLOSED_AT_ONCE_S = 0.1
"""Whoever closes a connection this soon is not up: Docker's proxy does, for a container without a server."""

HELD_BYTES = 1024 * 1024
"""Of what came and was not read yet; more waits in the socket."""

PIECE_BYTES = 64 * 1024
"""What goes to the socket at a time."""

SHUTDOWN_WITHIN_S = 2.0
"""For TLS's goodbye."""

_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""What OpenSSL's versions call an answer in plain text."""

_NOT_TAKEN = {
    "ALERT_UNKNOWN_CA": "it does not know the authority of the client certificate",
    "ALERT_CERTIFICATE_EXPIRED": "it says that the client certificate has expired",
    "ALERT_CERTIFICATE_REVOKED": "it says that the client certificate is revoked",
    "ALERT_UNSUPPORTED_CERTIFICATE": "it does not take the kind or purpose of the client certificate",
    "ALERT_BAD_CERTIFICATE": "it does not take the client certificate",
    "ALERT_CERTIFICATE_UNKNOWN": "it does not take the client certificate",
    "ALERT_ACCESS_DENIED": "it does not let in the holder of the client certificate",
}
"""Alerts about what was shown (RFC 8446, 6.2)."""

_Untrusted = ssl.SSLCertVerificationError
_HOSTNAME_MISMATCH, _IP_MISMATCH = 62, 64
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
"""Codes of OpenSSL's `X509_V_ERR_...`: self-signed, self-signed in the chain, no issuer, no chain."""


class Channel(asyncio.Protocol):
    """One connection; what arrives waits here until it is read, and may be read after the end."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes that came since the connection was made."""
        self.ended = False
        """Nothing more can come."""
        self.made_at = monotonic()
        """When it was connected, by `monotonic()`."""
        self.address: str | None = None
        """Where it goes, for a name that has several addresses; else None."""
        self.plain: socket.socket | None = None
        """The socket; None where TLS is spoken, whose bytes nobody else can read."""
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_future()
        self._transport: asyncio.Transport
        self._arrived: deque[bytes] = deque()
        self._waiting = 0  # bytes in _arrived
        self._paused = False
        self._unsent = memoryview(b"")
        self._is_large = False
        self._may_write = True
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made_at = monotonic()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._arrived.append(data)
        self._waiting += len(data)
        if self._waiting > HELD_BYTES and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.plain is not None:
            self._read_what_is_there(self.plain)
        self.ended = True
        self._unsent = memoryview(b"")
        self._error = exc
        if not self._gone.done():
            self._gone.set_result(None)
        self._wake()

    def _read_what_is_there(self, sock: socket.socket) -> None:
        """A write failed: what the other end said before it closed has not been looked at."""
        with suppress(OSError):
            while self._waiting <= HELD_BYTES and (data := sock.recv(PIECE_BYTES)):
                self.data_received(data)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def write(self, data: bytes) -> None:
        """Hand bytes over, to be sent as the other end takes them; not again before all are sent."""
        self._unsent = memoryview(data)
        self._is_large = len(data) > PIECE_BYTES
        self._pump()

    def _pump(self) -> None:
        # In pieces: TLS would encrypt ten megabytes in one go, and nothing else could run meanwhile.
        while self._unsent and self._may_write and not self._transport.is_closing():
            if self._is_large and self._has_news():
                # A response that comes before the whole body was taken: a write that fails would lose it.
                self._loop.call_soon(self._pump)
                return
            piece, self._unsent = self._unsent[:PIECE_BYTES], self._unsent[PIECE_BYTES:]
            self._transport.write(piece)

    async def read(self, most: int) -> bytes:
        """What came and was not read yet, 1 to `most` bytes; empty at the end of the stream.

        Raises:
            OSError: the connection broke, and everything that came before has been read.
        """
        while not self._arrived and not self.ended:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._arrived:
            data = self._arrived.popleft()
            if len(data) > most:
                self._arrived.appendleft(data[most:])
                data = data[:most]
            self._waiting -= len(data)
            if self._paused and self._waiting <= HELD_BYTES and not self.ended:
                self._paused = False
                self._transport.resume_reading()
            return data
        if self._error is not None:
            raise self._error
        return b""

    def all_sent(self) -> bool:
        """Whether the system has taken every byte written."""
        return not self._unsent and self._transport.get_write_buffer_size() == 0

    def is_fresh(self) -> bool:
        """Whether nothing came and the other end has not closed it, as far as this machine knows by now."""
        if self.ended or self._arrived or self._transport.is_closing():
            return False
        return not self._is_readable()

    def _has_news(self) -> bool:
        return not self.ended and not self._paused and self._is_readable()

    def _is_readable(self) -> bool:
        # The loop may not have looked yet: ask the socket. Costs 2 us, and select() stops at 1024 files.
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def peer_certificate(self) -> bytes | None:
        """What the other end showed in the handshake, as DER; None without TLS."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.getpeercert(binary_form=True)

    def close(self) -> None:
        """End it in order, in the background."""
        self._transport.close()

    def abort(self) -> None:
        """End it now; what is not sent yet never will be."""
        self._transport.abort()

    def when_gone(self, tell: Callable[[Channel], object]) -> None:
        """Call `tell` with this channel once the socket is closed."""
        self._gone.add_done_callback(lambda _: tell(self))

    async def gone(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._gone)


class Contexts:
    """TLS settings by destination, read once: the system's authorities take 20 ms."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], ssl.SSLContext] = {}

    async def of(self, to: Destination) -> ssl.SSLContext:
        """The settings for this destination.

        Raises:
            Failed: its CA file, or what is to be shown, cannot be read.
        """
        key = to.tls
        if key not in self._known:
            try:
                self._known[key] = await asyncio.to_thread(_context, to)
            except (RelayError, OSError) as error:  # ssl.SSLError is one
                what = said(error) if isinstance(error, OSError) else str(error)
                words = f"TLS failed: a certificate file cannot be used: {what}"
                raise Failed(Outcome.TLS_FAILED, words, target_down=True) from error
        return self._known[key]

    def forget(self, to: Destination) -> None:
        """Read them again next time: the file may have been put right."""
        self._known.pop(to.tls, None)


async def connect(
    to: Destination,
    contexts: Contexts,
    within_s: float,
    watch: Watch | None = None,
    known: Addresses | None = None,
) -> Channel:
    """A new connection, its TLS handshake done.

    Args:
        watch: knows how long this process stood still meanwhile, which does not count; without one it does.
        known: addresses that were asked for a moment ago; without them the resolver is asked.

    Raises:
        Failed: there is none, and no byte of a request was sent.
    """
    context = await contexts.of(to) if to.secure else None
    known = known or Addresses()
    within_s = min(within_s, CONNECT_WITHIN_S)
    doing = Outcome.UNRESOLVED
    try:
        async with asyncio.timeout(within_s) if watch is None else watch.within(within_s):
            addresses = await known.of(to)
            doing = Outcome.UNREACHABLE
            try:
                sock, address = await first_to_take(to, addresses, within_s)
            except BaseException:
                known.forget(to)
                raise
            doing = Outcome.TLS_FAILED
            channel = await _wrap(sock, to, context)
            channel.address = address[0] if len(set(addresses)) > 1 else None
            return channel
    except TimeoutError:
        late = {
            Outcome.UNRESOLVED: f"the name {visible(to.host)} was not resolved within {within_s:g} s",
            Outcome.UNREACHABLE: f"no connection to {to.place} within {within_s:g} s",
            Outcome.TLS_FAILED: f"TLS failed: {to.place} did not finish the handshake within {within_s:g} s",
        }
        raise Failed(doing, late[doing], target_down=True) from None
    except ssl.SSLError as error:
        contexts.forget(to)
        words = await _why_not_trusted(error, to) if isinstance(error, _Untrusted) else tls_words(error, to)
        raise Failed(Outcome.TLS_FAILED, f"TLS failed: {words}", target_down=True) from error
    except OSError as error:
        if doing is not Outcome.TLS_FAILED:
            raise not_connected(error, to) from error
        words = f"TLS failed: {to.place} closed the connection in the handshake; does it speak TLS?"
        raise Failed(Outcome.TLS_FAILED, words, target_down=True) from error


async def reachable(to: Destination, timeout_s: float = 3.0) -> str | None:
    """Whether a connection can be made, with TLS where the URL says so: None, or why not."""
    try:
        return await _closes(await connect(to, Contexts(), timeout_s), to)
    except Failed as failed:
        return str(failed)


async def closes_at_once(to: Destination, contexts: Contexts, timeout_s: float = 3.0) -> str | None:
    """That a target closes a connection unasked, or takes none any more, in words; None where it is up."""
    try:
        return await _closes(await connect(to, contexts, timeout_s), to)
    except Failed as failed:
        # A server that ends resets what waits to be accepted, and then refuses.
        down = (Outcome.RESET, Outcome.TLS_FAILED, Outcome.REFUSED)
        return str(failed) if failed.outcome in down else None


async def _closes(channel: Channel, to: Destination) -> str | None:
    words = f"{to.place} takes connections and closes them at once"
    try:
        async with asyncio.timeout(CLOSED_AT_ONCE_S):
            return None if await channel.read(1) else words
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return f"TLS failed: {tls_words(error, to)}"
    except OSError:
        return words
    finally:
        channel.abort()
        await channel.gone()


def tls_words(error: ssl.SSLError, to: Destination) -> str:
    """What OpenSSL means, for people."""
    reason = error.reason or ""
    if reason in _NO_TLS:
        return f"{to.place} does not speak TLS; write http:// for it"
    if reason.endswith("ALERT_CERTIFICATE_REQUIRED"):
        return "it wants a client certificate, and this relay shows none"
    for alert, means in _NOT_TAKEN.items():
        if to.cert_file is not None and reason.endswith(alert):
            return f"{means}; `lean-relay certs check` looks it through"
    return visible((reason or str(error)).replace("_", " ").lower())


async def _wrap(sock: socket.socket, to: Destination, context: ssl.SSLContext | None) -> Channel:
    loop = asyncio.get_running_loop()
    try:
        if context is None:
            _, channel = await loop.create_connection(Channel, sock=sock)
            channel.plain = sock
        else:
            _, channel = await loop.create_connection(
                Channel,
                sock=sock,
                ssl=context,
                server_hostname=to.name,
                ssl_handshake_timeout=CONNECT_WITHIN_S,
                ssl_shutdown_timeout=SHUTDOWN_WITHIN_S,
            )
    except BaseException:
        sock.close()
        raise
    return channel


def _context(to: Destination) -> ssl.SSLContext:
    if to.insecure:
        context = _unchecked()
    elif to.ca_file is None:
        context = ssl.create_default_context()
        if to.also_trust is not None:
            from relay.tls.client_cert import trust

            # From Python 3.13 on, strict is the default and refuses what `openssl req -x509` makes.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            trust(context, to.also_trust)
    else:
        from relay.tls.client_cert import trusting_only  # with cryptography, 60 ms

        context = trusting_only(to.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if to.cert_file is not None:
        from relay.tls.client_cert import show

        show(context, to.cert_file, to.key_file)
    return context


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _why_not_trusted(error: _Untrusted, to: Destination) -> str:
    if error.verify_code in (_HOSTNAME_MISMATCH, _IP_MISMATCH):
        names = await _names_in_certificate(to)
        if names:
            return f"the certificate is for {visible(', '.join(names))}, not {visible(to.name)}"
    words = f"the certificate at {to.place} does not pass: {visible(error.verify_message)}"
    if error.verify_code in _UNKNOWN_ISSUER:
        words += "; name the CA that signed it with target_ca (--target-ca FILE), or use --insecure"
    return words


async def _names_in_certificate(to: Destination) -> list[str]:
    """For whom the certificate is, by a second connection; empty where that cannot be found out.

    Python's ssl gives no certificate after a handshake that failed.
    """
    from relay.tls import describe  # with cryptography, 60 ms, for an error message only
    from relay.tls.certificate import Certificate

    try:
        async with asyncio.timeout(NAMES_WITHIN_S):
            sock, _ = await first_to_take(to, await Addresses().of(to), NAMES_WITHIN_S)
            channel = await _wrap(sock, to, _unchecked())
    except (OSError, Failed):
        return []
    certificate = channel.peer_certificate()
    channel.abort()
    await channel.gone()
    if certificate is None:
        return []
    try:
        names = describe.alternative_names(Certificate.from_der(certificate))
    except ValueError:
        return []
    return [name for kind, _, name in (each.partition(":") for each in names) if kind in ("DNS", "IP")]
