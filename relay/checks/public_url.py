"""The checks of the public URL and of the tunnel that leads here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from relay.checks.findings import Finding, fault, ok, warning
from relay.checks.running import receiver
from relay.config import Settings
from relay.control.messages import EngineStatus, TunnelStatus

CHECK = "public URL"


def configured(settings: Settings) -> Iterator[Finding]:
    """Whether a public URL is set, and uses https."""
    url = settings.public_url
    if url is None:
        yield warning(
            CHECK,
            "no public URL is set, so it is unknown whether Lean can reach this relay",
            "start a tunnel with listen --tunnel, or set public_url; see `lean-relay help public-url`",
        )
    elif urlsplit(url).scheme != "https":
        text = f"{url} is not https: bank data would cross the network unencrypted"
        yield warning(CHECK, text, "use a tunnel or server with https")
    else:
        yield ok(CHECK, url)


def in_force(settings: Settings, status: EngineStatus | None) -> Iterator[Finding]:
    """The same of the running engine, which may have a tunnel; without an engine, of the settings."""
    engine = receiver(status)
    if engine is None:
        return configured(settings) if settings.tunnel is None else _not_started(settings)
    if engine.tunnel is not None:
        return through(engine.tunnel)
    return configured(replace(settings, public_url=engine.engine.public_url or settings.public_url))


def _not_started(settings: Settings) -> Iterator[Finding]:
    from relay.tunnel.supervisor import why_not_started  # which the screen's start does not need

    assert settings.tunnel is not None
    if (reason := why_not_started(settings)) is not None:
        yield fault(CHECK, reason, "see `lean-relay help public-url`")
    else:
        yield ok(CHECK, f"`lean-relay listen` starts {settings.tunnel.name}")


def through(tunnel: TunnelStatus) -> Iterator[Finding]:
    """Whether the engine's tunnel is up."""
    if tunnel.state == "up":
        yield ok(CHECK, f"{tunnel.url} by {tunnel.name}")
    elif tunnel.state == "starting" and tunnel.reason is None:
        yield warning(CHECK, f"the tunnel {tunnel.name} is starting", "wait some seconds")
    else:
        yield fault(
            CHECK,
            f"the tunnel {tunnel.name} is {tunnel.state}: {tunnel.reason or 'no reason known'}",
            "no webhook of Lean arrives until it is up; it is started again by itself",
        )
