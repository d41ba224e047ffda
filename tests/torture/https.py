"""HTTPS for the tests that press and besiege: options for the program, and the context of its callers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Pki
from tests.support.https import NOBODY, client_context


@dataclass(frozen=True, slots=True)
class Https:
    """How program and callers speak."""

    options: tuple[str, ...] = ()
    context: ssl.SSLContext | None = None
    """None for plain HTTP."""


NO_HTTPS = Https()


def https(folder: Path, client_auth: str = "off") -> Https:
    """HTTPS with files made in `folder`; callers show a good certificate where they are asked for one."""
    folder.mkdir(parents=True, exist_ok=True)
    pki = Pki.make(folder)
    client = NOBODY
    options = ["--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key")]
    if client_auth != "off":
        client = pki.client("good")
        options += ["--client-auth", client_auth, "--client-ca", str(folder / "root.pem")]
    return Https(tuple(options), client_context(pki, client))
