"""What `listen` prints of captures and attempts."""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.cli.listen import follower, line_writer
from relay.cli.listen.follower import LINES_AT_ONCE, Follower, attempt_line
from relay.config import Settings, load
from relay.models import Attempt, AttemptEvent, Signature
from relay.store.read.reader import Reader
from tests.support.factories import NOON, a_capture, a_delivery, insert, insert_attempt, new_log
from tests.support.waiting import wait_until

Output = pytest.CaptureFixture[str]


def an_attempt(id: int = 1, **changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "delivery_id": 1,
        "capture_id": 12,
        "target": "http://localhost:3000",
        "kind": "live",
        "number": 1,
        "started_at": NOON,
        "elapsed_ms": 41.4,
        "outcome": "answered",
        "status": 500,
        "verdict": "retry",
        "verdict_reason": "500 is not 200: the backend failed",
    }
    return Attempt(id=id, **(values | changes))


def line(
    name_target: bool = False,
    again_s: float | None = None,
    first_s_before: float | None = None,
    repeat_of: int | None = None,
    **changes: Any,
) -> str:
    attempt = an_attempt(**changes)
    ended_at = attempt.started_at + timedelta(milliseconds=attempt.elapsed_ms)
    followed = AttemptEvent(
        attempt=attempt,
        event_type="payment.updated",
        method="POST",
        request_target="/",
        signature=Signature.VALID,
        again_at=None if again_s is None else ended_at + timedelta(seconds=again_s),
        received_at=NOON,
        repeat_of=repeat_of,
        first_at=None if first_s_before is None else NOON - timedelta(seconds=first_s_before),
    )
    return attempt_line(followed, name_target=name_target)


@pytest.mark.parametrize(
    ("first_s_before", "number", "words"),
    [
        (61.0, 1, "Lean would try again in 1 min"),
        (121.0, 1, "Lean would try again in 3 min"),
        (121.0, 2, "Lean would try again in 5 min"),
        (10_805.0, 1, "Lean documents no attempt after the 7th; it would probably give up"),
        (1_200.0, 1, "Lean would try again unless this was its last attempt"),
        (None, 1, "Lean would try again unless this was its last attempt"),
    ],
)
def test_a_repeat_is_the_try_of_leans_that_its_time_tells(
    first_s_before: float | None, number: int, words: str
) -> None:
    """What came again is no first try: the minutes since then tell which it is, or nothing does."""
    assert line(first_s_before=first_s_before, repeat_of=3, number=number).endswith(f": {words}")


def test_an_attempt_is_a_line_with_what_lean_would_conclude() -> None:
    """The line has the capture, what came, how long it took, and what Lean would do; no more than needed."""
    assert line() == "12 payment.updated valid -> 500 in 41 ms: Lean would try again in 1 min"
    assert (
        line(status=200, verdict="delivered", elapsed_ms=3.2)
        == "12 payment.updated valid -> 200 in 3 ms: delivered"
    )
    assert line(number=7) == (
        "12 payment.updated valid -> 500 in 41 ms, attempt 7: "
        "Lean documents no attempt after the 7th; it would probably give up"
    )
    assert line(number=2, again_s=5.0) == (
        "12 payment.updated valid -> 500 in 41 ms, attempt 2: Lean would try again in 1 min; "
        "the relay does in 5.0 s"
    )
    assert line(name_target=True, kind="replay") == (
        "12 payment.updated valid replay -> http://localhost:3000: 500 in 41 ms: "
        "Lean would try again in 1 min"
    )


def test_a_status_that_surprises_is_explained() -> None:
    """That 201, or a 200 that came late, is no success for Lean is said; a 500 needs no words."""
    why = "201 is not 200, and Lean documents only 200; answer exactly 200"
    assert line(status=201, verdict_reason=why) == (
        f"12 payment.updated valid -> 201 in 41 ms: Lean would try again in 1 min ({why})"
    )
    why = "200 came after 12.0 s, and Lean waits 10; answer 200 first, work afterwards"
    assert line(status=200, elapsed_ms=12_000.0, verdict_reason=why) == (
        f"12 payment.updated valid -> 200 in 12.0 s: Lean would try again in 1 min ({why})"
    )


def test_no_answer_is_told_in_the_words_of_the_failure() -> None:
    """Where nothing came the line says why; what was not sent says so; hostile text is cleaned."""
    timeout = "timed out after 300 s; no response was received"
    assert line(status=None, outcome="timeout", error=timeout) == (
        f"12 payment.updated valid -> {timeout}: Lean would try again in 1 min"
    )
    assert line(error="the backend reset the connection after 9 bytes of the response", status=200) == (
        "12 payment.updated valid -> 200 in 41 ms, "
        "the backend reset the connection after 9 bytes of the response: "
        "Lean would try again in 1 min (500 is not 200: the backend failed)"
    )
    loop = "it was sent by this relay itself"
    assert line(status=None, outcome="loop", error=loop, verdict=None) == (
        f"12 payment.updated valid -> {loop}: not sent"
    )
    assert "\x1b" not in line(status=None, error="\x1b[31m")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"db": tmp_path / "relay.db"}, environ={})


