"""Webhook secrets and the application token."""

from __future__ import annotations

from pathlib import Path

from relay.checks import secrets
from relay.control.messages import EngineStatus, ProcessStatus
from tests.support.loaded_settings import settings


def test_secrets_that_cannot_be_read_are_faults(home: Path) -> None:
    """Each secret that is missing is a fault, one that others can read a warning, none at all a warning."""
    (home / "open").write_text("x")
    (home / "open").chmod(0o644)
    (home / "lean-relay.toml").write_text(
        "app_token = {env = 'LEAN_NO_SUCH_VARIABLE'}\n[secrets]\na = {file = 'open'}\nb = {file = 'none'}"
    )
    assert [f.level for f in secrets.secrets(settings())] == ["fault"]
    assert [f.level for f in secrets.app_token(settings())] == ["fault"]
    (home / "lean-relay.toml").write_text("[secrets]\na = {file = 'open'}")
    fine, loose = secrets.secrets(settings())
    assert (fine.text, loose.level) == ("readable: a", "warning")
    assert loose.next_step is not None
    assert loose.next_step.startswith("run `chmod 600`")
    assert list(secrets.app_token(settings())) == []


def test_a_node_needs_none() -> None:
    """Those who follow check signatures, each with their own secrets."""
    (finding,) = secrets.secrets(settings(share=True))
    assert finding.level == "ok"


def test_none_here_says_nothing_about_a_running_engine() -> None:
    """An engine may have been started where a secret is set, so only this shell is judged."""
    running = EngineStatus(engine=ProcessStatus(pid=1, url="http://127.0.0.1:5326"))
    (alone,) = secrets.secrets(settings())
    (beside,) = secrets.secrets(settings(), running)
    assert alone.text == "no webhook secret is configured, so signatures are not checked"
    assert beside.text.endswith("so this shell signs and checks nothing; the running engine has its own")
