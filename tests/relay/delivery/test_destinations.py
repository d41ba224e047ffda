"""Live deliveries and replays reach a target by the same way, and tell which it was."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.cli import run
from relay.config import Route, Settings
from relay.control.messages import ReplayRequest
from tests.relay.engine.test_engine import post
from tests.support.backends import answers, backend
from tests.support.certificates import SERVER, Pki, make
from tests.support.forwarding import an_engine
from tests.support.receiving import (
    a_post,
    rows,
)
from tests.support.replay_runs import ended
from tests.support.waiting import until

NAME = "backend.test"


def asks_for_a_certificate(pki: Pki) -> ssl.SSLContext:
    """A server's TLS under another name than its host's, which wants a client certificate."""
    pair = make(NAME, pki.root, purposes=SERVER, names=(NAME,))
    path = pki.file("backend.pem", pair.pem + pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.load_verify_locations(pki.folder / "root.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.slow
async def test_a_backend_that_asks_for_a_certificate(tmp_path: Path, pki: Pki) -> None:
    """A live delivery and a replay show it the same certificate and check the same name."""
    client = pki.client("good")
    with backend(answers(), tls=asks_for_a_certificate(pki)) as there:
        settings = replace(
            Settings(db=tmp_path / "relay.db", port=0),
            forward=(Route(to=f"https://127.0.0.1:{there.port}", where="--forward-to"),),
            target_ca=pki.folder / "root.pem",
            target_cert=client.cert,
            target_key=client.key,
            target_server_name=NAME,
        )
        async with an_engine(settings) as running:
            await post(running.url, a_post(b"1"))
            await until(lambda: len(there.requests) == 1, "the live delivery")
            await ended(running.request, await running.request(ReplayRequest(ranges=((1, 1),))))
    sent = rows(
        settings.db,
        "SELECT kind, status, error FROM attempts JOIN deliveries ON deliveries.id = delivery_id",
    )
    assert sorted(sent) == [("live", 200, None), ("replay", 200, None)]


async def test_a_name_with_several_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each attempt tells which of them it went to; for a name with one address there is nothing to tell."""
    loop = asyncio.get_running_loop()
    by_system = loop.getaddrinfo

    async def resolved(host: Any, port: Any, **how: Any) -> Any:
        if host != NAME:
            return await by_system(host, port, **how)
        return [(socket.AF_INET, 0, 0, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    with backend(answers()) as there:
        several, one = f"http://{NAME}:{there.port}", f"http://127.0.0.1:{there.port}"
        forward = tuple(Route(to=to, where="--forward-to") for to in (several, one))
        settings = Settings(db=tmp_path / "relay.db", port=0, forward=forward)
        async with an_engine(settings) as running:
            monkeypatch.setattr(loop, "getaddrinfo", resolved)
            await post(running.url, a_post(b"1"))
            await until(lambda: len(there.requests) == 2, "the live deliveries")
            await ended(
                running.request, await running.request(ReplayRequest(ranges=((1, 1),), to=(several,)))
            )
    sent = rows(
        settings.db,
        "SELECT target, kind, status, address FROM attempts"
        " JOIN deliveries ON deliveries.id = delivery_id ORDER BY kind, target DESC",
    )
    assert sent == [
        (several, "live", 200, "127.0.0.1"),
        (one, "live", 200, None),
        (several, "replay", 200, "127.0.0.1"),
    ]
    shown = await asyncio.to_thread(run, ["--db", str(settings.db), "show", "1", "--attempts"])
    assert shown == 0
    words = "  connected to 127.0.0.1, one of several addresses of the target's name\n"
    assert capfd.readouterr().out.count(words) == 2
