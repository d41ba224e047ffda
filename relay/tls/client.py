"""The development authority, for connections that the relay opens itself."""

from __future__ import annotations

from pathlib import Path

from relay.config import default_certs
from relay.tls.development_ca import CertificateFiles


def development_authority() -> Path | None:
    """Certificate of the authority that `certs init` and `--dev-tls` make; None without one."""
    path = CertificateFiles(default_certs()).ca
    return path if path.exists() else None
