"""The receiver: whatever comes is stored as it came and answered after that; or refused, with a reason."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.config import RespondRule, Route
from relay.receiver.limits import ReceiverLimits
from tests.support.receiving import (
    a_post,
    a_receiver,
    executed,
    read_answer,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("either_way")

EVENT = (
    b'{"type":"payment.updated","payload":{"id":"p","customer_id":"c-1","amount":100.00},'
    b'"message":"A payment object has been updated.","timestamp":"2026-03-04T05:06:07.089123Z",'
    b'"event_id":"b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9"}'
)


def signed(body: bytes, secret: bytes) -> tuple[str, str]:
    return "lean-signature", "sha512=" + hmac.new(secret, body, hashlib.sha512).hexdigest()


async def test_an_event_is_stored_with_what_is_known_of_it(tmp_path: Path) -> None:
    """Type, ids, time, customer, signature and hash stand in the row when the 200 arrives."""
    async with a_receiver(tmp_path, secrets={"other": b"x", "sandbox": b"s3cret"}) as running:
        answer = await running.exchange(a_post(EVENT, headers=[signed(EVENT, b"s3cret")]))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nstored\n")
        (row,) = running.rows()
    assert row["event_type"] == "payment.updated"
    assert row["event_id"] == "b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9"
    assert row["event_at"] == 1772600767089123
    assert row["customer_id"] == "c-1"
    assert (row["signature"], row["signed_by"]) == ("valid", "sandbox")
    assert row["body"] == EVENT
    assert row["body_sha256"] == hashlib.sha256(EVENT).hexdigest()
    assert (row["method"], row["target"], row["http_version"], row["answer"]) == ("POST", "/hook", "1.1", 200)
    assert row["client"].startswith("127.0.0.1:")


async def test_headers_keep_order_case_repeats_and_bytes(tmp_path: Path) -> None:
    """Headers are stored as they stood on the wire, each byte as a latin-1 character."""
    data = (
        b"PUT /a%20b?x=%zz&y HTTP/1.1\r\nhost: relay\r\nX-One: 1\r\nx-one: 2\r\nX-ONE: 3\r\n"
        b"X-Bytes: caf\xc3\xa9 \xff\xfe\r\nContent-Length: 3\r\n\r\nabc"
    )
    async with a_receiver(tmp_path) as running:
        assert b" 200 " in await running.exchange(data)
        (row,) = running.rows()
    assert json.loads(row["headers"]) == [
        ["host", "relay"],
        ["X-One", "1"],
        ["x-one", "2"],
        ["X-ONE", "3"],
        ["X-Bytes", b"caf\xc3\xa9 \xff\xfe".decode("latin-1")],
        ["Content-Length", "3"],
    ]
    assert (row["method"], row["target"], row["body"]) == ("PUT", "/a%20b?x=%zz&y", b"abc")


@pytest.mark.parametrize(
    ("head", "wire", "stored"),
    [
        ("Content-Length: 0", b"", b""),
        ("Content-Length: 5", b"\x00\xff\xfe\r\n", b"\x00\xff\xfe\r\n"),
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        ("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7", b"a=1&b=2", b"a=1&b=2"),
        ("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5", b"--x--", b"--x--"),
        ("Content-Type: application/json\r\nContent-Length: 4", b"nope", b"nope"),
    ],
)
async def test_any_body_is_stored_as_it_came(tmp_path: Path, head: str, wire: bytes, stored: bytes) -> None:
    """Empty, binary, chunked, form, multipart, broken JSON: the bytes of the body, and a 200."""
    async with a_receiver(tmp_path) as running:
        answer = await running.exchange(f"POST / HTTP/1.1\r\nHost: r\r\n{head}\r\n\r\n".encode() + wire)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert [row["body"] for row in running.rows()] == [stored]


async def test_a_compressed_body_stays_compressed_and_its_signature_holds(tmp_path: Path) -> None:
    """The signature is over the bytes that came, so nothing is decompressed."""
    packed = gzip.compress(EVENT)
    headers = [signed(packed, b"k"), ("Content-Encoding", "gzip")]
    async with a_receiver(tmp_path, secrets={"default": b"k"}) as running:
        await running.exchange(a_post(packed, headers=headers))
        (row,) = running.rows()
    assert row["body"] == packed
    assert row["signature"] == "valid"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
async def test_any_method_is_a_capture(tmp_path: Path, method: str) -> None:
    """Whatever the parser accepts is stored; HEAD is answered without a body."""
    async with a_receiver(tmp_path) as running:
        answer = await running.send(f"{method} /x HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n" if method == "HEAD" else b"stored\n")
        assert [row["method"] for row in running.rows()] == [method]


async def test_http_1_0_is_answered_and_closed(tmp_path: Path) -> None:
    """An HTTP/1.0 caller gets its answer and the end of the connection."""
    async with a_receiver(tmp_path) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert answer.startswith(b"HTTP/1.0 200 ")
        assert [(row["http_version"], row["body"]) for row in running.rows()] == [("1.0", b"hi")]


async def test_other_http_versions_are_refused(tmp_path: Path) -> None:
    """HTTP/2.0 in a request line, which the parser lets through, gets 505 and a refusal."""
    async with a_receiver(tmp_path) as running:
        answer = await running.send(b"GET / HTTP/2.0\r\nHost: r\r\n\r\n")
        assert b" 505 " in answer.split(b"\r\n")[0]
        assert running.refusals.counts == {"http-version": 1}
        assert running.rows() == []


async def test_pipelined_requests_are_each_stored_and_answered(tmp_path: Path) -> None:
    """Three requests in one packet give three captures in order and three answers."""
    async with a_receiver(tmp_path) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"".join(a_post(body) for body in (b"1", b"2", b"3")))
        for _ in range(3):
            assert b" 200 " in await read_answer(reader)
        writer.close()
        assert [row["body"] for row in running.rows()] == [b"1", b"2", b"3"]


async def test_a_body_over_the_limit_is_refused_with_413(tmp_path: Path) -> None:
    """Declared, chunked or already there: too large is 413 and a refusal; the limit itself is taken."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(max_body=10_000)) as running:
        for data in (
            a_post(b"x" * 10_001),
            b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 99999999\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n3000\r\n"
            + b"y" * 0x3000
            + b"\r\n",
        ):
            assert (await running.exchange(data)).startswith(b"HTTP/1.1 413 ")
        assert running.refusals.counts == {"too-large": 3}
        assert b" 200 " in await running.exchange(a_post(b"x" * 10_000))
        assert [len(row["body"]) for row in running.rows()] == [10_000]


