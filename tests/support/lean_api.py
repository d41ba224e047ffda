"""Lean's API as it is documented: tokens and pages of events, over real sockets, with faults on demand.

Written from the OpenAPI file of the Events API and the token example that Lean publishes. What is not
documented (order, largest size, which ends of a window count) can be chosen.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

CLIENT_ID = "b5c1f0de-app-token"
CLIENT_SECRET = "client-secret-of-the-test"


@dataclass(frozen=True, slots=True)
class Fault:
    """A response in place of the documented one."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = 0
    """Bytes of the body that are announced and not sent."""


Intervene = Callable[["LeanApi", dict[str, str]], Fault | None]
"""What happens to a request for a page, by its parameters; None for the documented response."""


@dataclass
class LeanApi:
    """The server, what it has and what it saw."""

    url: str
    events: list[bytes] = field(default_factory=list)
    """In the order in which they are listed."""
    most: int = 100
    """Larger pages are refused with 400."""
    expires_in: int = 3599
    intervene: Intervene | None = None
    token_fault: Fault | None = None
    tokens: list[str] = field(default_factory=list)
    """Those given out; the last one is valid."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each request for a page."""
    forms: list[dict[str, str]] = field(default_factory=list)
    """What each request for a token said."""
    honours_token: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self) -> str:
        """The table of a settings file that leads here."""
        return (
            f'[lean]\nclient_id = {{ file = "client.id" }}\nclient_secret = {{ file = "client.secret" }}\n'
            f'auth_url = "{self.url}"\napi_url = "{self.url}"\n'
        )

    def write_settings(self, folder: Path, more: str = "") -> Path:
        """Files of settings and secrets; returns the one to name with `--config`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("client.id", CLIENT_ID), ("client.secret", CLIENT_SECRET)):
            (folder / name).write_text(f"{text}\n")
            (folder / name).chmod(0o600)
        path = folder / "lean.toml"
        path.write_text(more + self.settings())
        return path

    def token(self, form: dict[str, str]) -> Fault:
        with self.lock:
            self.forms.append(form)
            if self.token_fault is not None:
                return self.token_fault
            wanted = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
            wanted |= {"grant_type": "client_credentials", "scope": "api"}
            if form != wanted:
                return Fault(401, b'{"error":"invalid_client"}')
            self.tokens.append(f"token-{len(self.tokens) + 1}")
            return _json(
                {
                    "access_token": self.tokens[-1],
                    "scope": "api",
                    "token_type": "Bearer",
                    "expires_in": self.expires_in,
                }
            )

    def page(self, query: dict[str, str], authorization: str) -> Fault:
        with self.lock:
            self.asked.append(query)
            if self.honours_token and (not self.tokens or authorization != f"Bearer {self.tokens[-1]}"):
                return Fault(401, b'{"status":"UNAUTHORIZED","message":"token"}')
            if self.intervene is not None and (fault := self.intervene(self, query)) is not None:
                return fault
            return self.documented(query)

    def documented(self, query: dict[str, str]) -> Fault:
        """The page as Lean documents it."""
        number, size = int(query["page"]), int(query["size"])
        if size > self.most:
            return Fault(400, b'{"status":"BAD_REQUEST","message":"size must be at most 50"}')
        start, end = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        found = []
        for text in self.events:
            at, kind = _at_and_type(text)
            if start <= at <= end and query.get("type") in (None, kind):
                found.append(text)
        part = found[number * size : (number + 1) * size]
        facts = {
            "number": number,
            "size": size,
            "total_elements": len(found),
            "total_pages": -(-len(found) // size),
        }
        body = b'{"data": [%s], "page": %s}' % (b", ".join(part), json.dumps(facts).encode())
        return Fault(body=body, headers=(("Content-Type", "application/json"),))


def an_event(number: int, at: datetime, kind: str = "payment.updated") -> bytes:
    """The bytes of one event, in a layout and with a number that a JSON round trip would change."""
    return (
        f'{{"event_id": "{event_id(number)}",  "type": "{kind}", "message": "m",'
        f' "timestamp": "{at.isoformat().replace("+00:00", "Z")}",'
        f' "payload": {{"id": "{number}", "amount": 100.00, "slash": "a\\/b"}}}}'
    ).encode()


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


@cache
def _at_and_type(event: bytes) -> tuple[datetime, str]:
    """Read once: ten thousand events are looked through for each page."""
    read = json.loads(event)
    return datetime.fromisoformat(read["timestamp"]), read["type"]


def _json(value: Any) -> Fault:
    return Fault(body=json.dumps(value).encode(), headers=(("Content-Type", "application/json"),))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/events/v1":
            self._say(Fault(404, b'{"message": "no such path"}'))
            return
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._say(self.server.api.page(query, self.headers.get("Authorization", "")))

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._say(self.server.api.token(form) if self.path == "/oauth2/token" else Fault(404))

    def _say(self, fault: Fault) -> None:
        self.send_response(fault.status)
        for name, value in fault.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(fault.body) + fault.cut))
        self.end_headers()
        self.wfile.write(fault.body)
        if fault.cut:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing; stderr is the tests'."""


class _Server(ThreadingHTTPServer):
    api: LeanApi
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left; what matters is what the client says of it."""


@contextmanager
def lean_api(**options: Any) -> Iterator[LeanApi]:
    """The server, for as long as the context lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.api = LeanApi(url=f"http://127.0.0.1:{server.server_address[1]}", **options)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.api
        finally:
            server.shutdown()
            thread.join()
