"""The context of a client that verifies whom it speaks to, alike on every Python."""

from __future__ import annotations

import ssl
from pathlib import Path


def verifying(authorities: str | Path | None = None) -> ssl.SSLContext:
    """Client context that verifies a server's certificate and its name.

    Args:
        authorities: file of trusted authorities; default the system's.

    Raises:
        OSError: the file cannot be read, or has no certificate.
    """
    context = ssl.create_default_context(cafile=authorities)
    # From Python 3.13 on, strict is the default and refuses authorities that `openssl req -x509` makes.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
