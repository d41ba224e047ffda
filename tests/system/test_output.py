"""The listener's output may go unread: a terminal that is stopped or gone delays no answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    RELAY,
    connect,
    environment,
    exchange,
    port_of,
    read_reply,
    reading,
    working_folder,
)


@contextmanager
def listening(
    folder: Path, *arguments: str, stderr: int, read_stdout: bool = True
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The listener with its outputs as given, and its port; its ready line is read from a pipe."""
    process = subprocess.Popen(
        [sys.executable, *RELAY, "listen", "--port", "0", "--db", str(folder / "relay.db"), *arguments],
        cwd=working_folder(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().decode()
        assert "http://" in line, line
        if not read_stdout:
            process.stdout.close()
        yield process, port_of(line)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        process.stdout.close()


def posts_and_refusals(port: int, count: int) -> float:
    """Webhooks, each answered 200, with malformed requests between; the slowest answer in seconds."""
    slowest = 0.0
    with connect(port) as connection:
        for _ in range(count):
            refused = exchange(port, b"nonsense\r\n\r\n")
            assert refused is not None
            assert refused.status == 400
            begun = time.monotonic()
            connection.sendall(a_request(a_body()))
            reply = read_reply(connection)
            slowest = max(slowest, time.monotonic() - begun)
            assert reply is not None
            assert reply.status == 200
    return slowest


def ends_well(process: subprocess.Popen[bytes], db: Path, captures: int) -> None:
    """SIGTERM, exit 0 within 5 s, everything stored."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    with reading(db) as log:
        assert log.execute("SELECT count(*) FROM captures").fetchone() == (captures,)


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["plain", "json"])
def test_nobody_reads(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """With both outputs blocked (Ctrl-S, a full pipe) webhooks are answered and the end comes in time."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while os.write(write_end, b"." * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(write_end, True)
    try:
        with listening(tmp_path, *arguments, stderr=write_end) as (process, port):
            assert posts_and_refusals(port, 150) < 2.0
            ends_well(process, tmp_path / "relay.db", 150)
    finally:
        os.close(read_end)
        os.close(write_end)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_stderr_cannot_be_written(tmp_path: Path) -> None:
    """With a stderr that refuses every write, webhooks are answered all the same."""
    with open("/dev/full", "wb") as full, listening(tmp_path, stderr=full.fileno()) as (process, port):
        assert posts_and_refusals(port, 30) < 2.0
        ends_well(process, tmp_path / "relay.db", 30)


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["plain", "json"])
def test_stdout_is_closed(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """With its reader gone (`| head -1`) it goes on, without a traceback."""
    with open(tmp_path / "stderr", "wb") as errors:
        with listening(tmp_path, *arguments, stderr=errors.fileno(), read_stdout=False) as (process, port):
            assert posts_and_refusals(port, 30) < 2.0
            time_to_print = time.monotonic() + 0.5
            while time.monotonic() < time_to_print:
                assert posts_and_refusals(port, 1) < 2.0
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
    said = (tmp_path / "stderr").read_text()
    assert "Traceback" not in said, said
    assert "BrokenPipe" not in said, said
