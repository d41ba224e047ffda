"""The checks of the team's PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.checks.findings import Finding
from relay.checks.team import team
from relay.config import SecretSource, Settings, TeamAccess
from tests.support.backends import free_port
from tests.support.postgres import Postgres


@pytest.fixture
def name(postgres: Postgres) -> str:
    return postgres.new_log()


def settings_of(url: str, name: str = "lean_relay", *, share: bool = False) -> Settings:
    Path("team.url").touch(0o600)
    Path("team.url").write_text(url)
    source = SecretSource(name="url", file=Path("team.url"), where="lean-relay.toml: team.url")
    return Settings(db=Path("relay.db"), share=share, team=TeamAccess(url=source, name=name))


async def found(settings: Settings) -> list[Finding]:
    return [finding async for finding in team(settings)]


async def test_nothing_without_a_team() -> None:
    """Most people work alone."""
    assert await found(Settings(db=Path("relay.db"))) == []


async def test_a_log_that_is_well(postgres: Postgres, name: str) -> None:
    """Where it is, how commits are stored, and what this login may do."""
    (finding,) = await found(settings_of(postgres.url(f"{name}_laptop"), name))
    assert finding.level == "ok"
    assert f"{name}_laptop may read; newest position 0" in finding.text
    assert "stored once" in finding.text


async def test_faults(postgres: Postgres, name: str) -> None:
    """Not there, not made, not allowed, no URL: each with what to do."""
    for url, log, share, step in (
        (f"postgresql://127.0.0.1:{free_port()}/x", name, False, "help team"),
        (postgres.url(), "missing", False, "team init"),
        (postgres.url(f"{name}_laptop"), name, True, f'GRANT "{name}_writer"'),
        ("https://db/x", name, False, "[team]"),
    ):
        (finding,) = await found(settings_of(url, log, share=share))
        assert finding.level == "fault"
        assert step in (finding.next_step or "")
    (finding,) = await found(Settings(db=Path("relay.db"), share=True))
    assert finding.level == "fault"


async def test_what_makes_a_power_cut_worse(postgres: Postgres, name: str) -> None:
    """A server that may tear pages is worth a warning."""
    postgres.sql("ALTER SYSTEM SET full_page_writes = off")
    postgres.sql("SELECT pg_reload_conf()")
    try:
        settings = settings_of(postgres.url(), name)
        levels = [finding.level for finding in await found(settings)]
    finally:
        postgres.sql("ALTER SYSTEM RESET full_page_writes")
        postgres.sql("SELECT pg_reload_conf()")
    assert levels == ["ok", "warning"]
