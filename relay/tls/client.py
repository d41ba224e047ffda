"""The development authority, which connections that the relay makes itself may trust."""

from __future__ import annotations

from pathlib import Path

from relay.config import default_certs
from relay.tls.development_ca import Files


def development_authority() -> Path | None:
    """The authority that `certs init` and `--dev-tls` made, where there is one."""
    path = Files(default_certs()).ca
    return path if path.exists() else None
