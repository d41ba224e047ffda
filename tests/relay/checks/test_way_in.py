"""`doctor --public`: whether a webhook posted to public_url ends in this log."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from relay.checks import way_in
from relay.config import Settings, load
from relay.store.read.reader import Reader
from tests.support.lean_requests import SECRET
from tests.support.program import Running, lean_relay, running

Handler = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One engine for all; each test looks for its own sample."""
    with running(tmp_path_factory.mktemp("engine")) as listening:
        yield listening


def settings(db: Path, url: str | None, **environ: str) -> Settings:
    return load({"db": db, "public_url": url}, environ=environ)


@asynccontextmanager
async def in_between(handler: Handler) -> AsyncIterator[str]:
    """A stand-in for a tunnel on a free port of this machine; gives its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/lean"
    finally:
        await runner.cleanup()


async def test_a_sample_goes_out_and_comes_in(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a tunnel that passes it on, the sample is found as a capture, marked, and signed."""

    async def pass_on(request: web.Request) -> web.Response:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                engine.url + request.path, data=await request.read(), headers=request.headers
            ) as answer,
        ):
            return web.Response(status=answer.status)

    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", SECRET)
    async with in_between(pass_on) as url:
        finding = await way_in.way_in(settings(engine.db, url, LEAN_WEBHOOK_SECRET=SECRET))
    assert finding.level == "ok"
    with Reader(engine.db) as reader:
        capture = reader.capture(reader.newest_id())
    assert capture is not None
    assert f"is capture {capture.id}, in " in finding.text
    assert (capture.target, capture.origin, capture.signature) == ("/lean", "sample", "valid")


async def test_a_tunnel_that_changes_bodies_is_found_out(engine: Running) -> None:
    """Bytes that differ on arrival are a fault, since no signature can survive them."""

    async def rewrite(request: web.Request) -> web.Response:
        body = (await request.read()).replace(b'":', b'": ', 1)
        async with aiohttp.ClientSession() as session, session.post(engine.url, data=body) as answer:
            return web.Response(status=answer.status)

    async with in_between(rewrite) as url:
        finding = await way_in.way_in(settings(engine.db, url))
    assert finding.level == "fault"
    assert "arrived with different bytes than were sent" in finding.text


async def test_a_url_that_leads_elsewhere(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that answers 200, one that answers 502, and nobody are three different faults."""
    monkeypatch.setattr(way_in, "STORED_WITHIN_S", 0.2)

    async def fine(request: web.Request) -> web.Response:
        return web.Response()

    async def bad_gateway(request: web.Request) -> web.Response:
        return web.Response(status=502)

    said = []
    for handler in (fine, bad_gateway):
        async with in_between(handler) as url:
            said.append(await way_in.way_in(settings(engine.db, url)))
    said.append(await way_in.way_in(settings(engine.db, url)))
    assert [finding.level for finding in said] == ["fault"] * 3
    assert f"{url.rpartition(':')[0]}" in said[0].text
    assert "responded 200, but the sample is not in" in said[0].text
    assert "responded 502" in said[1].text
    assert "cannot be reached" in said[2].text


async def test_what_has_to_be_there_first(tmp_path: Path) -> None:
    """Without a public_url, or without an engine, nothing is posted, and what to start is said."""
    assert "no public_url" in (await way_in.way_in(settings(tmp_path / "x.db", None))).text
    finding = await way_in.way_in(settings(tmp_path / "x.db", "https://relay.invalid"))
    assert finding.text == "no engine is running on this database"
    assert not os.listdir(tmp_path)


@pytest.mark.slow
def test_the_command(engine: Running) -> None:
    """`doctor --public` says where the sample arrived."""
    env = {"LEAN_RELAY_PUBLIC_URL": engine.url, "LEAN_RELAY_PORT": str(engine.port)}
    done = lean_relay(engine.folder, "doctor", "--public", "--db", str(engine.db), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        f"ok       way in      a sample went through {engine.url} and is"
    )
