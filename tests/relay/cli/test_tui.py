"""`lean-relay` at a terminal: a listener behind a screen, and both ending together, however they end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from relay.control.lock import holder
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.program import (
    Running,
    lean_relay,
    running,
    working_folder,
)
from tests.support.terminal import Terminal, at_a_terminal
from tests.support.waiting import wait_until


def listener_of(see: Terminal) -> psutil.Process:
    """The child that takes webhooks."""
    (found,) = psutil.Process(see.process.pid).children()
    return found


def test_start_trigger_see_filter_look_quit(tmp_path: Path) -> None:
    """A sample posted elsewhere is on screen, found, and looked into; `q` leaves all as it was."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db)) as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        assert lean_relay(tmp_path, "trigger", "payment.created", "--db", str(db)).returncode == 0
        see.wait_for("payment.created")
        see.press("/")
        see.wait_for("all below it by dots")
        see.press("type:payment\r")
        see.wait_for("1 matches")
        see.press("2")
        see.wait_for('"amount"')
        see.press("q")
        see.wait_for("the last webhook came")
        see.press("q")
        assert see.end() == 0
        assert see.left_on() == set()
    assert not listener.is_running()
    assert holder(db) is None


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    """A signal that can be caught ends it like `q`: the terminal is restored, and the listener gone."""
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(tmp_path / "relay.db")) as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        see.process.send_signal(number)
        see.end()
        assert see.left_on() == set()
    assert not listener.is_running()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere poll() may not tell of a terminal's end")
def test_a_terminal_that_goes_without_a_word(tmp_path: Path) -> None:
    """With no SIGHUP either, the screen ends when its terminal has gone, and the listener with it."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db)) as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        see.hang_up(signalled=False)
        see.process.wait(10)
        psutil.wait_procs([listener], timeout=10)
        assert not listener.is_running()
    assert holder(db) is None


@pytest.mark.slow
def test_killed(tmp_path: Path) -> None:
    """kill -9 of the screen ends the listener too, in order: what it had taken is stored."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db)) as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        assert lean_relay(tmp_path, "trigger", "payment.created", "--db", str(db)).returncode == 0
        see.process.kill()
        psutil.wait_procs([listener], timeout=10)
        assert not listener.is_running()
    assert holder(db) is None
    assert "payment.created" in lean_relay(tmp_path, "list", "--db", str(db)).stdout


@pytest.mark.slow
def test_left_running(tmp_path: Path) -> None:
    """Asked on leaving, `d` lets the listener go on without its screen."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db)) as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        assert lean_relay(tmp_path, "trigger", "payment.created", "--db", str(db)).returncode == 0
        see.wait_for("payment.created")
        see.press("q")
        see.wait_for("Leave it running")
        see.press("d")
        assert see.end() == 0
        assert f"the listener keeps running (pid {listener.pid})" in see.plain()
    try:
        assert lean_relay(tmp_path, "trigger", "payment.created", "--db", str(db)).returncode == 0
        assert lean_relay(tmp_path, "stop", "--db", str(db)).returncode == 0
        psutil.wait_procs([listener], timeout=60)
        assert not listener.is_running()
    finally:
        if listener.is_running():
            listener.kill()


@pytest.mark.slow
def test_detached(tmp_path: Path) -> None:
    """With --detach the listener goes on, and the next `lean-relay` joins it."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db), "--detach") as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        see.press("q")
        assert see.end() == 0
    try:
        assert listener.is_running()
        with at_a_terminal(tmp_path, "--db", str(db)) as see:
            see.wait_for("No webhooks received yet")
            assert psutil.Process(see.process.pid).children() == []
            see.press("q")
            assert see.end() == 0
        assert listener.is_running()
    finally:
        listener.terminate()
        psutil.wait_procs([listener], timeout=10)


@pytest.mark.slow
def test_keys_while_it_starts(tmp_path: Path) -> None:
    """What was typed before the first frame is no filter, now or at the next start; `q` still leaves."""
    db = tmp_path / "relay.db"
    with closing(new_log(db)) as log:
        insert_all(log, [a_capture(number) for number in range(1, 5)])
    for _ in range(2):
        with at_a_terminal(tmp_path, "tui", "--db", str(db)) as see:
            see.press("jj")
            see.wait_for("4 captures")
            see.press("q")
            assert see.end() == 0
            assert "/ jj" not in see.plain()
    (state,) = tmp_path.rglob("screens/*.json")
    assert json.loads(state.read_text())["filter"] == ""


