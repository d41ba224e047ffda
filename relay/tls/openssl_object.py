"""pyOpenSSL with the interface of `ssl.SSLObject`, for the TLS transports of asyncio and uvloop.

Python's ssl ends the handshake of a bad client certificate without showing the certificate; pyOpenSSL lets a
callback decide. Moves bytes between the loop's buffers and OpenSSL's, and translates the errors.
"""

from __future__ import annotations

import ssl
from typing import Any

from OpenSSL import SSL

PIECE_BYTES = 64 * 1024
"""Read from OpenSSL's outgoing buffer at a time; a TLS record is 16 KiB."""


class Adapter:
    """Server side of one connection: the methods and properties of SSLObject that the loops use."""

    def __init__(self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self.connection = SSL.Connection(context, None)
        self.connection.set_accept_state()
        self._incoming = incoming
        self._outgoing = outgoing
        self._more = False
        """OpenSSL's own buffer may hold bytes that are not decrypted yet."""

    def do_handshake(self) -> None:
        """Continue the handshake.

        Raises:
            ssl.SSLWantReadError: it needs more bytes.
            ssl.SSLError: it failed; the alert is in the outgoing buffer.
        """
        self._feed()
        try:
            self.connection.do_handshake()
        except SSL.Error as error:
            raise _translated(error) from None
        finally:
            self._flush()

    def read(self, most: int, buffer: memoryview | None = None) -> bytes | int:
        """Decrypted bytes; empty, or 0 with a buffer, once the peer has closed TLS."""
        self._feed()
        try:
            if buffer is not None:
                return self.connection.recv_into(buffer, most)
            return self.connection.recv(most)
        except SSL.ZeroReturnError:
            self._more = False
            return b"" if buffer is None else 0
        except SSL.Error as error:
            self._more = False
            self._flush()  # reading can answer: it refuses renegotiation and confirms new keys
            raise _translated(error) from None

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Encrypt up to one record of bytes and return how many."""
        try:
            return self.connection.send(data)
        except SSL.Error as error:
            raise _translated(error) from None
        finally:
            self._flush()

    def unwrap(self) -> None:
        """Send close_notify and wait for the peer's."""
        self._feed()
        try:
            done = self.connection.shutdown()
        except SSL.ZeroReturnError:
            done = True
        except SSL.Error as error:
            raise _translated(error) from None
        finally:
            self._flush()
        if not done:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "no close_notify yet")

    def pending(self) -> int:
        """Bytes that can be read now, or 1 if there may be some.

        uvloop reads only while this or its own buffer is not empty: bytes already in OpenSSL's buffer have
        to count, or bodies stall.
        """
        return self.connection.pending() or int(self._more)

    def _feed(self) -> None:
        if self._incoming.pending:
            self.connection.bio_write(self._incoming.read())
            self._more = True

    def _flush(self) -> None:
        while True:
            try:
                data = self.connection.bio_read(PIECE_BYTES)
            except SSL.Error:  # WantReadError: nothing is left
                return
            self._outgoing.write(data)
            if len(data) < PIECE_BYTES:
                return

    # -- properties of an SSLObject ------------------------------------------------------------

    def getpeercert(self) -> dict[str, Any]:
        """As Python's ssl returns a certificate that it did not verify; the loops ask for no other form."""
        return {}

    def version(self) -> str:
        """`TLSv1.3`."""
        return self.connection.get_protocol_version_name()

    def cipher(self) -> tuple[str, str, int] | None:
        """Name, protocol and secret bits."""
        name = self.connection.get_cipher_name()
        if name is None:
            return None
        return name, self.connection.get_cipher_version() or "", self.connection.get_cipher_bits() or 0

    def compression(self) -> None:
        """Always None."""

    def selected_alpn_protocol(self) -> str | None:
        """`http/1.1`, or None if the caller did not offer it."""
        return self.connection.get_alpn_proto_negotiated().decode("ascii", "replace") or None

    @property
    def server_name(self) -> str | None:
        """The name that the caller asked for (SNI)."""
        name = self.connection.get_servername()
        return None if name is None else name.decode("ascii", "replace")


def _translated(error: SSL.Error) -> ssl.SSLError:
    """Python's ssl error for pyOpenSSL's; `reason` is OpenSSL's word."""
    if isinstance(error, SSL.WantReadError):
        return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "more bytes have to arrive first")
    if isinstance(error, SSL.WantWriteError):
        return ssl.SSLWantWriteError(ssl.SSL_ERROR_WANT_WRITE, "more bytes have to be sent first")
    if isinstance(error, SSL.SysCallError):
        return ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the peer disconnected without close_notify")
    reason = ""
    if error.args and isinstance(error.args[0], list):
        reason = next((entry[2] for entry in error.args[0] if len(entry) == 3 and entry[2]), "")
    translated = ssl.SSLError(ssl.SSL_ERROR_SSL, reason or "TLS failed")
    translated.reason = reason
    return translated
