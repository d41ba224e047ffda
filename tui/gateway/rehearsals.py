"""Rehearsals from the screen: prepared and conducted in this process, sent by the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from relay.config import Settings, preferred_secret, read_secrets
from relay.control.exchange import Requester
from relay.rehearsal.choices import Choices
from relay.rehearsal.report import Report, ReportLine
from relay.rehearsal.target import check_reachable
from relay.text.local_time import now
from relay.text.targets import target_name

if TYPE_CHECKING:  # All checks, and an HTTP client: 30 ms that the start of a screen does not need.
    from relay.rehearsal.preparation import Prepared


class Rehearsals:
    """Conducts rehearsals, for a screen."""

    def __init__(self, settings: Callable[[], Settings], send: Requester) -> None:
        """
        Args:
            settings: the current ones, whose secrets may be newer than the screen.
        """
        self._settings, self._send = settings, send

    async def prepare(self, ids: Sequence[int], choices: Choices) -> tuple[Prepared, str]:
        """Choose what is sent; return it with a sentence that says what is about to happen.

        Args:
            ids: captures; none for the newest webhooks, or samples.

        Raises:
            RelayError: the target cannot be reached, or there is no secret to sign with.
        """
        from relay.rehearsal.conductor import new_seed
        from relay.rehearsal.preparation import prepare

        target = target_name(choices.to or "")
        await check_reachable(target)
        settings = self._settings()
        secrets = read_secrets(settings)
        secret = preferred_secret(secrets) if secrets else None
        prepared = await asyncio.to_thread(
            prepare,
            settings.db,
            choices,
            [str(number) for number in ids],
            now(),
            seed=new_seed(),
            has_secret=secret is not None,
        )
        return prepared, f"Send {prepared.plan(choices, target, secret)}"

    async def run(
        self,
        prepared: Prepared,
        choices: Choices,
        *,
        report: Callable[[ReportLine], None],
        progress: Callable[[str], None],
    ) -> Report:
        """Conduct it; `report` is called with each line.

        Raises:
            RelayError: nothing of it could be done.
        """
        from relay.rehearsal.conductor import rehearse

        target = target_name(choices.to or "")
        stage = await prepared.stage(
            self._send, self._settings().db, choices, to=target, tls=None, progress=progress, by="screen"
        )
        return await rehearse(
            stage, choices.checks, target=target, samples=prepared.are_samples, report=report
        )
