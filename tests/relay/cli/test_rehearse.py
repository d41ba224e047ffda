"""`rehearse`: its questions, its report, and its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import junit
from tests.support.backends import backend, free_port, replies
from tests.support.handlers import Strict, serving
from tests.support.lean_requests import a_body, a_request
from tests.support.program import environment, exchange, lean_relay_here, running, working_folder
from tests.support.receiving import rows
from tests.support.terminal import at_a_terminal
from tests.support.waiting import wait_until


def rehearse(folder: Path, *arguments: str, secret: str | None = "s") -> subprocess.CompletedProcess[str]:
    return lean_relay_here(folder, "rehearse", *arguments, "--db", str(folder / "relay.db"), secret=secret)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name at least one check first: retries, duplicates, order"),
        (("latest",), "name at least one check first"),
        (("all",), "no target is configured; name one with --to"),
        (("all", "--to", "localhost"), "--to: 'localhost' is not a valid target"),
        (("retries", "--to", ":1", "--restart", "true"), "--restart has no effect without the check outage"),
        (("retries", "--to", ":1", "--rounds", "9"), "--rounds has no effect without the check bisect"),
        (("bisect", "--to", ":1", "--rounds", "0"), "--rounds: 0 is not a valid number; use 1 to 1,000"),
        (("all", "--to", ":1", "--time-scale", "0"), "--time-scale: 0 is not a valid factor"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Named with the option and what is valid; nothing is begun."""
    done = rehearse(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "relay.db").exists()


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    """Exit 5, before anything is stored."""
    done = rehearse(tmp_path, "all", "--to", f":{free_port()}", "--yes")
    assert done.returncode == 5
    assert "could not reach http://localhost:" in done.stderr
    assert "start your backend first" in done.stderr


def test_without_a_terminal_it_wants_a_yes(tmp_path: Path) -> None:
    """It says how many requests there would be; none is sent."""
    with backend(replies()) as there:
        done = rehearse(tmp_path, "signatures", "--to", there.url)
        assert done.returncode == 2
        assert f"this would send about 72 requests to {there.url}" in done.stderr
        assert there.requests == []


def test_ctrl_c_at_the_question_ends_it(tmp_path: Path) -> None:
    """Nothing is sent, and no sample is stored for a rehearsal that was not begun."""
    db = tmp_path / "relay.db"
    words = ("rehearse", "all", "--db", str(db), "--to")
    with backend(replies()) as there, at_a_terminal(tmp_path, *words, there.url) as terminal:
        terminal.wait_for("[y/N]: ")
        # A signal between the prompt and the read would be seen only after the read.
        program = psutil.Process(terminal.process.pid)
        wait_until(lambda: program.status() == psutil.STATUS_SLEEPING, "the read of the answer")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert there.requests == []
    assert rows(db, "SELECT count(*) FROM captures") == [(0,)]


def test_signed_webhooks_need_a_secret(tmp_path: Path) -> None:
    """New ids need a new signature, and the message names where the secret goes."""
    with running(tmp_path) as relay:
        exchange(relay.port, a_request(a_body()))
        with backend(replies()) as there:
            done = rehearse(tmp_path, "retries", "--to", there.url, "--yes", secret=None)
            assert there.requests == []
    assert done.returncode == 2
    assert "set one with LEAN_WEBHOOK_SECRET" in done.stderr


def test_the_report_for_people_and_for_ci(tmp_path: Path) -> None:
    """Warnings and failures say why they matter, and a JUnit file has the same lines."""
    file = tmp_path / "report.xml"
    with backend(replies("500", "200")) as there:
        done = rehearse(
            tmp_path,
            *("retries", "--to", there.url, "--yes", "--time-scale", "0.0002", "--seed", "4"),
            *("--junit", str(file)),
        )
    assert done.returncode == 0, done.stderr
    assert f"lean-relay: sending about 8 requests to {there.url}: 8 samples, as no webhook" in done.stderr
    assert "passed   delivered at the first attempt" in done.stdout
    assert "warning  delivered only when it was sent again" in done.stdout
    assert "Lean counts only a 200 within 10 s" in done.stdout
    assert f"capture 1: lean-relay --db {tmp_path / 'relay.db'} show 1 --attempts\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 passed, 1 warning; 9 requests in ")
    assert done.stdout.endswith("; again with --seed 4\n")
    root = junit.read(file.read_bytes())
    assert [case.get("name") for case in root.findall(".//testcase")] == [
        "delivered at the first attempt",
        "delivered only when it was sent again",
    ]


