"""The check of HTTPS at the receiver."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from relay.checks.findings import Finding, fault, ok, warning
from relay.config import Settings, default_certs
from relay.errors import RelayError

CHECK = "tls"

COMMANDS = ("chmod ", "lean-relay ", "sudo ")
"""Beginnings of the command at the end of a refusal to start."""


def receiver(settings: Settings) -> Iterator[Finding]:
    """Whether the receiver can serve HTTPS, for how long, and which client certificates it asks for."""
    if settings.dev_tls:
        yield ok(CHECK, f"HTTPS with development certificates in {default_certs()}, renewed automatically")
        return
    if not settings.sets_https:
        return
    from relay.tls.server import serving

    now = datetime.now(UTC)
    try:
        found = serving(settings, now)
    except RelayError as error:
        said, _, step = str(error).rpartition(": ")
        if not step.startswith(COMMANDS):
            said, step = str(error), "correct it; until then the relay does not start"
        yield fault(CHECK, said, step)
        return
    if found is None:
        return
    for note in found.notes(now):
        yield warning(CHECK, note, "renew it, then run lean-relay reload")
    yield ok(CHECK, f"{settings.tls_cert} can serve HTTPS")
    if found.auth is None:
        return
    trusts = f"against {settings.client_ca}, {len(found.auth.authorities)} trusted"
    yield ok(CHECK, f"clients are asked for a certificate ({found.client_auth}), checked {trusts}")
    if found.auth.required and not found.auth.pins:
        yield warning(
            CHECK,
            "any client with a certificate of these authorities is accepted, not only Lean",
            "pin Lean's certificate with client_pin; `lean-relay certs show ID` prints the pins",
        )
