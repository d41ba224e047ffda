"""`listen` as the real program: one ready line, a line for each capture, calm to the end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from relay.cli.listen import line_writer, log_file
from relay.control.lock import holder
from relay.errors import RelayError
from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    RELAY,
    ROOT,
    Reply,
    environment,
    exchange,
    lean_relay,
    port_of,
    ready,
    running,
    start,
    working_folder,
)
from tests.support.terminal import at_a_terminal
from tests.support.tunnels import BOX, REGISTERED, TOO_MANY, Double, on_path
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NOHUP = (
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    " os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""What nohup does, as a program."""


def is_running(pid: int) -> bool:
    """Whether a process is there that has not ended, waited for or not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def post(port: int, data: bytes) -> Reply:
    reply = exchange(port, data)
    assert reply is not None
    return reply


def test_it_says_where_it_listens_and_what_came(tmp_path: Path) -> None:
    """stdout has the one ready line, stderr one line for each capture; SIGTERM ends it with 0."""
    with running(tmp_path) as relay:
        post(relay.port, a_request(a_body("e-1")))
        post(relay.port, a_request(a_body("e-1")))
        post(relay.port, a_request(b"not json", secret=None, target="/x"))
        wait_until(lambda: relay.said.count("\n") >= 4, "four lines")
        assert relay.stop() == 0
    assert (tmp_path / "stdout").read_text() == f"listening on {relay.url}\n"
    assert relay.said.splitlines() == [
        "lean-relay: no targets: webhooks are stored and not forwarded; --forward-to names a target",
        "1 payment.updated valid",
        "2 payment.updated valid repeat of 1",
        "3 POST /x missing",
    ]


def test_json_gives_each_capture_as_a_line(tmp_path: Path) -> None:
    """With --json the ready line is followed by captures as JSON on stdout, none left out."""
    with running(tmp_path, "--json") as relay:
        for number in range(120):
            post(relay.port, a_request(a_body(str(number))))
        assert relay.stop() == 0
    ready, *captures = map(json.loads, (tmp_path / "stdout").read_text().splitlines())
    assert ready == {"kind": "ready", "url": relay.url, "pid": relay.pid, "db": str(relay.db)}
    assert [capture["event"]["event_id"] for capture in captures] == [str(number) for number in range(120)]
    assert {capture["kind"] for capture in captures} == {"capture"}


def test_hostile_text_reaches_the_terminal_cleaned(tmp_path: Path) -> None:
    """Escape sequences in a type or a path are shown, not sent."""
    with running(tmp_path) as relay:
        post(relay.port, a_request(b'{"type":"\\u001b]0;owned\\u0007\\u202e","payload":{},"event_id":"1"}'))
        wait_until(lambda: relay.said.count("\n") >= 2, "the line")
    data = (tmp_path / "stderr").read_bytes()
    assert b"\x1b" not in data
    assert b"\x07" not in data
    assert "\u202e" not in data.decode()


def test_sighup_reads_settings_again_or_keeps_the_old(tmp_path: Path) -> None:
    """A new lean-relay.toml is in force after SIGHUP; a broken one is named and changes nothing."""
    settings = working_folder(tmp_path) / "lean-relay.toml"
    settings.write_text("")
    with running(tmp_path) as relay:
        settings.write_text("respond = 500\n")
        relay.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "settings read again" in relay.said, "the reload")
        assert post(relay.port, a_request(a_body())).status == 500
        settings.write_text("respnd = 500\n")
        relay.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the settings did not change" in relay.said, "the complaint")
        assert "respnd" in relay.said
        assert post(relay.port, a_request(a_body())).status == 500


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """While a first SIGINT waits for a delayed answer, a second one ends the program with 130."""
    with running(tmp_path, "--respond-delay", "60") as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as caller:
            caller.sendall(a_request(a_body()))
            wait_until(lambda: "1 payment.updated" in relay.said, "the capture")
            relay.process.send_signal(signal.SIGINT)
            time.sleep(0.2)  # Both signals at once would be one: the first must have been taken.
            relay.process.send_signal(signal.SIGINT)
            assert relay.process.wait(2) == 130


def test_a_terminal_that_stands_still_delays_no_answer(tmp_path: Path) -> None:
    """With nobody reading its output, captures are answered and stored as ever."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, *RELAY, "listen", "--port", "0", "--db", str(tmp_path / "relay.db"), "--json"],
        cwd=working_folder(tmp_path),
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(write_end)
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(read_end, 1)
        port = port_of(line.decode())
        for number in range(300):
            assert post(port, a_request(a_body(str(number)))).status == 200
        process.terminate()
        assert process.wait(8) == 0
    finally:
        process.kill()
        process.wait()
        os.close(read_end)


