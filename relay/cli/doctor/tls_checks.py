"""The checks of `doctor` on TLS: what the door serves and asks for, and what is shown to targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from relay.cli.doctor.checks import Finding, fault, ok, warning
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
    if not settings.sets_https:
        return
    from relay.tls.server import serving

    now = datetime.now(UTC)
    try:
        found = serving(settings, now)
    except RelayError as error:
        said, _, step = str(error).rpartition(": ")
        if not step.startswith(COMMANDS):
            said, step = str(error), "put it right; until then the relay does not start"
        yield fault(CHECK, said, step)
        return
    if found is None:
        return
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
    """Whether the files for targets can be used: whom to trust, and what to show."""
    if (settings.target_ca, settings.target_cert, settings.target_key) == (None, None, None):
        return
    from relay.tls.client_cert import for_targets

    try:
        left_out = for_targets(settings.target_ca, settings.target_cert, settings.target_key)
    except RelayError as error:
        yield fault(CHECK, str(error), "put it right; until then the relay does not start")
        return
    for note in left_out:
        yield warning(CHECK, note, "get that one again, or take it out of the file")
    if settings.target_ca is not None:
        yield ok(CHECK, f"targets' certificates are checked against {settings.target_ca}")
    if settings.target_cert is not None:
        yield ok(CHECK, f"{settings.target_cert} can be shown to targets")