async def test_a_large_body_that_comes_slowly_enough_is_whole(tmp_path: Path) -> None:
    """Eight MiB in pieces are judged apart from the loop and stored byte for byte."""
    body = bytes(range(256)) * 4 * 8192
    async with a_receiver(tmp_path, secrets={"default": b"k"}) as running:
        answer = await running.exchange(a_post(body, headers=[signed(body, b"k")]))
        assert b" 200 " in answer
        (row,) = running.rows()
    assert row["body"] == body
    assert row["signature"] == "valid"


async def test_expect_100_continue_is_answered_before_the_body(tmp_path: Path) -> None:
    """A caller that asks first is told to go on, and then gets its 200; a too large one is told at once."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(max_body=1000)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert b" 200 " in await read_answer(reader)
        writer.close()
        refused = await running.exchange(
            b"POST / HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
        )
        assert b" 413 " in refused


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: r\r\nX: a\x1bb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: r\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_the_parser_refuses_is_a_refusal(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Malformed requests get 400 with a fixed text, one calm line, no traceback; the next one works."""
    async with a_receiver(tmp_path) as running:
        answer = await running.send(data)
        assert b" 400 " in answer.partition(b"\r\n")[0]
        assert answer.endswith((b"not a request that this server understands\n", b"malformed\n"))
        assert running.refusals.counts["malformed"] == 1
        assert not any(record.exc_info for record in caplog.records)
        assert b" 200 " in await running.exchange(a_post())
        assert len(running.rows()) == 1


@pytest.mark.slow
async def test_web_pages_are_refused_unless_allowed(tmp_path: Path) -> None:
    """Origin or any Sec-Fetch-Site but none gets 403 and no CORS header; a setting lets it in."""
    pages = [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        *([("Sec-Fetch-Site", site)] for site in ("cross-site", "same-site", "same-origin")),
    ]
    async with a_receiver(tmp_path) as running:
        for headers in pages:
            answer = await running.exchange(a_post(headers=headers))
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert b"access-control" not in answer.lower()
        assert running.refusals.counts == {"cross-site": len(pages)}
        assert running.rows() == []
        assert b" 200 " in await running.exchange(a_post(headers=[("Sec-Fetch-Site", "none")]))
    async with a_receiver(tmp_path, allow_cross_site=True) as running:
        for headers in pages:
            assert b" 200 " in await running.exchange(a_post(headers=headers))


