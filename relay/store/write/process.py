"""The process that writes the database, started by the engine (`relay.store.write.client`).

A separate process, because in the engine each step of SQLite would release the GIL and have to win it back
from a busy event loop: two thirds of the throughput (`make bench`). Standard input is the socket to the
engine. It ends when the engine says so or has gone, and holds the engine's lock until then, so that no other
engine starts while a last group is being written.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import pickle
import select
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from relay.errors import RelayError
from relay.store.errors import StoreUnavailable
from relay.store.write import files
from relay.store.write.protocol import Arrived, Buffer, Incoming, Kind, captures_of, frame, payload_of
from relay.store.write.recorder import MustReopen, Recorder

READ_BYTES = 1024 * 1024


class EngineChannel(logging.Handler):
    """The socket to the engine; messages are dropped once the engine has gone."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._incoming = Incoming()
        self._buffer = bytearray(READ_BYTES)
        """For all reads: a new one each time would be mapped, shrunk and unmapped by the system."""
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def waits(self, most_s: float) -> bool:
        """Whether a message has arrived, or arrives within this time."""
        return bool(self._poll.poll(most_s * 1000))

    def read(self) -> Iterator[tuple[Kind, Buffer]]:
        """Yield the complete frames received.

        Raises:
            EOFError: the engine has gone.
        """
        room = self._incoming.room
        count = 0
        with suppress(ConnectionError):
            count = self._connection.recv_into(self._buffer if room is None else room)
        if not count:
            raise EOFError
        if room is None:
            return self._incoming.fed(memoryview(self._buffer)[:count])
        return self._incoming.filled(count)

    def send(self, kind: Kind, *payload: Any) -> None:
        self.send_frame(frame(kind, *payload))

    def send_frame(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError:
            raise EOFError from None

    # -- as the recorder's listener ------------------------------------------------------------

    def stored(self, first_id: int, count: int) -> None:
        self.send(Kind.STORED, first_id, count)

    def failed(self, count: int, trouble: StoreUnavailable) -> None:
        self.send(Kind.FAILED, count, trouble)

    def health(self, trouble: StoreUnavailable | None) -> None:
        self.send(Kind.HEALTH, trouble)

    # -- as a logging handler ------------------------------------------------------------------

    def emit(self, record: logging.LogRecord) -> None:
        self.send(Kind.LOG_LINE, record.levelno, record.getMessage())


def serve(channel: EngineChannel, recorder: Recorder) -> None:
    """Serve the engine's requests until it says stop.

    Raises:
        EOFError: the engine has gone.
        MustReopen: another process must take over.
    """
    bodies: list[Buffer] = []
    while True:
        if not channel.waits(0):
            recorder.tidy(quiet=True)
            if not channel.waits(recorder.may_rest_s):
                recorder.rest()
                continue
        waiting: list[Arrived] = []
        oldest = 0.0
        for kind, payload in channel.read():
            if kind is Kind.BODY:
                bodies.append(payload)
                continue
            if kind is Kind.CAPTURES:
                since, arrived = captures_of(payload, bodies)
                oldest = oldest if waiting else since
                waiting += arrived
                continue
            recorder.store(waiting, oldest)
            waiting = []
            if kind is Kind.STOP:
                return
            _perform(channel, recorder, payload)
        recorder.store(waiting, oldest)
        recorder.tidy(quiet=False)


def _perform(channel: EngineChannel, recorder: Recorder, payload: Buffer) -> None:
    try:
        work, transaction, synced = payload_of(payload)
        if work is None:
            recorder.settle()
            result = None
        else:
            result = recorder.perform(work, transaction=transaction, synced=synced)
        answer = frame(Kind.DONE, result)
    except Exception as error:
        channel.send(Kind.RAISED, _portable(error))
    else:
        channel.send_frame(answer)


def _portable(error: Exception) -> Exception:
    """The error, or its text if it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def main() -> None:
    with suppress(Exception):  # there may be no stderr for the report of a crash
        faulthandler.enable()
    # The engine decides when this ends: a Ctrl-C at the terminal reaches both.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    path = Path(sys.argv[1])
    channel = EngineChannel(socket.socket(fileno=0))
    logging.getLogger("relay").addHandler(channel)
    logging.getLogger("relay").setLevel(logging.INFO)
    try:
        ((_, payload),) = channel.read()
        ours, timeouts = payload_of(payload)
        try:
            recorder = Recorder(files.open_writer(path, ours=ours), path, channel, timeouts)
        except RelayError as error:
            channel.send(Kind.RAISED, error)
            return
        except (sqlite3.Error, OSError) as error:
            channel.send(Kind.RAISED, files.start_error(path, error))
            return
        channel.send(Kind.OPENED, recorder.newest_id)
        serve(channel, recorder)
    except (EOFError, MustReopen):
        # The engine has gone and awaits no answer, or it starts another process.
        is_closed = False
    else:
        is_closed = recorder.close()
    if not is_closed:
        os._exit(0)  # skips the connection's destructor, which deletes files by name


if __name__ == "__main__":
    main()
