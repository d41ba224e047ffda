"""Contexts for connections that the relay makes itself: whom it trusts, and what it shows.

Owns the check of the files: a private key that others can read is refused, as at the door.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from relay.certs import reading
from relay.certs.making import Files
from relay.config import default_certs
from relay.errors import RelayError, UsageError


def development_authority() -> Path | None:
    """The authority that `certs init` and `--dev-tls` made, where there is one."""
    path = Files(default_certs()).ca
    return path if path.exists() else None


def client_context(
    *, cert: Path | None = None, key: Path | None = None, also_trust: Sequence[Path | None] = ()
) -> ssl.SSLContext:
    """A context that trusts the system's authorities and others, and shows a certificate where it has one.

    Args:
        key: the private key of `cert`; None where that holds both.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    context = ssl.create_default_context()
    # From Python 3.13 on, strict is the default and refuses what `openssl req -x509` makes.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for path in also_trust:
        if path is not None:
            reading.certificates(path)
            context.load_verify_locations(path)
    show(context, cert, key)
    return context


def show(context: ssl.SSLContext, cert: Path | None, key: Path | None) -> None:
    """Have a context show a certificate.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    if cert is None:
        if key is not None:
            raise UsageError(f"{key} is a private key; name its certificate too")
        return
    certificates = reading.certificates(cert)
    if not reading.belong_together(certificates[0], reading.own_key(key or cert)):
        raise RelayError(
            f"{cert} is not the certificate of the private key in {key or cert}", word="tls-mismatch"
        )
    try:
        context.load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise RelayError(f"{cert}: OpenSSL does not take it: {error}", word="tls-unreadable") from error
