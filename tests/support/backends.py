"""Backends under a test's control, good and bad: real sockets on port 0, each connection in a thread.

Owns what a backend does on its side of a connection, and what it saw. Threads, so that the loop under test
is not the one that answers it, and so that a behaviour reads from top to bottom.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.certificates import make

if TYPE_CHECKING:
    import trustme

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5, max=100\r\n\r\nok"
"""The same of a backend that says how long it keeps the connection."""

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
"""A head; chunks have to follow."""

_PATIENCE_S = 20.0
"""No wait of a backend is longer, so that none outlives a broken test."""


class Gone(Exception):
    """The other end left, or the test is over."""


class Wire:
    """A backend's end of one connection."""

    def __init__(self, sock: socket.socket, over: threading.Event) -> None:
        self.sock = sock
        self.over = over
        self._rest = b""

    def request(self) -> bytes:
        """The next whole request, head and body, byte for byte.

        Raises:
            Gone: there is none.
        """
        data = self._rest
        while b"\r\n\r\n" not in data:
            data += self.some()
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += self.some()
        self._rest = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def some(self) -> bytes:
        """The next bytes, whatever they are."""
        try:
            data = self.sock.recv(65536)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def flood(self, data: bytes) -> None:
        """Send the same bytes until the other end has had enough."""
        while not self.over.is_set():
            self.send(data)

    def dribble(self, data: bytes, every_s: float = 0.002) -> None:
        """Send one byte at a time."""
        for at in range(len(data)):
            if self.over.wait(every_s):
                raise Gone
            self.send(data[at : at + 1])

    def hang(self) -> None:
        """Keep the connection open and say nothing, until the other end leaves."""
        while True:
            self.some()

    def reset(self) -> None:
        """End with RST, as a crashed process does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Behaviour = Callable[["Backend", Wire], None]


@dataclass
class Backend:
    """A listening backend and what it saw; made by `backend`."""

    port: int
    connections: int = 0
    """Accepted so far."""
    requests: list[bytes] = field(default_factory=list)
    """Whole requests, as bytes, in the order in which they were complete."""
    ended: int = 0
    """Connections whose behaviour has come to its end, and which are closed."""
    released: threading.Event = field(default_factory=threading.Event)
    """For behaviours that wait until the test says so."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, wire: Wire) -> bytes:
        """Read a request and note it."""
        request = wire.request()
        with self.lock:
            self.requests.append(request)
        return request


def bodies(there: Backend) -> list[bytes]:
    """The bodies of its requests."""
    return [request.partition(b"\r\n\r\n")[2] for request in there.requests]


def answers(data: bytes = OK) -> Behaviour:
    """Takes any number of requests and gives each the same answer."""

    def behave(backend: Backend, wire: Wire) -> None:
        while True:
            backend.take(wire)
            wire.send(data)

    return behave


def answers_once(data: bytes = OK) -> Behaviour:
    """Takes one request, answers, and closes."""

    def behave(backend: Backend, wire: Wire) -> None:
        backend.take(wire)
        wire.send(data)

    return behave


def says(data: bytes) -> Behaviour:
    """Takes one request, says something, and keeps the connection open."""

    def behave(backend: Backend, wire: Wire) -> None:
        backend.take(wire)
        wire.send(data)
        wire.hang()

    return behave


HANG_UP = "hang-up"


def replies(*script: str) -> Behaviour:
    """Give each request the next reply of a script: a status, or `hang-up` for none.

    The last reply serves all further requests; without any it is 200. All connections share the script.
    """
    left = list(script) or ["200"]

    def behave(backend: Backend, wire: Wire) -> None:
        while True:
            backend.take(wire)
            with backend.lock:
                reply = left.pop(0) if len(left) > 1 else left[0]
            if reply == HANG_UP:
                return
            body = b"thank you\n" if reply == "200" else b"the backend is having a bad day\n"
            head = f"HTTP/1.1 {reply} {HTTPStatus(int(reply)).phrase}\r\nContent-Type: text/plain\r\n"
            wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return behave


def closes_unheard(there: Backend, wire: Wire) -> None:
    """Takes some bytes of a request and closes."""
    wire.some()


@contextlib.contextmanager
def backend(behave: Behaviour, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Backend]:
    """A backend at 127.0.0.1, on a free port unless one is named; treats each connection as `behave` says."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    made = Backend(port=listener.getsockname()[1])
    wires: list[Wire] = []
    threads: list[threading.Thread] = []

    def serve(wire: Wire) -> None:
        try:
            if tls is not None:
                # It is the socket to shut down from here on, also within the handshake.
                secure = tls.wrap_socket(wire.sock, server_side=True, do_handshake_on_connect=False)
                wire.sock = secure
                secure.do_handshake()
            behave(made, wire)
        except (Gone, OSError):
            pass
        finally:
            with contextlib.suppress(OSError):
                wire.sock.close()
            with made.lock:
                made.ended += 1

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(_PATIENCE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with made.lock:
                made.connections += 1
            wires.append(Wire(sock, over))
            thread = threading.Thread(target=serve, args=(wires[-1],), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield made
    finally:
        over.set()
        made.released.set()
        # Closing alone would not wake a thread that waits in accept or recv.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(_PATIENCE_S)
        for wire in wires:
            with contextlib.suppress(OSError):
                wire.sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_PATIENCE_S)
        for wire in wires:
            wire.sock.close()


def a_place() -> socket.socket:
    """A port that no other process gets while nothing listens on it; listen there with `reuse_port`."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind(("127.0.0.1", 0))
    return place


def free_port() -> int:
    """A port on which nothing listens; taken and given back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of a test's own, and certificates signed by it."""

    folder: Path
    ca: trustme.CA

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def context(
        self, *names: str, days: tuple[int, int] = (-1, 30), self_signed: bool = False
    ) -> ssl.SSLContext:
        """A server's TLS for these host names and addresses, valid from and to so many days from today."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self_signed:
            alone = make(names[0], names=names)
            path = self.folder / "self-signed.pem"
            path.write_bytes(alone.key_pem + alone.pem)
            context.load_cert_chain(path)
            return context
        since, until = (datetime.now(UTC) + timedelta(days=each) for each in days)
        self.ca.issue_cert(*names, not_before=since, not_after=until).configure_cert(context)
        return context


def authority(folder: Path) -> Authority:
    """A new CA whose certificate is at `ca_file`."""
    import trustme  # Not every test that needs a backend needs TLS.

    made = Authority(folder, trustme.CA())
    made.ca.cert_pem.write_to_path(made.ca_file)
    return made
