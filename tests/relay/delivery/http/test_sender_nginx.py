"""Through a real proxy: one request in is one request out, whatever the capture tried."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import destination
from relay.delivery.http.sender import Sender
from relay.models import Headers
from tests.support import backends
from tests.support.backends import Backend, backend, free_port
from tests.support.sending import Run, a_request, parsed

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")

CONF = """
{user}
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 20m;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  ignore_invalid_headers off; underscores_in_headers on;
  upstream there {{ server 127.0.0.1:{backend}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://there; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"

FRAMING = st.sampled_from(
    [
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding", "xchunked"),
        ("Transfer-Encoding", "\x0bchunked"),
        ("Content-Length", "0"),
        ("content-length", "5"),
        ("Content-Length", "+5"),
        ("Connection", "Content-Length, Host"),
        ("Connection", "close, transfer-encoding"),
        ("Connection", "lean-signature"),
        ("Keep-Alive", "timeout=1"),
        ("TE", "trailers"),
        ("Trailer", "Content-Length"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
        ("Expect", "100-continue"),
        ("Expect", "nonsense"),
        ("Host", "evil.test"),
        ("X-Plain", "1"),
        ("x-plain", "caf\xc3\xa9 \xff"),
    ]
)
BODIES = st.one_of(st.binary(max_size=60), st.just(SMUGGLED), st.just(b"0\r\n\r\n" + SMUGGLED))


@pytest.fixture
def between(tmp_path: Path) -> Iterator[tuple[int, Backend]]:
    """nginx's port, and the backend behind it."""
    assert NGINX is not None
    with backend(backends.answers()) as there:
        port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        conf = tmp_path / "nginx.conf"
        conf.write_text(CONF.format(folder=tmp_path, backend=there.port, port=port, user=user))
        process = subprocess.Popen(
            [NGINX, "-p", str(tmp_path), "-e", str(tmp_path / "errors"), "-c", str(conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert monotonic() < deadline, (tmp_path / "errors").read_text()
                    assert process.poll() is None, (tmp_path / "errors").read_text()
                    sleep(0.01)
            yield port, there
        finally:
            process.terminate()
            process.wait(10)


def test_one_in_is_one_out(run: Run, between: tuple[int, Backend]) -> None:
    """However framing headers and bodies are mixed, a proxy sees one request with that body, each time."""
    port, there = between

    @given(st.lists(FRAMING, max_size=6).map(tuple), BODIES, st.sampled_from(["POST", "PUT", "GET"]))
    @settings(deadline=None, max_examples=100)
    def compare(headers: Headers, body: bytes, method: str) -> None:
        there.requests.clear()
        to = destination(f":{port}")
        tried = run(sender.send(a_request(to, headers=headers, body=body, method=method, target="/in"), to))
        assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 200)
        assert len(there.requests) == 1
        line, _, seen = parsed(there.requests[0])
        assert line == f"{method} /in HTTP/1.1"
        assert seen == body

    async def make() -> Sender:
        return Sender()

    sender = run(make())
    try:
        compare()
    finally:
        run(sender.close())
