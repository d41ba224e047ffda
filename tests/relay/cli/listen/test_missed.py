"""What `listen` says of the time that no relay ran, and how `catch_up` fetches what was missed."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import time

import psutil
import pytest

from relay.cli.listen import missed
from relay.cli.listen.missed import TimeOff, say_time_off, since, time_off
from relay.config import SecretSource, Settings
from relay.control.lock import Holder, lock_path
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.lean_api import CLIENT_ID, CLIENT_SECRET, Fault, LeanApi, an_event, lean_api
from tests.support.program import Running, running
from tests.support.receiving import rows
from tests.support.waiting import wait_until

NOW = datetime.now(UTC)


@pytest.fixture
def lean() -> Iterator[LeanApi]:
    with lean_api() as api:
        api.events = [an_event(number, NOW - timedelta(minutes=30 - number)) for number in range(5)]
        yield api


@pytest.mark.parametrize(
    ("off", "back"),
    [
        (timedelta(hours=3), "4h"),
        (timedelta(hours=3, seconds=1), "5h"),
        (timedelta(hours=47), "48h"),
        (timedelta(hours=48), "3d"),
        (timedelta(days=400), "90d"),
    ],
)
def test_how_far_back(off: timedelta, back: str) -> None:
    """An hour more than no relay ran, in whole hours or days, and no more than Lean keeps."""
    assert since(off) == back


def test_how_long_it_was_off(tmp_path: Path) -> None:
    """From the end of the last relay; of one that was killed from its last webhook, or its start."""
    db = tmp_path / "relay.db"
    log = new_log(db)
    insert_all(log, [a_capture(received_at=NOW - timedelta(hours=2))])
    log.close()

    def hours(received_until: float | None, left_open_by: Holder | None) -> tuple[int, bool] | None:
        found = time_off(db, received_until, left_open_by)
        return None if found is None else (round(found.long / timedelta(hours=1)), found.is_most)

    def killed(hours_ago: int, url: str | None = "http://127.0.0.1:1") -> Holder:
        return Holder(pid=1, started_at=time() - hours_ago * 3600, url=url)

    assert hours(time() - 5 * 3600, None) == (5, False)
    assert hours(None, killed(9)) == (2, True)
    assert hours(None, killed(1)) == (1, True)
    assert hours(None, killed(9, url=None)) is None
    assert hours(None, None) is None
    assert hours(time() + 1000, None) == (0, False)


@pytest.mark.parametrize(
    ("off", "catches_up", "level", "words"),
    [
        (TimeOff(timedelta(seconds=50), is_most=False), False, None, ""),
        (
            TimeOff(timedelta(hours=2), is_most=False),
            False,
            logging.INFO,
            "no relay ran for 2 h; Lean sends again",
        ),
        (
            TimeOff(timedelta(hours=5), is_most=True),
            True,
            logging.INFO,
            "no relay ran for up to 5 h; fetching",
        ),
        (
            TimeOff(timedelta(hours=5), is_most=False),
            False,
            logging.WARNING,
            "`lean-relay backfill --since 6h`",
        ),
    ],
)
def test_what_is_said_of_it(
    off: TimeOff, catches_up: bool, level: int | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of a short time, and the command only where Lean has given up."""
    caplog.set_level(logging.INFO)
    say_time_off(off, catches_up=catches_up)
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])
    assert words in caplog.text


def says(relay: Running, words: str) -> bool:
    return words in relay.said


def last_until(db: Path, ago: timedelta) -> None:
    """Let the last relay of a database have ended some time ago."""
    lock = lock_path(db)
    lock.write_text(
        json.dumps({**json.loads(lock.read_text()), "received_until": time() - ago.total_seconds()})
    )


@pytest.mark.slow
def test_the_line_at_the_start(tmp_path: Path, lean: LeanApi) -> None:
    """With credentials it names the command with this database; without them there is none."""
    config = lean.write_settings(tmp_path / "settings")
    with running(tmp_path) as relay:
        assert relay.stop() == 0
    line = "no relay ran for 1 d 1 h, and Lean gives up after 3 h"
    for arguments, count in (((), 0), (("--config", str(config)), 1)):
        last_until(relay.db, timedelta(hours=25))
        with running(tmp_path, *arguments) as relay:
            first = line if count else "no targets"
            wait_until(partial(says, relay, first), first)
            assert relay.stop() == 0
        assert relay.said.count(line) == count
    assert f"`lean-relay --config {config} --db {relay.db} backfill --since 27h`" in relay.said
    assert not lean.asked


def said(relay: Running) -> str:
    for text in (CLIENT_ID, CLIENT_SECRET):
        assert text not in relay.said
    return relay.said


def catching_up(lean: LeanApi, folder: Path) -> str:
    config = lean.write_settings(folder / "settings")
    config.write_text(f"{config.read_text()}catch_up = true\n")
    return str(config)


@pytest.mark.slow
def test_catch_up(tmp_path: Path, lean: LeanApi) -> None:
    """What was missed is fetched at the start, and the summary is a line; with --json one of its kind."""
    config = catching_up(lean, tmp_path)
    with running(tmp_path, "--config", config) as relay:
        wait_until(lambda: "5 taken" in said(relay), "the summary")
        assert relay.stop() == 0
    assert "lean-relay: 5 events at Lean, 0 here already, 5 taken: 5 payment.updated\n" in relay.said
    assert rows(relay.db, "SELECT origin, count(*) FROM captures") == [("events-api", 5)]
    with running(tmp_path, "--config", config, "--json") as relay:
        wait_until(lambda: '"kind": "backfill"' in (tmp_path / "stdout").read_text(), "the line")
        assert relay.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["ready", "backfill"]
    assert lines[1]["known"] == 5


@pytest.mark.slow
def test_catch_up_that_fails_is_a_warning(tmp_path: Path, lean: LeanApi) -> None:
    """The relay receives on, and the line has the reason."""
    lean.token_fault = Fault(401, b'{"error": "invalid_client"}')
    with running(tmp_path, "--config", catching_up(lean, tmp_path)) as relay:
        wait_until(lambda: "could not fetch everything that was missed: [lean-refused]" in said(relay), "it")
        assert relay.process.poll() is None
        assert relay.stop() == 0


async def test_a_line_too_long_to_read_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the backfill prints, the listener goes on."""
    code = "import sys; sys.stderr.write('x' * 100_000)"
    monkeypatch.setattr(missed, "own_module", lambda name: [sys.executable, "-c", code])
    source = SecretSource(name="x", env="X", where="")
    settings = Settings(db=tmp_path / "relay.db")
    lean = replace(settings.lean, client_id=source, client_secret=source, catch_up=True)
    await missed.catch_up(replace(settings, lean=lean), (None, None), (), None)
    assert "could not fetch what was missed" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["in order", "killed"])
def test_catch_up_ends_with_the_relay(tmp_path: Path, lean: LeanApi, ends: str) -> None:
    """Also while it waits for Lean, and no process is left."""
    lean.intervene = lambda api, query: Fault(429, headers=(("Retry-After", "60"),))
    with running(tmp_path, "--config", catching_up(lean, tmp_path)) as relay:
        wait_until(lambda: "next request in 60 s" in said(relay) or len(lean.asked) == 1, "the wait")
        fetching = [
            each for each in psutil.Process(relay.process.pid).children() if "backfill" in each.cmdline()
        ]
        assert fetching
        if ends == "in order":
            assert relay.stop() == 0
        else:
            relay.process.kill()
    wait_until(lambda: not any(each.is_running() for each in fetching), "its end")