@pytest.mark.slow
def test_exported_sizes_are_not_the_terminals(tmp_path: Path) -> None:
    """COLUMNS and LINES of a shell that exports them do not shrink the screen, and a resize is followed."""
    db = tmp_path / "relay.db"
    with closing(new_log(db)) as log:
        insert_all(log, [a_capture(1)])
    env = {"COLUMNS": "40", "LINES": "10"}
    with at_a_terminal(tmp_path, "tui", "--db", str(db), size=(100, 24), env=env) as see:
        see.wait_for("1 capture")
        see.wait_for("q quit")
        assert any(f"\x1b[{line};".encode() in see.written for line in range(20, 25))
        see.resize(100, 40)
        wait_until(lambda: see.read() and re.search(rb"\x1b\[(?:39|40);", see.written), "a line further down")
        see.press("q")
        assert see.end() == 0


@pytest.mark.slow
def test_to_the_shell_and_back(tmp_path: Path) -> None:
    """Ctrl-Z gives the terminal back to the shell as it was; `fg` draws the screen again."""
    db = tmp_path / "relay.db"
    with closing(new_log(db)) as log:
        insert_all(log, [a_capture(1)])
    # A shell with jobs, at this terminal as its own: only there a process can be stopped.
    shell = (
        "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execvp('bash', ['bash', '-m', '-c', "
        "'\"$@\"; echo stopped with $?; fg > /dev/null; echo left with $?', 'bash', sys.executable, "
        "'-m', 'relay', *sys.argv[1:]])"
    )
    with at_a_terminal(tmp_path, "tui", "--db", str(db), launcher=("-c", shell)) as see:
        see.wait_for("q quit")
        see.press("\x1a")
        see.wait_for("stopped with 14")  # 128 and the signal: Textual stops itself by SIGSTOP
        see.wait_for("q quit")
        see.press("q")
        see.wait_for("left with 0")
        assert see.end() == 0
        assert see.left_on() == set()


@pytest.mark.slow
def test_a_running_engine_is_joined(tmp_path: Path) -> None:
    """Where an engine runs already no other is started, and it goes on afterwards."""
    with running(tmp_path / "engine") as program:
        with at_a_terminal(tmp_path / "engine", "--db", str(program.db)) as see:
            see.wait_for(program.url)
            see.press("q")
            assert see.end() == 0
        assert program.process.poll() is None


@pytest.mark.slow
def test_options_of_a_joined_engine(tmp_path: Path) -> None:
    """Those that it has pass; those that it does not have are an error that names them and what it has."""
    folder = tmp_path / "engine"
    with running(folder, "--respond", "503") as program:
        same = ("--db", str(program.db), "-p", str(program.port), "--respond", "503")
        with at_a_terminal(folder, *same) as see:
            see.wait_for(program.url)
            see.press("q")
            assert see.end() == 0
        others = ("-f", ":43002", "--only", "type:x", "--respond", "500", "--timeout", "300")
        with at_a_terminal(folder, "--db", str(program.db), *others) as see:
            assert see.end() == 2
        said = " ".join(see.plain().split())
    assert "--forward-to and --only (it has none), --respond (it has 503)" in said
    assert "--timeout" not in said
    assert " stop`" in said


