"""The checks of targets: routes, reachability, and the certificates for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from relay.checks.findings import Finding, fault, ok, warning
from relay.checks.running import receiver
from relay.config import Settings
from relay.control.messages import EngineStatus
from relay.errors import RelayError, UsageError


async def reachable(settings: Settings, status: EngineStatus | None) -> list[Finding]:
    """Whether each target can be reached, and other errors in the routes.

    Args:
        status: of the running engine; None without one.
    """
    from relay.delivery.destinations import destinations
    from relay.delivery.http.connect import unreachable_reason
    from relay.receiver.routes import Routes
    from relay.text.targets import leads_to, target_name

    if settings.share and not settings.forward:
        return [ok("targets", "none, as a node that shares forwards nothing")]
    engine = receiver(status)
    of_engine = [] if engine is None else list(_of_engine(engine, settings))
    if not settings.forward:
        return of_engine or [
            ok(
                "targets",
                "none, so captures are only stored; add one with --forward-to, or `forward` in the settings",
            )
        ]
    found: list[Finding] = []
    for route in settings.forward:
        try:
            Routes([route], datetime.now(UTC))
        except UsageError as error:
            step = "correct it; until then `lean-relay listen` does not start"
            found.append(fault("targets", str(error), step))
    names = list(dict.fromkeys(target_name(route.to) for route in settings.forward))
    ways = destinations(names, settings).values()
    for name, why_not in zip(names, await asyncio.gather(*map(unreachable_reason, ways)), strict=True):
        if leads_to(name, settings.host, settings.port):
            step = "use the port of your backend, or listen on another with --port"
            found.append(fault("targets", f"{name} is this relay itself", step))
        elif why_not is not None:
            step = "start your backend, or correct the target; captures wait for it"
            found.append(warning("targets", f"{name}: {why_not}", step))
        else:
            found.append(ok("targets", f"{name} can be reached"))
    if settings.insecure:
        step = "set target_ca to its authority, and remove `insecure`"
        found.append(warning("targets", "certificates of targets are not checked", step))
    return found + of_engine


def _of_engine(status: EngineStatus, settings: Settings) -> Iterator[Finding]:
    """The state of the targets that the running engine has, and the settings do not name."""
    from relay.text.targets import target_name

    named = {target_name(route.to) for route in settings.forward}
    for target in status.targets:
        if target.target in named or target.state == "not configured":
            continue
        text = f"{target.target} of the running engine is {target.state}"
        if target.state == "up":
            yield ok("targets", text)
        elif target.state == "paused":
            yield warning("targets", text, "`lean-relay resume` sends what waits for it")
        else:
            reason = f": {target.reason}" if target.reason else ""
            yield warning("targets", text + reason, "start your backend; captures wait for it")


def certificates(settings: Settings) -> Iterator[Finding]:
    """Whether the authorities and the certificate for targets can be used."""
    if (settings.target_ca, settings.target_cert, settings.target_key) == (None, None, None):
        return
    from relay.tls.client_cert import for_targets

    try:
        left_out = for_targets(settings.target_ca, settings.target_cert, settings.target_key)
    except RelayError as error:
        yield fault("tls", str(error), "correct it; until then the relay does not start")
        return
    for note in left_out:
        yield warning("tls", note, "replace that one, or remove it from the file")
    if settings.target_ca is not None:
        yield ok("tls", f"targets' certificates are checked against {settings.target_ca}")
    if settings.target_cert is not None:
        yield ok("tls", f"{settings.target_cert} can be shown to targets")