def test_another_address_is_warned_about(tmp_path: Path) -> None:
    """Listening beyond loopback works and says what it means."""
    process = start(tmp_path, "--host", "0.0.0.0")
    try:
        ready(process, tmp_path)
        assert "not only on this machine" in (tmp_path / "stderr").read_text()
    finally:
        process.terminate()
        process.wait(10)


def test_without_a_command_it_listens(tmp_path: Path) -> None:
    """`lean-relay --port 0` is `lean-relay listen --port 0`."""
    process = subprocess.Popen(
        [sys.executable, *RELAY, "--db", str(tmp_path / "relay.db"), "--port", "0"],
        cwd=working_folder(tmp_path),
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening on http://127.0.0.1:")
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.parametrize("flags", [["--respond", "99"], ["--port", "70000"], ["--max-body", "lots"]])
def test_a_wrong_option_is_a_usage_error(tmp_path: Path, flags: list[str]) -> None:
    """A value that cannot be is refused with 2 before anything is made."""
    done = lean_relay(tmp_path, "listen", "--db", str(tmp_path / "relay.db"), *flags)
    assert done.returncode == 2
    assert flags[1] in done.stderr
    assert not (tmp_path / "relay.db").exists()


def test_a_terminal_that_closes_ends_it(tmp_path: Path) -> None:
    """SIGHUP at a terminal reads settings again; where the window was closed, nobody is left behind."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "listen", "--port", "0", "--db", str(db)) as there:
        there.wait_for("listening on")
        there.process.send_signal(signal.SIGHUP)
        there.wait_for("settings read again")
        there.hang_up()
        assert there.process.wait(15) == 0
    assert holder(db) is None


def test_under_nohup_it_stays(tmp_path: Path) -> None:
    """Started with the signal ignored, it outlives its terminal, and still reads its settings again."""
    db = tmp_path / "relay.db"
    with at_a_terminal(
        tmp_path, "listen", "--port", "0", "--db", str(db), launcher=("-c", NOHUP, *RELAY)
    ) as there:
        there.wait_for("listening on")
        there.hang_up()
        assert lean_relay(tmp_path, "reload", "--db", str(db)).returncode == 0
        assert there.process.poll() is None


def test_in_the_background(tmp_path: Path) -> None:
    """`--detach` ends once it listens, and names the file, 0600, in which lines are as in a terminal."""
    db = str(tmp_path / "relay.db")
    words = ("--detach", "--json", "--port", "0", "--host", "127.0.0.1", "--db", db)
    done = lean_relay(tmp_path, *words, within_s=60)
    assert done.returncode == 0, done.stderr
    (ready,) = map(json.loads, done.stdout.splitlines())
    try:
        assert ready["kind"] == "ready"
        (path,) = (tmp_path / "home" / "state").rglob("*.log")
        assert f"log lines in {path}; `lean-relay --db {db} stop` ends it" in done.stderr
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        post(port_of(ready["url"]), a_request(a_body()))
        wait_until(lambda: "1 payment.updated valid\n" in path.read_text(), "the line")
        again = lean_relay(tmp_path, "listen", *words)
        assert (again.returncode, json.loads(again.stdout)["word"]) == (1, "engine-running")
    finally:
        assert lean_relay(tmp_path, "stop", "--db", db).returncode == 0
    wait_until(lambda: not is_running(ready["pid"]), "its end")


def detached_with_a_tunnel(
    folder: Path, *arguments: str, within_s: float
) -> subprocess.CompletedProcess[str]:
    """`listen --detach` with a double of a tunnel program.

    Args:
        within_s: how long it waits for the public URL.
    """
    code = (
        "from relay.cli import main; from relay.cli.listen import detach; detach.TUNNEL_WITHIN_S = {}; main()"
    )
    words = ("listen", "--detach", "--tunnel", "cloudflared", "--port", "0", "--db", str(folder / "relay.db"))
    return subprocess.run(
        [sys.executable, "-c", code.format(within_s), *words, *arguments],
        cwd=working_folder(folder),
        env=environment(folder, PATH=on_path(folder / "bin")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("json_lines", [False, True])
def test_in_the_background_with_a_tunnel(tmp_path: Path, json_lines: bool) -> None:
    """The public URL comes after the address once it is known; with --json as a line of its own kind."""
    db = str(tmp_path / "relay.db")
    Double(tmp_path / "bin", "cloudflared").prints(BOX.format(name="quiet-lake") + REGISTERED)
    done = detached_with_a_tunnel(tmp_path, *(["--json"] if json_lines else []), within_s=60)
    try:
        assert done.returncode == 0, done.stderr
        assert "public URL https://quiet-lake.trycloudflare.com; cloudflared is up, since " in done.stderr
        first, *others = done.stdout.splitlines()
        assert "http://127.0.0.1:" in first
        assert [(line["kind"], line["url"]) for line in map(json.loads, others)] == (
            [("tunnel", "https://quiet-lake.trycloudflare.com")] if json_lines else []
        )
    finally:
        assert lean_relay(tmp_path, "stop", "--db", db).returncode == 0


@pytest.mark.parametrize(
    ("prints", "then", "said"),
    [
        ("", "exec sleep 600", "the public URL is not known yet; `lean-relay --db {db} status` shows it"),
        (TOO_MANY, "exit 1", "`lean-relay --db {db} status` shows its URL once it is up"),
    ],
    ids=["silent", "fails"],
)
def test_in_the_background_without_a_public_url_yet(
    tmp_path: Path, prints: str, then: str, said: str
) -> None:
    """The command that shows it later is named, with the reason where there is one; the listener stays."""
    db = str(tmp_path / "relay.db")
    Double(tmp_path / "bin", "cloudflared").prints(prints, then=then)
    done = detached_with_a_tunnel(tmp_path, within_s=60 if prints else 0.1)
    try:
        assert done.returncode == 0, done.stderr
        assert said.format(db=db) in done.stderr
        assert ("limits new quick tunnels" in done.stderr) == bool(prints)
        assert len(done.stdout.splitlines()) == 1
        assert lean_relay(tmp_path, "trigger", "payment.created", "--db", db).returncode == 0
    finally:
        assert lean_relay(tmp_path, "stop", "--db", db).returncode == 0


@contextlib.contextmanager
def stderr_as(path: Path) -> Iterator[Callable[[Path], None]]:
    """Stderr of this process as a file, and a function that makes it another."""
    before = os.dup(line_writer.STDERR)

    def lead_to(path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, line_writer.STDERR)
        os.close(descriptor)

    try:
        lead_to(path)
        yield lead_to
    finally:
        os.dup2(before, line_writer.STDERR)
        os.close(before)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_log_lines_go_on_when_a_full_disk_has_room_again(tmp_path: Path) -> None:
    """What did not fit is counted."""
    path = tmp_path / "relay.log"
    with stderr_as(Path("/dev/full")) as lead_to, line_writer.LogLines() as lines:
        for number in range(3):
            lines.emit(logging.makeLogRecord({"msg": f"lost {number}"}))
        wait_until(lambda: lines._dropped == 3, "the lines that did not fit")
        lead_to(path)
        lines.emit(logging.makeLogRecord({"msg": "kept"}))
        wait_until(lambda: path.read_text().count("\n") == 2, "the lines after them")
    assert path.read_text() == "lean-relay: kept\nlean-relay: (3 lines were dropped here)\n"


def test_a_log_file_that_was_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next rotation: by then nothing has its name."""
    monkeypatch.setattr(log_file, "MOST_BYTES", 1_000)
    monkeypatch.setattr(line_writer, "_make_room", None)
    path = tmp_path / "log" / "relay.log"
    with stderr_as(tmp_path / "stderr"):
        log_file.LogFile(path).take_over()
        path.unlink()
        for number in range(11):
            line_writer.write(line_writer.STDERR, f"{number:099}\n")
    assert path.read_text() == f"{10:099}\n"


def test_the_end_by_force_needs_no_stderr() -> None:
    """With a reader that has gone, the listener that hangs is still ended."""
    code = (
        "import os, sys, threading; from relay.cli.listen.shutdown import _by_force\n"
        "thread = threading.Thread(target=_by_force); thread.start(); thread.join(); os._exit(7)"
    )
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([sys.executable, "-c", code], stderr=write_end, timeout=30, cwd=ROOT)
    os.close(write_end)
    assert done.returncode == 1


def test_a_full_log_file_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are two files at most, none larger than it may be, and the newest line is in the first."""
    monkeypatch.setattr(log_file, "MOST_BYTES", 1_000)
    monkeypatch.setattr(line_writer, "_make_room", None)
    path = tmp_path / "log" / "relay.log"
    with stderr_as(tmp_path / "stderr"):
        log_file.LogFile(path).take_over()
        for number in range(500):
            line_writer.write(line_writer.STDERR, f"{number:099}\n")
    assert sorted(file.name for file in path.parent.iterdir()) == ["relay.log", "relay.log.1"]
    assert [file.stat().st_size for file in (path, path.with_name("relay.log.1"))] == [1_000, 1_000]
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert path.read_text().splitlines()[-1] == f"{499:099}"
    path.unlink()
    path.symlink_to(tmp_path / "other")
    with pytest.raises(RelayError, match="is a link to another file"):
        log_file.LogFile(path)