async def test_a_get_to_a_name_of_strangers_goes_no_further(tmp_path: Path) -> None:
    """It is stored and answered, and its deliveries are parked; a POST is never judged by its Host."""
    routes = [Route(to=":3000", where="--forward-to")]
    expected = []
    async with a_receiver(tmp_path, routes=routes, public_url="https://hooks.example") as running:
        for line, host, state in (
            ("GET /x?y", "evil.example:5326", "parked"),
            ("HEAD /", "evil.example", "parked"),
            ("GET http://evil.example/", "localhost", "parked"),
            ("GET http://[zz:zz]/", "localhost", "parked"),
            ("GET /a://evil.example/", "localhost", "queued"),
            ("GET /", "localhost.evil.example", "parked"),
            ("GET /", "LOCALHOST.:5326", "queued"),
            ("GET /", "hooks.example", "queued"),
            ("GET /", "127.0.0.1:5326", "queued"),
            ("GET /", "[::1]:5326", "queued"),
            ("POST /", "evil.example", "queued"),
        ):
            data = f"{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            assert (await running.send(data)).startswith(b"HTTP/1.1 200 ")
            expected.append((state, "unknown-host" if state == "parked" else None))
        found = running.rows("SELECT state, reason FROM deliveries ORDER BY id")
        assert [(row["state"], row["reason"]) for row in found] == expected
    async with a_receiver(tmp_path, routes=routes, allow_cross_site=True) as running:
        await running.exchange(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert running.rows("SELECT state FROM deliveries ORDER BY id DESC")[0]["state"] == "queued"


async def test_every_path_and_host_gets_the_same_answer(tmp_path: Path) -> None:
    """Nothing can be read or steered through this port, whatever is asked for."""
    async with a_receiver(tmp_path) as running:
        answers = set()
        for path in ("/", "/api", "/metrics", "/status", "/replay", "/..%2f", "/captures/1"):
            for host in ("localhost", "evil.example"):
                answer = await running.exchange(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                answers.add(answer.partition(b"\r\n\r\n")[2])
        assert answers == {b"stored\n"}


async def test_token_and_sender_are_compared_and_never_required(tmp_path: Path) -> None:
    """`lean-app-token` and the caller's address leave their result; nothing is refused for them."""
    async with a_receiver(tmp_path, app_token=b"tok", senders=[ip_network("10.0.0.0/8")]) as running:
        for headers in ([("lean-app-token", "tok")], [("Lean-App-Token", "no")], []):
            assert b" 200 " in await running.exchange(a_post(headers=headers))
        assert [(row["app_token"], row["sender"]) for row in running.rows()] == [
            ("match", "mismatch"),
            ("mismatch", "mismatch"),
            (None, "mismatch"),
        ]


async def test_samples_are_labelled(tmp_path: Path) -> None:
    """A webhook made by `trigger` says so."""
    async with a_receiver(tmp_path) as running:
        await running.exchange(a_post(headers=[("X-Lean-Relay-Sample", "1")]))
        await running.exchange(a_post())
        assert [row["origin"] for row in running.rows()] == ["sample", "received"]


async def test_respond_answers_otherwise_and_says_so(tmp_path: Path) -> None:
    """`--respond 500` stores as ever, answers 500, and the capture tells that it was on purpose."""
    async with a_receiver(tmp_path, respond=500) as running:
        assert (await running.exchange(a_post())).startswith(b"HTTP/1.1 500 ")
        assert [(row["answer"], row["answer_reason"]) for row in running.rows()] == [(500, "--respond 500")]


async def test_a_rule_answers_the_first_captures_that_match(tmp_path: Path) -> None:
    """A rule with `first` holds for so many matching captures; others and later ones get the usual answer."""
    rule = RespondRule(
        when="type:payment", status=503, delay_s=0.0, first=2, where="lean-relay.toml: respond_rules[0]"
    )
    other = EVENT.replace(b"payment.updated", b"results.ready")
    async with a_receiver(tmp_path, rules=[rule]) as running:
        for body in (EVENT, other, EVENT, EVENT):
            await running.exchange(a_post(body))
        assert [row["answer"] for row in running.rows()] == [503, 200, 503, 200]
        assert running.rows()[0]["answer_reason"] == "lean-relay.toml: respond_rules[0]: type:payment"


async def test_a_delayed_answer_is_stored_at_once(tmp_path: Path) -> None:
    """With `--respond-delay` the capture is on disk while its caller still waits."""
    async with a_receiver(tmp_path, delay_s=30.0) as running:
        _reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(a_post())
        await until(lambda: len(running.rows()) == 1, "the capture")
        assert running.rows()[0]["answer_reason"] == "--respond-delay 30"
        writer.close()


async def test_a_caller_that_leaves_after_its_body_is_stored(tmp_path: Path) -> None:
    """Hanging up before the answer undoes nothing: each request that was whole is a capture."""
    async with a_receiver(tmp_path) as running:
        for number in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(a_post(str(number).encode()))
            writer.close()
        await until(lambda: len(running.rows()) == 50, "all captures")
        assert sorted(int(row["body"]) for row in running.rows()) == list(range(50))
        assert running.refusals.counts == {}


async def test_a_caller_that_leaves_within_its_body_is_a_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a body is no capture; it is counted as hung-up, without a traceback."""
    async with a_receiver(tmp_path) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        door = running.receiver.connections
        await until(lambda: any(one.spoke for one in door.connections), "half a body")
        writer.close()
        await until(lambda: running.refusals.counts["hung-up"] == 1, "the refusal")
        assert running.rows() == []
        assert not any(record.exc_info for record in caplog.records)


async def test_a_body_that_stops_is_given_up(tmp_path: Path) -> None:
    """A body below the least rate gets 408 in time, and the connection ends."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(body_grace_s=0.3, linger_s=0.2)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\nhalf")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert running.refusals.counts == {"body-timeout": 1}


async def test_a_head_that_never_ends_is_dropped(tmp_path: Path) -> None:
    """A head that trickles is ended at its deadline, however often a byte comes; a silent caller too."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(head_s=0.3)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        silent, silent_writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST / HT")
        await until(lambda: len(running.receiver.connections.connections) == 2, "both connections")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        assert await silent.read() == b""
        assert running.refusals.counts == {"head-timeout": 1}
        writer.close()
        silent_writer.close()


async def test_over_the_cap_the_oldest_incomplete_connection_goes(tmp_path: Path) -> None:
    """At the cap a newcomer is served, and the connection that owes us a request longest is dropped."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(connections=8)) as running:
        slow = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(8)]
        for _, writer in slow:
            writer.write(b"POST / HTTP/1.1\r\n")
        await until(
            lambda: sum(one.spoke for one in running.receiver.connections.connections) == 8, "all heads"
        )
        assert b" 200 " in await running.exchange(a_post(b"good"))
        assert await asyncio.wait_for(slow[0][0].read(), 10) == b""
        assert running.refusals.counts["too-many-connections"] == 1
        for _, writer in slow:
            writer.close()
        assert [row["body"] for row in running.rows()] == [b"good"]


