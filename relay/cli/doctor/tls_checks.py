"""The TLS checks of `doctor`: HTTPS of the receiver, and certificates for targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from relay.cli.doctor.checks import Finding, fault, ok, warning
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


def targets(settings: Settings) -> Iterator[Finding]:
    """Whether the authorities and the certificate for targets can be used."""
    if (settings.target_ca, settings.target_cert, settings.target_key) == (None, None, None):
        return
    from relay.tls.client_cert import for_targets

    try:
        left_out = for_targets(settings.target_ca, settings.target_cert, settings.target_key)
    except RelayError as error:
        yield fault(CHECK, str(error), "correct it; until then the relay does not start")
        return
    for note in left_out:
        yield warning(CHECK, note, "replace that one, or remove it from the file")
    if settings.target_ca is not None:
        yield ok(CHECK, f"targets' certificates are checked against {settings.target_ca}")
    if settings.target_cert is not None:
        yield ok(CHECK, f"{settings.target_cert} can be shown to targets")
