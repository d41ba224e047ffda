"""What settings say of requests: how they are judged, answered and routed; read and checked together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from relay.answering import Answers
from relay.arrival import Judge
from relay.config import Settings, read_app_token, read_secrets
from relay.routing import Routes

log = logging.getLogger("relay.rules")


@dataclass(frozen=True, slots=True)
class Rules:
    """One reading of them; replaced as a whole."""

    judge: Judge
    answers: Answers
    routes: Routes

    @classmethod
    def read(cls, settings: Settings) -> Rules:
        """Read secrets, filters and targets.

        Raises:
            UsageError: one of them is wrong; nothing has changed.
        """
        now = datetime.now().astimezone()
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
        return cls(judge, answers, Routes(settings.forward, now))