async def test_bodies_in_flight_have_a_budget(tmp_path: Path) -> None:
    """Past the bytes that may be on their way at once, a body gets 503 with Retry-After; then it goes on."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(bodies_in_flight=200_000, room_s=0.3)) as running:
        _, half = await asyncio.open_connection("127.0.0.1", running.port)
        half.write(a_post(b"x" * 150_000)[:100_000])
        await until(lambda: running.receiver.connections.budget.used == 150_000, "half a body")
        answer = await running.exchange(a_post(b"x" * 100_000))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after:" in answer.lower()
        assert running.refusals.counts == {"overloaded": 1}
        assert b" 200 " in await running.exchange(a_post(b"x" * 50_000))
        half.close()
        await until(lambda: running.receiver.connections.budget.used == 0, "its room")
        assert b" 200 " in await running.exchange(a_post(b"x" * 300_000))


@pytest.mark.slow
async def test_a_store_in_trouble_is_503_and_heals(tmp_path: Path) -> None:
    """With no room nothing is answered 200; with room again it is, without a restart."""
    async with a_receiver(tmp_path) as running:
        await running.writer.outside_transaction(partial(executed, sql="PRAGMA max_page_count = 1"))
        answers = [await running.exchange(a_post(b"x" * 20_000)) for _ in range(5)]
        refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
        assert refused
        assert all(b"retry-after:" in answer.lower() for answer in refused)
        assert len(running.rows()) == len(answers) - len(refused)
        await running.writer.outside_transaction(partial(executed, sql="PRAGMA max_page_count = 100000"))
        await until(lambda: running.writer.trouble is None, "the store to heal", within_s=5)
        assert b" 200 " in await running.exchange(a_post(b"x" * 20_000))