def test_a_report_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The summary is printed all the same."""
    with backend(replies()) as there:
        done = rehearse(
            tmp_path,
            "signatures",
            "--to",
            there.url,
            "--yes",
            "--junit",
            str(tmp_path / "none" / "report.xml"),
        )
    assert done.returncode == 1
    assert "again with --seed" in done.stdout
    assert "[system] No such file or directory" in done.stderr


def test_the_same_seed_sends_the_same(tmp_path: Path) -> None:
    """Ids of samples, new ids and orders come from the seed."""
    sent = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with backend(replies()) as there:
            rehearse(tmp_path / name, "order", "--to", there.url, "--yes", "--seed", "11")
        bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in there.requests]
        sent.append([(body["type"], body["event_id"], body["payload"].get("id")) for body in bodies])
    assert sent[0] == sent[1]
    assert len(set(sent[0])) == len(sent[0])


def test_a_probe_that_fails_ends_it(tmp_path: Path) -> None:
    with backend(replies()) as there:
        done = rehearse(tmp_path, "order", "--to", there.url, "--yes", "--probe", "echo broken; exit 7")
    assert done.returncode == 1
    assert "[probe-failed] the command echo broken; exit 7 ended with 7" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_rehearsal_sends_nothing_more(how: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C reports what was done; after a kill the engine ends the round by itself, within seconds."""
    with running(tmp_path) as relay, backend(replies("200", "503")) as there:
        for _ in range(3):
            exchange(relay.port, a_request(a_body()))
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "relay", "rehearse", "retries", "--to", there.url, "--yes"),
                *("--time-scale", "0.05", "--db", str(relay.db)),
            ],
            cwd=working_folder(tmp_path),
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until(lambda: len(there.requests) >= 4, "the first retries")
            process.send_signal(how)
            said, errors = process.communicate(timeout=60)
        unfinished = "SELECT count(*) FROM deliveries WHERE kind = 'replay' AND state <> 'ended'"
        wait_until(lambda: rows(relay.db, unfinished) == [(0,)], "the end of the round")
        count = len(there.requests)
        wait_until(lambda: not _running_replays(tmp_path, relay.db), "no replay")
        assert len(there.requests) == count
        assert rows(relay.db, "SELECT count(*) FROM attempts") == [(count,)]
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert "not all was done: interrupted" in errors
        assert "no check came to its end; " in said
    else:
        assert process.returncode == -signal.SIGKILL


def _running_replays(folder: Path, db: Path) -> list[object]:
    done = lean_relay_here(folder, "status", "--json", "--db", str(db))
    status = json.loads(done.stdout)
    replays: list[object] = status["replays"]
    return replays


@pytest.mark.slow
def test_a_sound_backend_through_a_running_engine(tmp_path: Path) -> None:
    """The newest captures are taken, and their path."""
    with running(tmp_path) as relay, serving(Strict()) as served:
        for _ in range(2):
            exchange(relay.port, a_request(a_body(), target="/hooks?x=1"))
        done = lean_relay_here(
            tmp_path,
            *("rehearse", "duplicates", "--to", served.url, "--probe", served.probe, "--yes", "--json"),
            *("--db", str(relay.db)),
        )
        sent = rows(relay.db, "SELECT DISTINCT capture_id FROM deliveries WHERE kind = 'replay' ORDER BY 1")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("result") for line in lines] == ["passed", "passed", "passed", None]
    assert lines[-1]["captures"] == 2
    assert lines[-1]["samples"] is False
    assert sent == [(1,), (2,)]
