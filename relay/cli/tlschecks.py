"""The checks of `doctor` on TLS: what the door serves and asks for, and what is shown to targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from relay.cli.checks import Finding, fault, ok, warning
from relay.config import Settings, default_certs
from relay.errors import RelayError

CHECK = "tls"

COMMANDS = ("chmod ", "lean-relay ", "sudo ")
"""How the command begins with which a refusal to start ends."""


def door(settings: Settings) -> Iterator[Finding]:
    """Whether the door can serve HTTPS, for how long, and what it asks of callers."""
    if settings.dev_tls:
        yield ok(CHECK, f"HTTPS with development certificates in {default_certs()}, renewed by themselves")
        return
    if settings.tls_cert is None and settings.tls_key is None and settings.client_auth == "off":
        return
    from relay.tls.contexts import serving

    now = datetime.now(UTC)
    try:
        found = serving(settings, now)
    except RelayError as error:
        said, _, step = str(error).rpartition(": ")
        if not step.startswith(COMMANDS):
            said, step = str(error), "put it right; until then the relay does not start"
        yield fault(CHECK, said, step)
        return
    assert found is not None
    for note in found.notes(now):
        yield warning(CHECK, note, "renew it, and then: lean-relay reload")
    yield ok(CHECK, f"{settings.tls_cert} can serve HTTPS")
    if found.auth is None:
        return
    trusts = f"against {settings.client_ca}, {len(found.auth.authorities)} trusted"
    yield ok(CHECK, f"callers are asked for a certificate ({found.client_auth}), checked {trusts}")
    if found.auth.required and not found.auth.pins:
        yield warning(
            CHECK,
            "whoever has a certificate of these authorities gets in, not Lean alone",
            "name Lean's with client_pin: `lean-relay certs show ID` prints what to pin",
        )


def shown(settings: Settings) -> Iterator[Finding]:
    """Whether the certificate for targets can be shown."""
    if settings.target_cert is None and settings.target_key is None:
        return
    from relay.tls.outward import client_context

    try:
        client_context(cert=settings.target_cert, key=settings.target_key)
    except RelayError as error:
        yield fault(CHECK, str(error), "put it right; until then the relay does not start")
    else:
        yield ok(CHECK, f"{settings.target_cert} can be shown to targets")
