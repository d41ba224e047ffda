"""The checks of the webhook secrets and the application token."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.checks.findings import Finding, fault, ok, warning
from relay.checks.running import receiver
from relay.config import Settings, read_app_token, read_secrets
from relay.control.messages import EngineStatus
from relay.errors import UsageError


def secrets(settings: Settings, status: EngineStatus | None = None) -> Iterator[Finding]:
    """Whether signatures can be checked.

    Args:
        status: of the running engine, which may have been started where a secret is set; None without one.
    """
    if not settings.secrets and settings.share:
        yield ok("secrets", "none, and a node that shares needs none")
        return
    if not settings.secrets:
        text = (
            "no webhook secret is configured, so signatures are not checked"
            if receiver(status) is None
            else "no webhook secret is configured here, so this shell signs and checks nothing; the running "
            "engine has its own"
        )
        step = (
            "start with LEAN_WEBHOOK_SECRET_FILE set; or set [secrets] in the file that "
            "`lean-relay config init` writes"
        )
        yield warning("secrets", text, step)
        return
    names = ", ".join(source.name for source in settings.secrets)
    yield from _read("secrets", f"readable: {names}", read_secrets, settings)


def app_token(settings: Settings) -> Iterator[Finding]:
    """Whether the application token, where one is configured, can be read."""
    if settings.app_token is not None:
        yield from _read("app token", "readable", read_app_token, settings)


def _read(check: str, fine: str, read: Callable[..., object], settings: Settings) -> Iterator[Finding]:
    unwise: list[str] = []
    try:
        read(settings, warn=unwise.append)
    except UsageError as error:
        for line in str(error).splitlines():
            yield fault(check, line, "put the secret there, or remove the setting")
        return
    yield ok(check, fine)
    for text in unwise:
        said, _, step = text.partition("; ")
        yield warning(check, said, step or "check that the secret is the one in Lean's dashboard")
