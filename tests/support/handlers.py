"""Backends that handle Lean's webhooks, sound and faulty, for rehearsals: real servers with a state to probe.

Each class below `Lenient` has one typical fault. A second port has `/state` (GET) for --probe, and `/reset`
and `/restart` (POST) for the commands; it stays while the first one restarts.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.lean_requests import SECRET

STATUSES = ("PENDING", "ACCEPTED_BY_BANK", "FAILED")
RESTART_S = 0.4


class Strict:
    """Sound: exact signature, each event once by its id in one transaction, newest timestamp wins."""

    answer = 200

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.seen: set[str] = set()
        self.effects = 0
        self.created: set[str] = set()
        self.payments: dict[str, tuple[str, str]] = {}

    def restart(self) -> None:
        """What is lost when the process ends; a sound backend keeps everything in its database."""

    def is_signed(self, header: str, body: bytes) -> bool:
        return hmac.compare_digest(
            header, "sha512=" + hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
        )

    def respond(self, header: str, body: bytes) -> int:
        if not self.is_signed(header, body):
            return 401
        return self.handle(json.loads(body))

    def handle(self, event: dict[str, Any]) -> int:
        with self.lock:
            if event["event_id"] in self.seen:
                return self.answer
            if not self.can_take(event):
                return 409
            self.seen.add(event["event_id"])
            self.apply(event)
        return self.answer

    def can_take(self, event: dict[str, Any]) -> bool:
        return True

    def apply(self, event: dict[str, Any]) -> None:
        self.effects += 1
        payload = event["payload"]
        if event["type"] == "payment.created":
            self.created.add(payload["id"])
        if event["type"] in ("payment.created", "payment.updated"):
            there = self.payments.get(payload["id"], ("", ""))
            self.payments[payload["id"]] = max(there, (event["timestamp"], str(payload["status"])))

    def state(self) -> str:
        """Numbers only: effects, payments, and the payments in each status."""
        with self.lock:
            now = [status for _, status in self.payments.values()]
            return " ".join(map(str, (self.effects, len(now), *(now.count(each) for each in STATUSES))))


class Lenient(Strict):
    """Sound: any case and prefix of the hex digits; 409 for an update until its payment is there."""

    def is_signed(self, header: str, body: bytes) -> bool:
        return super().is_signed("sha512=" + header.lower().removeprefix("sha512="), body)

    def can_take(self, event: dict[str, Any]) -> bool:
        return event["type"] != "payment.updated" or event["payload"]["id"] in self.created


class Unsigned(Strict):
    """Checks no signature."""

    def is_signed(self, header: str, body: bytes) -> bool:
        return True


class Sha256(Strict):
    """Checks the wrong digest."""

    def is_signed(self, header: str, body: bytes) -> bool:
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(header.partition("=")[2], digest)


class Reserialising(Strict):
    """Compares with the signature of the JSON as it writes it again."""

    def is_signed(self, header: str, body: bytes) -> bool:
        again = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
        return super().is_signed(header, again)


class Created(Strict):
    """Answers 201."""

    answer = 201


class NoContent(Strict):
    """Answers 204."""

    answer = 204


class CheckThenAct(Strict):
    """Looks whether it knows the event, and remembers it a moment later."""

    def handle(self, event: dict[str, Any]) -> int:
        if event["event_id"] in self.seen:
            return 200
        time.sleep(0.02)
        with self.lock:
            self.apply(event)
        self.seen.add(event["event_id"])
        return 200


class AfterSuccess(Strict):
    """Remembers an event only when its work, which takes a while, has succeeded."""

    def handle(self, event: dict[str, Any]) -> int:
        if event["event_id"] in self.seen:
            return 200
        with self.lock:
            self.apply(event)
        time.sleep(0.15)
        self.seen.add(event["event_id"])
        return 200


class KnownTypesOnly(Strict):
    """Dies on types that it does not know."""

    known = ("entity.", "payment", "results.", "bank.", "transaction.", "consent.", "iban_")

    def handle(self, event: dict[str, Any]) -> int:
        if not event["type"].startswith(self.known):
            raise KeyError(event["type"])
        return super().handle(event)


class Late(Strict):
    """Answers an event of a type that it does not know after Lean has given up."""

    def handle(self, event: dict[str, Any]) -> int:
        if not event["type"].startswith(KnownTypesOnly.known):
            time.sleep(10.5)
        return super().handle(event)


class CreatedFirst(Strict):
    """Drops the update of a payment that it does not know, with 200."""

    def apply(self, event: dict[str, Any]) -> None:
        if event["type"] != "payment.updated" or event["payload"]["id"] in self.created:
            super().apply(event)


class CustomersOnly(Strict):
    """Answers 400 to events without a customer."""

    def handle(self, event: dict[str, Any]) -> int:
        return super().handle(event) if "customer_id" in event["payload"] else 400


class Forgetful(Strict):
    """Answers first and works from a queue in memory, which a restart empties."""

    def __init__(self) -> None:
        self.timers: list[threading.Timer] = []
        super().__init__()

    def clear(self) -> None:
        self.restart()
        super().clear()

    def restart(self) -> None:
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()

    def handle(self, event: dict[str, Any]) -> int:
        with self.lock:
            if event["event_id"] in self.seen:
                return 200
            self.seen.add(event["event_id"])
        timer = threading.Timer(0.3, self._work, (event,))
        self.timers.append(timer)
        timer.start()
        return 200

    def _work(self, event: dict[str, Any]) -> None:
        with self.lock:
            self.apply(event)


class Pair(Strict):
    """Fails once it has had two certain events, by their customers, in this order."""

    first, second = "first", "second"

    def clear(self) -> None:
        super().clear()
        self.primed = self.broken = False

    def apply(self, event: dict[str, Any]) -> None:
        super().apply(event)
        name = event["payload"].get("app_user_id")
        self.broken |= self.primed and name == self.second
        self.primed |= name == self.first

    def state(self) -> str:
        return "broken" if self.broken else "fine"


class Served:
    """A backend that listens; made by `serving`."""

    def __init__(self, backend: Strict, port: int, control: int) -> None:
        self.backend = backend
        self.port = port
        self.control = control

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def probe(self) -> str:
        return f"http://127.0.0.1:{self.control}/state"

    def command(self, name: str) -> str:
        """A shell command for `reset` or `restart`."""
        program = (
            "import urllib.request as u; "
            f"u.urlopen(u.Request('http://127.0.0.1:{self.control}/{name}', method='POST')).read()"
        )
        return f"{shlex.quote(sys.executable)} -S -c {shlex.quote(program)}"


@contextlib.contextmanager
def serving(backend: Strict) -> Iterator[Served]:
    """The backend on a port of its own, with its control port."""

    class Webhooks(_Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.reply(backend.respond(self.headers.get("lean-signature", ""), body))

    servers: dict[str, ThreadingHTTPServer] = {}

    def start(port: int) -> int:
        server = _Server(("127.0.0.1", port), Webhooks)
        servers["webhooks"] = server
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return int(server.server_address[1])

    def stop() -> None:
        servers["webhooks"].shutdown()
        servers["webhooks"].server_close()

    port = start(0)

    class Control(_Quiet):
        def do_GET(self) -> None:
            state = backend.state()
            self.reply(503 if state == "broken" else 200, state.encode())

        def do_POST(self) -> None:
            if self.path == "/reset":
                backend.clear()
            else:
                stop()
                backend.restart()
                time.sleep(RESTART_S)
                start(port)
            self.reply(200)

    control = _Server(("127.0.0.1", 0), Control)
    threading.Thread(target=control.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Served(backend, port, int(control.server_address[1]))
    finally:
        stop()
        control.shutdown()
        control.server_close()
        backend.restart()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handler that dies closes its connection, and says nothing."""


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def reply(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
