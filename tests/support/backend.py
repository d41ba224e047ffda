"""A small backend such as a developer would have: takes webhooks, fails now and then as it is told.

`python -m tests.support.backend PORT [HABIT...]` listens until SIGTERM; each request gets the next habit: a
status, or `hang-up` for none at all, the last one for all that follow. It is for the demo and for tests of
commands.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG_UP = "hang-up"


class Handler(BaseHTTPRequestHandler):
    """Answers each POST as the next habit says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Head and body are two writes; together they would wait 40 ms.
    server: Backend

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        habit = self.server.next_habit()
        if habit == HANG_UP:
            self.close_connection = True
            return
        answer = b"thank you\n" if habit == "200" else b"the backend is having a bad day\n"
        self.send_response(int(habit))
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the relay says it."""


class Backend(ThreadingHTTPServer):
    """Listens on this machine only."""

    daemon_threads = True

    def __init__(self, port: int, habits: list[str]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self._habits = habits or ["200"]

    def next_habit(self) -> str:
        return self._habits.pop(0) if len(self._habits) > 1 else self._habits[0]


@contextmanager
def a_backend(*habits: str, port: int = 0) -> Iterator[int]:
    """A backend on a port of its own, in a thread; gives the port."""
    with Backend(port, list(habits)) as backend:
        thread = threading.Thread(target=backend.serve_forever, args=(0.01,), name="backend")
        thread.start()
        try:
            yield backend.server_address[1]
        finally:
            backend.shutdown()
            thread.join()


def main() -> None:
    """Listen until told to end; says `ready PORT` once it does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Backend(int(sys.argv[1]), sys.argv[2:]) as backend:
        print(f"ready {backend.server_address[1]}", flush=True)
        backend.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
