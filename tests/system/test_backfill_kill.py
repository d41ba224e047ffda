"""A backfill that is killed or interrupted is run again, and nothing is there twice or missing."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.support.killing import a_command, count
from tests.support.lean_api import Fault, LeanApi, an_event, lean_api
from tests.support.program import is_sound, lean_relay, lean_relay_here, running
from tests.support.receiving import rows
from tests.support.waiting import wait_until

EVENTS = 350


@pytest.fixture
def lean() -> Iterator[LeanApi]:
    now = datetime.now(UTC)
    with lean_api() as api:
        api.events = [an_event(number, now - timedelta(minutes=EVENTS - number)) for number in range(EVENTS)]
        yield api


@pytest.mark.parametrize("beside", ["no engine", "an engine"])
def test_killed_between_two_pages(tmp_path: Path, lean: LeanApi, beside: str) -> None:
    """What was stored stays, no window counts as complete, and the next run takes the rest.

    Beside an engine it has a low priority: webhooks come first.
    """
    db = tmp_path / "relay.db"
    arguments = ("--config", str(lean.write_settings(tmp_path / "settings")), "--db", str(db), "--json")
    if beside == "an engine":
        with running(tmp_path) as relay:
            _kill_and_finish(tmp_path, db, lean, arguments, nicer=10)
            assert relay.stop() == 0
    else:
        _kill_and_finish(tmp_path, db, lean, arguments, nicer=0)
    assert is_sound(db)
    assert rows(db, "SELECT count(*), count(DISTINCT event_id) FROM captures") == [(EVENTS, EVENTS)]
    assert [body for (body,) in rows(db, "SELECT body FROM captures ORDER BY id")] == lean.events


def _kill_and_finish(
    folder: Path, db: Path, lean: LeanApi, arguments: tuple[str, ...], *, nicer: int
) -> None:
    for stop_at in (1, 2):
        with a_command(folder, "backfill", *arguments) as process:
            before = len(lean.asked)

            def hold(api: LeanApi, query: dict[str, str], stop_at: int = stop_at) -> Fault | None:
                busy = Fault(429, headers=(("Retry-After", "60"),))
                return busy if int(query["page"]) >= stop_at else None

            lean.intervene = hold
            wait_until(lambda before=before: len(lean.asked) > before + 1, "another page")  # type: ignore[misc]
            wait_until(lambda stop_at=stop_at: count(db) == 100 * stop_at, "what came")  # type: ignore[misc]
            assert psutil.Process(process.pid).nice() == min(psutil.Process().nice() + nicer, 19)
            process.kill()
            process.communicate()
        assert count(db) == 100 * stop_at
        assert rows(db, "SELECT count(*) FROM marks WHERE name LIKE 'backfill:%'") == [(0,)]
    lean.intervene = None
    done = lean_relay(folder, "backfill", *arguments)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["known"], line["taken"], line["complete"]) == (200, EVENTS - 200, True)


def test_ctrl_c_keeps_what_is_stored(tmp_path: Path, lean: LeanApi) -> None:
    """It ends with 130 at once, also while it waits for Lean, and says what it took."""
    db = tmp_path / "relay.db"
    lean.intervene = lambda api, query: (
        Fault(429, headers=(("Retry-After", "60"),)) if query["page"] == "1" else None
    )
    config = lean.write_settings(tmp_path / "settings")
    with a_command(tmp_path, "backfill", "--config", str(config), "--db", str(db)) as process:
        wait_until(lambda: count(db) == 100 and len(lean.asked) == 2, "the first page")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out.decode() == "350 events at Lean, 0 here already, 100 taken: 100 payment.updated\n"
    assert b"run it again" in err
    assert b"Traceback" not in err
    assert count(db) == 100


def test_ten_thousand_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are taken, in the order of the list, and then none."""
    monkeypatch.setattr("relay.backfill.run.PAUSE_S", 0.0)  # Two hundred pages: 40 s of pauses.
    now = datetime.now(UTC)
    db = tmp_path / "relay.db"
    with lean_api() as lean:
        lean.events = [an_event(number, now - timedelta(seconds=20_000 - number)) for number in range(10_000)]
        config = str(lean.write_settings(tmp_path / "settings"))
        for taken in (10_000, 0):
            done = lean_relay_here(
                tmp_path, "backfill", "--config", config, "--db", str(db), "--since", "1d", "--json"
            )
            assert done.returncode == 0, done.stderr
            line = json.loads(done.stdout)
            assert (line["events"], line["taken"], line["complete"]) == (10_000, taken, True)
        assert [body for (body,) in rows(db, "SELECT body FROM captures ORDER BY id")] == lean.events
