"""The end: what was answered is stored, in time, and nothing is left behind; and what listens until then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support.killing import count
from tests.support.lean_requests import a_body, a_request
from tests.support.program import connect, exchange, read_reply, running
from tests.support.waiting import wait_until
from tests.torture.kills import ends_under_load


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_under_load(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end gently: every 200 has its row, exit 0 within 5 s, the log written back."""
    ends_under_load(tmp_path, number, seed=1)


def test_requests_under_way_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """Silent connections and a body that never comes are cut: the end still comes within 5 s."""
    with running(tmp_path) as program:
        silent = connect(program.port)
        half = connect(program.port)
        half.sendall(b"POST / HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 10\r\n\r\n{")
        kept = connect(program.port)
        kept.sendall(a_request(a_body()))
        assert read_reply(kept) is not None
        begun = time.monotonic()
        assert program.stop() == 0, program.said
        assert time.monotonic() - begun < 5.0
        for connection in (silent, half, kept):
            connection.close()


def test_second_signal(tmp_path: Path) -> None:
    """A second signal ends at once, whatever the first one still waits for."""
    with running(tmp_path, "--respond-delay", "30") as program:
        waiting = connect(program.port)
        waiting.sendall(a_request(a_body()))
        wait_until(lambda: count(program.db), "the capture")
        program.process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        while program.process.poll() is None:
            assert time.monotonic() - begun < 2.5, program.said
            time.sleep(0.2)
            program.process.send_signal(signal.SIGINT)
        assert program.process.returncode == 130
        waiting.close()


def test_a_store_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """SIGTERM ends the program soon while the process that writes for it stands still."""
    with running(tmp_path) as program:
        assert exchange(program.port, a_request(a_body())) is not None
        writing = program.writing_pid
        os.kill(writing, signal.SIGSTOP)
        waiting = connect(program.port)
        waiting.sendall(a_request(a_body()))
        begun = time.monotonic()
        assert program.stop() == 0, program.said
        assert time.monotonic() - begun < 10.0  # 5 s on a quiet machine; without a limit never
        reply = read_reply(waiting)
        assert reply is not None
        assert reply.status == 503
        assert not psutil.pid_exists(writing)
        waiting.close()


def test_listens_on_one_port_only(tmp_path: Path) -> None:
    """Nothing but the receiver listens on TCP or UDP, and only on this machine's own address."""
    with running(tmp_path) as program:
        assert exchange(program.port, a_request(a_body())) is not None
        process = psutil.Process(program.pid)
        listening = [
            (one.laddr.ip, one.laddr.port)
            for child in (process, *process.children(recursive=True))
            for one in child.net_connections("inet")
            if one.status in ("LISTEN", "NONE")
        ]
    assert listening == [("127.0.0.1", program.port)]
