"""Contexts for connections that the relay makes itself: whom it trusts, and what it shows.

Owns the check of the files: a private key that others can read is refused, as at the door.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from relay.certs.making import Files
from relay.certs.showing import show, trust
from relay.config import default_certs


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
            trust(context, path)
    show(context, cert, key)
    return context
