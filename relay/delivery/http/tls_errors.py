"""Why TLS to a target failed, in words a developer can act on.

Owns the translation of OpenSSL's errors. Where a certificate is for another host, connects again to name it.
"""

from __future__ import annotations

import asyncio
import ssl

from relay.delivery.http.addresses import Addresses, connect_first
from relay.delivery.http.connection import open_connection
from relay.delivery.http.outcomes import Failed
from relay.delivery.http.request import Destination
from relay.delivery.http.tls_contexts import unchecked
from relay.text.safe import visible

NAMES_WITHIN_S = 2.0
"""For the second connection that reads the certificate's names."""

_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""Reasons that versions of OpenSSL give for a response in plain text."""

_REJECTED = {
    "ALERT_UNKNOWN_CA": "it does not trust the CA of the client certificate",
    "ALERT_CERTIFICATE_EXPIRED": "it says that the client certificate has expired",
    "ALERT_CERTIFICATE_REVOKED": "it says that the client certificate is revoked",
    "ALERT_UNSUPPORTED_CERTIFICATE": "it does not accept the type or purpose of the client certificate",
    "ALERT_BAD_CERTIFICATE": "it does not accept the client certificate",
    "ALERT_CERTIFICATE_UNKNOWN": "it does not accept the client certificate",
    "ALERT_ACCESS_DENIED": "it denies access to the holder of the client certificate",
}
"""Alerts about the client certificate (RFC 8446, 6.2)."""

_HOSTNAME_MISMATCH, _IP_MISMATCH = 62, 64
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
"""Codes of OpenSSL's `X509_V_ERR_...`: self-signed, self-signed in the chain, no issuer, no chain."""


def tls_error_text(error: ssl.SSLError, to: Destination) -> str:
    """An error of OpenSSL in plain words."""
    reason = error.reason or ""
    if reason in _NO_TLS:
        return f"{to.place} does not speak TLS; use http://"
    if reason.endswith("ALERT_CERTIFICATE_REQUIRED"):
        return "it requires a client certificate, and none is set (target_cert)"
    for alert, meaning in _REJECTED.items():
        if to.cert_file is not None and reason.endswith(alert):
            return f"{meaning}; run `lean-relay certs check` to inspect it"
    return visible((reason or str(error)).replace("_", " ").lower())


async def untrusted_reason(error: ssl.SSLCertVerificationError, to: Destination) -> str:
    """Why a target's certificate does not pass, with the names it is for where those do not match."""
    if error.verify_code in (_HOSTNAME_MISMATCH, _IP_MISMATCH):
        names = await _names_in_certificate(to)
        if names:
            return f"the certificate is for {visible(', '.join(names))}, not {visible(to.name)}"
    words = f"the certificate of {to.place} is not trusted: {visible(error.verify_message)}"
    if error.verify_code in _UNKNOWN_ISSUER:
        words += "; name the CA that signed it with target_ca (--target-ca FILE), or use --insecure"
    return words


async def _names_in_certificate(to: Destination) -> list[str]:
    """DNS names and IP addresses in the certificate, read over a second connection; empty on any failure.

    Python's ssl returns no certificate after a failed handshake.
    """
    from relay.tls import describe  # with cryptography, 60 ms, for an error message only
    from relay.tls.certificate import Certificate

    try:
        async with asyncio.timeout(NAMES_WITHIN_S):
            sock, _ = await connect_first(to, await Addresses().resolve(to), NAMES_WITHIN_S)
            connection = await open_connection(sock, to, unchecked())
    except (OSError, Failed):
        return []
    certificate = connection.peer_certificate()
    connection.abort()
    await connection.gone()
    if certificate is None:
        return []
    try:
        names = describe.alternative_names(Certificate.from_der(certificate))
    except ValueError:
        return []
    return [name for kind, _, name in (each.partition(":") for each in names) if kind in ("DNS", "IP")]
