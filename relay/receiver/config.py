"""What settings say of callers and requests; read and checked together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from relay.config import Settings, read_app_token, read_secrets
from relay.receiver.intake import Judge
from relay.receiver.response_rules import Answers
from relay.receiver.routes import Routes
from relay.receiver.web_pages import Sites
from relay.text import local_time

if TYPE_CHECKING:
    from relay.tls.handshake import Serving

log = logging.getLogger("relay.rules")


@dataclass(frozen=True, slots=True)
class Rules:
    """One reading of them; replaced as a whole."""

    judge: Judge
    answers: Answers
    routes: Routes
    sites: Sites
    tls: Serving | None
    """What serves HTTPS; None for plain HTTP."""

    @classmethod
    def read(cls, settings: Settings, *, receive: bool = True) -> Rules:
        """Read secrets, filters, targets and certificates.

        Args:
            receive: whether there will be a door at all, which certificates are for.

        Raises:
            UsageError: one of them is wrong; nothing has changed.
            RelayError: `tls-...`, a certificate or its key cannot serve.
        """
        now = local_time.now()
        judge = Judge(
            secrets=read_secrets(settings, warn=log.warning),
            app_token=read_app_token(settings, warn=log.warning),
            senders=settings.senders,
        )
        answers = Answers(
            respond=settings.respond,
            delay_s=settings.respond_delay_s,
            rules=settings.respond_rules,
            now=now,
        )
        if receive:
            _see_what_targets_need(settings)
        sites = Sites(allow_cross_site=settings.allow_cross_site, urls=[settings.public_url])
        routes = Routes(settings.forward, now)
        return cls(judge, answers, routes, sites, _tls(settings) if receive else None)


def _see_what_targets_need(settings: Settings) -> None:
    """Whether the files for targets can be used, before the first of them is connected to."""
    if (settings.target_ca, settings.target_cert, settings.target_key) == (None, None, None):
        return
    from relay.tls.client_cert import for_targets

    for note in for_targets(settings.target_ca, settings.target_cert, settings.target_key):
        log.warning("%s", note)


def _tls(settings: Settings) -> Serving | None:
    if not settings.sets_https:
        return None
    from relay.tls.server import serving  # 100 ms of OpenSSL that plain HTTP need not wait for

    found = serving(settings)
    for note in found.notes(datetime.now(UTC)) if found is not None else ():
        log.warning("%s", note)
    return found
