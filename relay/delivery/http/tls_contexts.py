"""TLS contexts for targets, made from the files that a destination names.

Owns trust and the client certificate of outgoing connections; opens no connection.
"""

from __future__ import annotations

import asyncio
import ssl

from relay.delivery.http.outcomes import Failed, Outcome, os_error_text
from relay.delivery.http.request import Destination
from relay.errors import RelayError
from relay.tls.verifying import verifying


class TlsContexts:
    """TLS contexts by destination, each made once: reading the system's CAs takes 20 ms."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], ssl.SSLContext] = {}

    async def load(self, to: Destination) -> ssl.SSLContext:
        """The context for this destination.

        Raises:
            Failed: its CA file, client certificate or key cannot be read.
        """
        key = to.tls
        if key not in self._known:
            try:
                self._known[key] = await asyncio.to_thread(_context, to)
            except (RelayError, OSError) as error:  # ssl.SSLError is one
                reason = os_error_text(error) if isinstance(error, OSError) else str(error)
                words = f"TLS failed: could not use a certificate file: {reason}"
                raise Failed(Outcome.TLS_FAILED, words, target_down=True) from error
        return self._known[key]

    def forget(self, to: Destination) -> None:
        """Read the files again next time: they may have been corrected."""
        self._known.pop(to.tls, None)


def unchecked() -> ssl.SSLContext:
    """A context that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(to: Destination) -> ssl.SSLContext:
    if to.insecure:
        context = unchecked()
    elif to.ca_file is None:
        context = verifying()
        if to.also_trust is not None:
            from relay.tls.client_cert import trust

            trust(context, to.also_trust)
    else:
        from relay.tls.client_cert import trusting_only  # with cryptography, 60 ms

        context = trusting_only(to.ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if to.cert_file is not None:
        from relay.tls.client_cert import show

        show(context, to.cert_file, to.key_file)
    return context