def test_attempts_follow_their_captures(settings: Settings, capfd: Output) -> None:
    """Each attempt recorded while it follows is printed once, behind its capture; older ones are not."""
    log = new_log(settings.db)
    insert(log, a_capture(1, deliveries=(a_delivery(1),)))
    with Follower(settings, json=False):
        log.execute("BEGIN")
        insert(log, a_capture(2, deliveries=(a_delivery(2, attempts=0),)))
        insert_attempt(log, an_attempt(7, delivery_id=2))
        log.execute("COMMIT")
        insert_attempt(log, an_attempt(8, delivery_id=2, number=2, status=200, verdict="delivered"))
        said = ""

        def all_said() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return said.count("\n") >= 3

        wait_until(all_said, "three lines")
    log.close()
    first, second, third = (said + capfd.readouterr().err).splitlines()
    assert first == "2 payment.updated unchecked"
    assert second.startswith("2 payment.updated unchecked -> 500 in 41 ms: Lean would try again in 1 min")
    assert third == "2 payment.updated unchecked -> 200 in 41 ms, attempt 2: delivered"


def test_json_has_attempts_as_lines_with_secret_headers_masked(settings: Settings, capfd: Output) -> None:
    """With --json each attempt is a line of kind `attempt`, none left out, as `show --attempts` has it."""
    log = new_log(settings.db)
    with Follower(settings, json=True):
        log.execute("BEGIN")
        insert(log, a_capture(1, deliveries=(a_delivery(1, attempts=0),)))
        for number in range(1, 31):
            headers = (("Set-Cookie", "canary"), ("X-Number", str(number)))
            insert_attempt(log, an_attempt(number, number=number, headers=headers, body=b"sorry"))
        log.execute("COMMIT")
    log.close()
    capture, *attempts = [json.loads(each) for each in capfd.readouterr().out.splitlines()]
    assert capture["kind"] == "capture"
    assert [attempt["number"] for attempt in attempts] == list(range(1, 31))
    assert {attempt["kind"] for attempt in attempts} == {"attempt"}
    assert "canary" not in json.dumps(attempts)
    assert attempts[0]["body"] == "sorry"


def test_many_attempts_at_once_are_counted(settings: Settings, capfd: Output) -> None:
    """Of a burst the newest get a line each, the others one line with their number."""
    log = new_log(settings.db)
    with Follower(settings, json=False):
        log.execute("BEGIN")
        insert(log, a_capture(1, deliveries=(a_delivery(1, attempts=0),)))
        for number in range(1, LINES_AT_ONCE + 31):
            insert_attempt(log, an_attempt(number, number=number))
        log.execute("COMMIT")
    log.close()
    _, counted, *lines = capfd.readouterr().err.splitlines()
    assert counted.startswith("... 30 more attempts;")
    assert len(lines) == LINES_AT_ONCE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_loses_no_line(
    settings: Settings, tmp_path: Path, capfd: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is written when there is room again."""
    failed = threading.Event()

    def noted(descriptor: int, text: str) -> None:
        try:
            line_writer.write(descriptor, text)
        except OSError:
            failed.set()
            raise

    monkeypatch.setattr(follower, "write", noted)
    monkeypatch.setattr(follower, "PAUSE_S", 30)  # The end comes during the pause.
    log = new_log(settings.db)
    before, full = os.dup(line_writer.STDERR), os.open("/dev/full", os.O_WRONLY)
    with Follower(settings, json=False):
        os.dup2(full, line_writer.STDERR)
        try:
            insert(log, a_capture(1))
            assert failed.wait(30)
        finally:
            os.dup2(before, line_writer.STDERR)
            os.close(before)
            os.close(full)
        insert(log, a_capture(2))
    log.close()
    assert [each.split()[0] for each in capfd.readouterr().err.splitlines()] == ["1", "2"]


def test_the_relays_own_next_try_is_known_while_it_waits(tmp_path: Path) -> None:
    """Only the last attempt of a delivery that is queued tells when the relay tries again."""
    log = new_log(tmp_path / "relay.db")
    queued, ended = a_delivery(1, attempts=2, state="queued"), a_delivery(2, attempts=1)
    capture = a_capture(1, deliveries=(queued, ended))
    insert(log, capture)
    log.close()
    with Reader(tmp_path / "relay.db") as reader:
        found = reader.attempts_after(0, 10)
        assert [each.again_at for each in found] == [None, capture.received_at, None]
        assert [each.attempt.id for each in reader.attempts_after(1, 1)] == [2]
        assert reader.attempts_after(0, 10, upto=0) == []
        assert reader.newest_attempt_id() == 3
