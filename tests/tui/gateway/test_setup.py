"""What the first screen finds out about the setup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relay.config import SecretSource, Settings
from relay.control.messages import TargetStatus
from relay.errors import UsageError
from tests.support.factories import new_log
from tui.gateway import setup
from tui.presenters.setup import Setup
from tui.presenters.status import EngineState, Status

RUNNING = Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    tmp_path.chmod(0o700)
    db = tmp_path / "relay.db"
    new_log(db).close()
    db.chmod(0o600)
    return Settings(db=db)


def states(found: Setup) -> dict[str, str]:
    return {each.name: each.state for each in found.parts}


async def test_parts_tick_as_they_are_set_up(tmp_path: Path, settings: Settings) -> None:
    """A secret in the settings is noticed and signs samples; targets come from the engine."""
    found, same = await setup.look(settings, settings, RUNNING, lambda: settings)
    assert states(found) == {
        "secret": "open", "backend": "open", "public URL": "open", "database": "done",
    }  # fmt: skip
    assert same == settings
    assert not found.signs

    file = tmp_path / "secret"
    file.write_text("whsec_of_a_test")
    file.chmod(0o600)
    secret = SecretSource(name="default", file=file, where="test")
    fresh = replace(settings, secrets=(secret,), public_url="https://x.example")
    status = replace(RUNNING, targets=(TargetStatus(target="http://a/", state="up"),))
    found, now = await setup.look(settings, settings, status, lambda: fresh)
    assert set(states(found).values()) == {"done"}
    assert found.signs
    assert now.secrets == (secret,)
    again, _ = await setup.look(now, settings, status, lambda: fresh)
    assert again == found  # What is not in force yet is said for as long as that is so.
    assert now.public_url is None  # The screen goes on with its own settings.
    (told,) = (each.text for each in found.parts if each.name == "secret")
    assert "in force once `lean-relay reload` has run" in told


async def test_wrong_settings_are_said_and_the_old_ones_stay(settings: Settings) -> None:
    """An error in a file is a part of its own."""

    def broken() -> Settings:
        raise UsageError("lean-relay.toml: no such setting")

    found, now = await setup.look(settings, settings, RUNNING, broken)
    assert states(found)["settings"] == "wrong"
    assert now == settings


async def test_files_that_others_can_read_are_wrong(settings: Settings) -> None:
    """The command that closes them is there."""
    settings.db.chmod(0o644)
    found, _ = await setup.look(settings, settings, RUNNING, None)
    (database,) = (each for each in found.parts if each.name == "database")
    assert database.state == "wrong"
    assert database.step.startswith(f"chmod 600 {settings.db}")


async def test_without_an_engine_nothing_is_said_of_backends(settings: Settings) -> None:
    """Only an engine knows them."""
    found, _ = await setup.look(settings, settings, Status(engine=EngineState.GONE), None)
    assert "backend" not in states(found)