@pytest.mark.slow
def test_a_refused_start_is_told(tmp_path: Path) -> None:
    """What keeps the listener from starting is told with its word and exit code, and no screen opens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with at_a_terminal(tmp_path, "--port", port, "--db", str(tmp_path / "relay.db")) as see:
            assert see.end() == 1
        assert "lean-relay: [port-taken]" in see.plain()
        assert b"\x1b[?1049h" not in see.written


def test_wrong_usage_is_told(tmp_path: Path) -> None:
    """A fault in the options is found before anything starts."""
    with at_a_terminal(tmp_path, "--port", "-4") as see:
        assert see.end() == 2
    assert "--port" in see.plain()


@pytest.mark.slow
def test_a_target_that_is_down_is_told_once(tmp_path: Path) -> None:
    """The banner says it; the listener behind the screen does not say it again."""
    db = tmp_path / "relay.db"
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db), "--forward-to", ":1") as see:
        see.wait_for("No webhooks received yet")
        lean_relay(tmp_path, "trigger", "payment.created", "--db", str(db))
        see.wait_for("is down: nothing listens")
        lean_relay(tmp_path, "trigger", "entity.created", "--db", str(db))
        see.wait_for("2 waiting")
        see.press("q")
        see.wait_for("Leaving ends the listener too")
        see.press("q")
        assert see.end() == 0
    assert "listener  http" not in see.plain()


@pytest.mark.slow
def test_a_listener_that_dies_is_told(tmp_path: Path) -> None:
    """A listener that ends under the screen is said on it, and by what; the next one says it once more."""
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(tmp_path / "relay.db")) as see:
        see.wait_for("No webhooks received yet")
        pid = listener_of(see).pid
        os.kill(pid, signal.SIGSEGV)
        see.wait_for("The listener has exited (killed by SIGSEGV)")
        see.press("q")
        assert see.end() == 0
    assert "Fatal Python error: Segmentation fault" in see.plain()
    assert "the listener ended: killed by SIGSEGV" in see.plain()
    with running(tmp_path) as program:
        wait_until(lambda: f"the last engine (pid {pid}) did not shut down" in program.said, "the word")


def triggered(folder: Path, program: Running, type_: str) -> bool:
    """Post a sample; whether it was taken."""
    return lean_relay(folder, "trigger", type_, "--db", str(program.db)).returncode == 0


@pytest.mark.slow
def test_a_locked_log_is_told(tmp_path: Path) -> None:
    """While another program has locked the log nothing can be stored, and the screen says so."""
    with running(tmp_path) as program, at_a_terminal(tmp_path, "tui", "--db", str(program.db)) as see:
        see.wait_for(program.url)
        with closing(sqlite3.connect(program.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert not triggered(tmp_path, program, "payment.created")
            see.wait_for("Cannot store webhooks")
            see.wait_for(f"(pid {os.getpid()}, ")
            other.execute("ROLLBACK")
        wait_until(lambda: triggered(tmp_path, program, "entity.created"), "captures to be taken again")
        see.wait_for("entity.created")
        see.press("q")
        assert see.end() == 0


WIDE = (300, 30)
"""A terminal whose banners stay in one line, however long the path in them is."""


@pytest.mark.slow
def test_a_log_that_is_replaced_is_shown_anew(tmp_path: Path) -> None:
    """Without an engine: a log that goes is told, and another at its place is shown instead."""
    for name, type_ in (("first", "payment.created"), ("second", "entity.created")):
        with running(tmp_path / name) as program:
            lean_relay(tmp_path / name, "trigger", type_, "--db", str(program.db))
            program.stop()
        program.db.rename(tmp_path / f"{name}.db")
    with at_a_terminal(tmp_path, "tui", "--db", str(tmp_path / "first.db"), size=WIDE) as see:
        see.wait_for("payment.created")
        (tmp_path / "first.db").rename(tmp_path / "away.db")
        see.wait_for("was moved or deleted; the captures")
        (tmp_path / "second.db").rename(tmp_path / "first.db")
        see.wait_for("entity.created")
        see.press("q")
        assert see.end() == 0


@pytest.mark.slow
def test_a_log_that_goes_under_its_engine(tmp_path: Path) -> None:
    """What would be stored where nobody finds it is answered 503, and the screen says what to do."""
    with (
        running(tmp_path) as program,
        at_a_terminal(tmp_path, "tui", "--db", str(program.db), size=WIDE) as see,
    ):
        see.wait_for(program.url)
        program.db.rename(tmp_path / "away.db")
        assert not triggered(tmp_path, program, "payment.created")
        see.wait_for("was moved or deleted while it was in use; put it back")
        (tmp_path / "away.db").rename(program.db)
        wait_until(lambda: triggered(tmp_path, program, "entity.created"), "captures to be taken again")
        see.wait_for("entity.created")
        see.press("q")
        assert see.end() == 0


@pytest.mark.slow
def test_tui_reads_without_an_engine(tmp_path: Path) -> None:
    """`tui` shows a log on which no engine runs, and starts none."""
    with running(tmp_path) as program:
        lean_relay(tmp_path, "trigger", "payment.created", "--db", str(program.db))
        program.stop()
    with at_a_terminal(tmp_path, "tui", "--db", str(program.db)) as see:
        see.wait_for("payment.created")
        assert psutil.Process(see.process.pid).children() == []
        see.press("q")
        assert see.end() == 0


@pytest.mark.slow
def test_tui_without_a_log(tmp_path: Path) -> None:
    """Where no database at `tui` says so, in words, with the exit code for it."""
    with at_a_terminal(tmp_path, "tui", "--db", str(tmp_path / "none.db")) as see:
        assert see.end() == 4
    assert "no database at" in see.plain()


def test_tui_wants_a_terminal(tmp_path: Path) -> None:
    """In a pipe there is nothing to draw on, and what does without is named."""
    refused = lean_relay(tmp_path, "tui")
    assert (refused.returncode, "needs a terminal" in refused.stderr) == (2, True)


@pytest.mark.slow
def test_without_a_terminal_it_listens(tmp_path: Path) -> None:
    """In a pipe `lean-relay` is `listen`: what it says of a wrong option is that command's."""
    assert "lean-relay listen [OPTIONS]" in lean_relay(tmp_path, "--no-such-option").stderr


