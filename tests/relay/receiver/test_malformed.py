"""What is wrong with a request is said in our own words, and quotes nothing of it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from relay.receiver.malformed import GENERAL
from tests.support.receiving import a_receiver

CANARY = "canary-AE070331234567890123456"
LF = "a line of its head ends with LF alone, without CR"
BOTH = "it has Content-Length and Transfer-Encoding"
POST = "POST /canary-path HTTP/1.1\r\nHost: r\r\n"

BROKEN = {
    f"{POST}Authorization : Bearer {CANARY}\r\n\r\n": "the name of header 2 has a space before its colon",
    f"{POST}lean-app-token\t: {CANARY}\r\n\r\n": "the name of header 2 has a space before its colon",
    f"{POST}{CANARY}\r\n\r\n": "header 2 has no colon",
    f"{POST}: {CANARY}\r\n\r\n": "header 2 has no name",
    f"{POST}X{CANARY}\x01: y\r\n\r\n": "the name of header 2 has a character that is not allowed in names",
    f"{POST}X: {CANARY}\x00\r\n\r\n": "the value of a header has a control character",
    f"{POST}X: {CANARY}\r\n {CANARY}\r\n\r\n": "a header continues on the next line",
    f"{POST}Content-Length: {CANARY}\r\n\r\n": "its Content-Length is not a number",
    f"{POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\n": "it has more than one Content-Length",
    f"{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n": BOTH,
    f"{POST}Transfer-Encoding: {CANARY}\r\n\r\n": "its Transfer-Encoding does not end with chunked",
    f"{POST}Transfer-Encoding: chunked\r\n\r\n3\r\n{CANARY}\r\n": "chunk 1 does not end where its size says",
    f"{POST}Content-Length: 4\r\n\r\n{{\"iban\":\"{CANARY}\"}}": "its first word is not an HTTP method",
    f"{POST}Host: {CANARY}\r\n\r\n": "a header that is allowed once comes twice",
    f"POST / HTTP/1.1\r\nX: {CANARY}\r\n\r\n": "it is HTTP/1.1 and has no Host header",
    f"POST /{CANARY} HTTP/1.1\nHost: r\nX: {CANARY}\n\n{CANARY}": LF,
    f"POST / HTTP/1.1\r\nHost: r\nX: {CANARY}\n\n{CANARY}": LF,
    f"POST http://{CANARY}:99999/ HTTP/1.1\r\nHost: r\r\n\r\n": "its request target is not a URL or a path",
    f"POST {CANARY} HTTP/1.1\r\nHost: r\r\n\r\n": "its request target is not a URL or a path",
    f"POST /{CANARY}\x7f HTTP/1.1\r\nHost: r\r\n\r\n": "its request target is not a URL or a path",
    f"POST /{CANARY} {CANARY} HTTP/1.1\r\n\r\n": "its request line does not end with HTTP and a version",
    f"POST /{CANARY} HTTP/3.0\r\n\r\n": "its request line names an HTTP version that there is not",
    f"{CANARY}\r\n\r\n": "its first word is not an HTTP method",
    f"{POST}X: {CANARY * 700}\r\n\r\n": "its request line or a header is too long",
    POST + f"X: {CANARY}\r\n" * 200 + "\r\n": "it has too many headers",
    f"\x16\x03\x01\x02\x00\x01{CANARY}": "it speaks TLS, but this port speaks plain HTTP; "
    "its URL must start with http://",
    f"{POST}Sec-WebSocket-Key1: {CANARY}\r\n\r\n": GENERAL,
}  # fmt: skip


@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_refusal_says_what_is_wrong_and_quotes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pieces: int
) -> None:
    """Neither the detail, nor what is printed, nor what the caller is told has a byte of what came."""
    told = {}
    with caplog.at_level(logging.DEBUG, "relay"):
        async with a_receiver(tmp_path) as running:
            for data in BROKEN:
                wire = data.encode("latin-1")
                reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
                cut = len(wire) // pieces
                writer.write(wire[:cut])
                if pieces > 1:
                    await asyncio.sleep(0.01)
                    writer.write(wire[cut:])
                answer = await asyncio.wait_for(reader.read(), 20)
                writer.close()
                assert "canary" not in answer.decode("latin-1")
                told[data] = [
                    entry.detail for entry in running.refusals.take() if entry.reason == "malformed"
                ]
    assert told == {data: [words] for data, words in BROKEN.items()}
    for hidden in ("canary", "AE07", "bytearray"):
        assert hidden not in caplog.text
