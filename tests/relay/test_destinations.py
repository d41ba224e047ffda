"""Live deliveries and replays reach a target by the same TLS settings."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

from relay.config import Route, Settings
from tests.backends import answers, backend
from tests.pki import SERVER, Pki, make
from tests.relay.receiving import a_post, rows, until
from tests.relay.test_engine import post
from tests.relay.test_forwarder import an_engine
from tests.relay.test_replay import ended

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
            await ended(running.act, await running.act("replay", {"ranges": [[1, 1]]}))
    sent = rows(
        settings.db,
        "SELECT kind, status, error FROM attempts JOIN deliveries ON deliveries.id = delivery_id",
    )
    assert sorted(sent) == [("live", 200, None), ("replay", 200, None)]
