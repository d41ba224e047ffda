"""A client certificate, to be shown where the other end asks for one.

Owns the check of its files: a private key that others can read is refused, as at the door.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from relay.certs import reading
from relay.errors import RelayError, UsageError


def show(context: ssl.SSLContext, cert: Path | None, key: Path | None) -> None:
    """Have a context show a certificate; nothing happens without one.

    Args:
        key: its private key; None where that stands in the certificate's file.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    if cert is None:
        if key is not None:
            raise UsageError(f"{key} is a private key; name its certificate too")
        return
    if not reading.belong_together(reading.certificates(cert)[0], reading.own_key(key or cert)):
        raise RelayError(
            f"{cert} is not the certificate of the private key in {key or cert}", word="tls-mismatch"
        )
    try:
        context.load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise RelayError(f"{cert}: OpenSSL does not take it: {error}", word="tls-unreadable") from error