@pytest.mark.slow
def test_wrong_keys_are_told(tmp_path: Path) -> None:
    """A key of the settings that cannot be is told before anything starts, with its place."""
    (working_folder(tmp_path) / "lean-relay.toml").write_text('[keys]\ncapture.strar = "S"\n')
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(tmp_path / "relay.db")) as see:
        assert see.end() == 2
    assert "lean-relay.toml: keys.capture.strar: no such action" in see.plain()
    assert not (tmp_path / "relay.db").exists()


CRASHING = """
from tui.main.screen import MainScreen
def action_turn(self):
    raise ValueError("a fault with \\x1b]0;owned\\x07 in it")
MainScreen.action_turn = action_turn
from relay.cli import main
main()
"""


@pytest.mark.slow
def test_a_crash(tmp_path: Path) -> None:
    """A fault of ours restores the terminal, is then told on it, made safe, and ends the listener too."""
    db = tmp_path / "relay.db"
    crashing = ("-c", CRASHING)
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(db), launcher=crashing) as see:
        see.wait_for("No webhooks received yet")
        listener = listener_of(see)
        see.press("o")
        assert see.end() == 1
        assert see.left_on() == set()
    assert not listener.is_running()
    told = see.plain()[see.plain().rindex("lean-relay: [bug]") :]
    assert "ValueError: a fault with ␛]0;owned␇ in it" in told
    assert b"\x1b]0;owned" not in see.written


@pytest.mark.slow
def test_another_size_while_it_runs(tmp_path: Path) -> None:
    """A window drawn larger and smaller is filled again, down to 80x24 and up to 250x70."""
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(tmp_path / "relay.db")) as see:
        see.wait_for("No webhooks received yet")
        for columns, lines in ((250, 70), (80, 24), (20, 5), (120, 40)):
            before = len(see.written)
            see.resize(columns, lines)
            while b"\x1b[%d;" % (lines - 1) not in see.written[before:]:
                assert see.read(5.0)
        see.press("q")
        assert see.end() == 0


@pytest.mark.slow
def test_no_colour(tmp_path: Path) -> None:
    """With NO_COLOR everything is drawn, in shades of grey."""
    env = {"NO_COLOR": "1"}
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(tmp_path / "relay.db"), env=env) as see:
        see.wait_for("No webhooks received yet")
        see.press("q")
        assert see.end() == 0
    colours = set(re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", see.written))
    assert all(red == green == blue for red, green, blue in colours)


@pytest.mark.slow
def test_a_terminal_that_cannot_draw(tmp_path: Path) -> None:
    """With TERM=dumb `lean-relay` listens and says why there is no screen; `tui` says so too."""
    env = {"TERM": "dumb"}
    with at_a_terminal(tmp_path, "--port", "0", "--db", str(tmp_path / "relay.db"), env=env) as see:
        see.wait_for("a terminal with TERM=dumb cannot draw a screen, so this listens without one")
        see.wait_for("listening on http")
        see.process.terminate()
        assert see.end() == 0
        assert b"\x1b[?" not in see.written
    with at_a_terminal(tmp_path, "tui", "--db", str(tmp_path / "relay.db"), env=env) as see:
        assert see.end() == 2
    assert "TERM is dumb" in see.plain()
