"""Whether each 200 left after the sync of its commit, read from the system calls.

One webhook at a time: between two answers a sync of the write-ahead log has to end. Linux, with strace and
the right to trace.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.lean_requests import a_body, a_request
from tests.support.program import RELAY, connect, read_reply, running
from tests.torture.strace import attached

_SYNCED = re.compile(r"\b(fdatasync|fsync)\b.*= 0$")
_ANSWERED = re.compile(r"\b(sendto|write|writev|sendmsg)\(.*HTTP/1\.1 200")


@dataclass(slots=True)
class Tally:
    """Counts of the trace."""

    answers: int = 0
    unsynced: int = 0
    """Answers without a sync since the one before."""


def trace(folder: Path, count: int, *, launcher: Sequence[str] = RELAY) -> Tally:
    """Post webhooks one at a time under strace; compare answers and syncs."""
    with running(folder, launcher=launcher) as program, connect(program.port) as connection:
        connection.sendall(a_request(a_body()))  # The connection and the writer are warm.
        assert read_reply(connection) is not None
        said, out = folder / "strace.words", folder / "strace.calls"
        options = ("-s", "16", "-e", "trace=fdatasync,fsync,sendto,write,writev,sendmsg")
        with attached([program.pid, program.writing_pid], said, *options, calls=out):
            for _ in range(count):
                connection.sendall(a_request(a_body()))
                reply = read_reply(connection)
                assert reply is not None
                assert reply.status == 200
    return read(out.read_text(encoding="utf-8", errors="replace").splitlines())


def read(lines: Sequence[str]) -> Tally:
    """Count in the lines of a trace, in their order."""
    tally = Tally()
    is_synced = False
    for line in lines:
        if _SYNCED.search(line):
            is_synced = True
        elif _ANSWERED.search(line):
            tally.answers += 1
            tally.unsynced += not is_synced
            is_synced = False
    return tally
