"""The receiver's part of the settings, read and checked together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from relay.config import Settings, read_app_token, read_secrets
from relay.receiver.intake import Intake
from relay.receiver.response_rules import ResponseRules
from relay.receiver.routes import Routes
from relay.receiver.web_pages import WebPageGuard
from relay.text import local_time

if TYPE_CHECKING:
    from relay.tls.handshake import ServerTls

log = logging.getLogger("relay.rules")


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """Settings of the receiver; replaced as a whole when they are read again."""

    intake: Intake
    response_rules: ResponseRules
    routes: Routes
    sites: WebPageGuard
    tls: ServerTls | None
    """TLS for HTTPS; None for plain HTTP."""

    @classmethod
    def read(cls, settings: Settings, *, receive: bool = True) -> ReceiverConfig:
        """Read secrets, filters, targets and certificates.

        Args:
            receive: whether there will be a listener; without one no certificate is read.

        Raises:
            UsageError: one of them is not valid; nothing has changed.
            RelayError: `tls-...`, a certificate or its key cannot be used.
        """
        now = local_time.now()
        intake = Intake(
            secrets=read_secrets(settings, warn=log.warning),
            app_token=read_app_token(settings, warn=log.warning),
            senders=settings.senders,
        )
        response_rules = ResponseRules(
            respond=settings.respond,
            delay_s=settings.respond_delay_s,
            rules=settings.respond_rules,
            now=now,
        )
        if receive:
            _check_target_tls(settings)
        sites = WebPageGuard(allow_cross_site=settings.allow_cross_site, urls=[settings.public_url])
        routes = Routes(settings.forward, now)
        return cls(intake, response_rules, routes, sites, _tls(settings) if receive else None)


def _check_target_tls(settings: Settings) -> None:
    """Check the certificate files for targets at start instead of at first use."""
    if (settings.target_ca, settings.target_cert, settings.target_key) == (None, None, None):
        return
    from relay.tls.client_cert import for_targets

    for note in for_targets(settings.target_ca, settings.target_cert, settings.target_key):
        log.warning("%s", note)


def _tls(settings: Settings) -> ServerTls | None:
    if not settings.sets_https:
        return None
    from relay.tls.server import serving  # loads OpenSSL: 100 ms that plain HTTP does not need

    found = serving(settings)
    for note in found.notes(datetime.now(UTC)) if found is not None else ():
        log.warning("%s", note)
    return found
