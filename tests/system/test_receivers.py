"""Habits of real receivers of webhooks, through the real relay, and what their developer sees."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from tests.support.backends import OK, Backend, Behaviour, Wire, answers, backend, bodies
from tests.support.lean_requests import SECRET, a_body, a_request, signed
from tests.support.program import Running, exchange, lean_relay, running
from tests.support.waiting import wait_until

HOOK = "/webhooks/lean"
IMPATIENT = ("-m", "tests.support.impatient")


def post(relay: Running, body: bytes) -> None:
    reply = exchange(relay.port, a_request(body))
    assert reply is not None
    assert reply.status == 200


def command(relay: Running, *arguments: str) -> str:
    done = lean_relay(relay.folder, *arguments, "--db", str(relay.db))
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(relay: Running, words: str) -> None:
    """Wait until `listen` has said so."""
    wait_until(lambda: words in relay.said, f"{words!r} in\n{relay.said}")


def test_one_that_answers_204(tmp_path: Path) -> None:
    """204 is the habit of many frameworks: Lean would try again, and the developer sees what to answer."""
    with (
        backend(answers(b"HTTP/1.1 204 No Content\r\n\r\n")) as there,
        running(tmp_path, "--forward-to", f":{there.port}{HOOK}") as relay,
    ):
        post(relay, a_body())
        told(relay, "1 payment.updated valid -> 204 in ")
        told(
            relay,
            " ms: Lean would try again in 1 min"
            " (204 is not 200, and Lean documents only 200; respond with exactly 200)\n",
        )
        assert "Lean would conclude: retry; 204 is not 200" in command(relay, "show", "1")
        assert "-> 204 retry" in command(relay, "list", "verdict:retry")


def test_one_that_never_answers_some_types(tmp_path: Path) -> None:
    """What it hangs on holds up the others for a moment only, is reported at once, and is not sent again."""

    def behave(there: Backend, wire: Wire) -> None:
        while True:
            if b'"payment.created"' in there.take(wire):
                wire.hang()
            wire.send(OK)

    with (
        backend(behave) as there,
        running(
            tmp_path, "--forward-to", f":{there.port}{HOOK}", "--timeout", "12", launcher=IMPATIENT
        ) as relay,
    ):
        silent = a_body().replace(b"payment.updated", b"payment.created")
        for body in (silent, a_body(), silent, a_body()):
            post(relay, body)
        told(
            relay,
            f"1: http://localhost:{there.port}{HOOK}: no response within 10 s;"
            " waiting for up to 12 s: Lean would try again in 1 min\n",
        )
        told(relay, "4 payment.updated valid -> 200 in ")
        assert "-> sending" in command(relay, "list", "3")
        assert "sending; no response within 10 s; waiting for up to 12 s" in command(relay, "show", "3")
        for number in (1, 3):
            told(
                relay,
                f"{number} payment.created valid -> timed out after 12 s; no response was received:"
                " Lean would try again in 1 min\n",
            )
        assert [b"payment.created" in request for request in there.requests] == [True, False, True, False]


def test_one_that_answers_400_to_valid_events(tmp_path: Path) -> None:
    """Its own words are kept with the attempt; the next events go on as if nothing had happened."""
    refusal = b'{"error":"unknown field intent_id"}'
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    with (
        backend(answers(answer % (len(refusal), refusal))) as there,
        running(tmp_path, "--forward-to", f":{there.port}{HOOK}") as relay,
    ):
        post(relay, a_body())
        post(relay, a_body())
        for number in (1, 2):
            told(relay, f"{number} payment.updated valid -> 400 in ")
        assert relay.said.count(": Lean would try again in 1 min\n") == 2
        shown = command(relay, "show", "1", "--attempts")
        assert "retry: 400 is not 200: the backend refused it as a bad request" in shown
        assert '"error": "unknown field intent_id"' in shown
        assert len(there.requests) == 2


def checks_signatures(secret: str, *, parses_first: bool = False) -> Behaviour:
    """A receiver as Lean documents it: HMAC-SHA512 of the body, in hex, compared in constant time.

    Args:
        parses_first: makes the usual mistake: it signs what its JSON parser makes of the body.
    """

    def behave(there: Backend, wire: Wire) -> None:
        while True:
            head, _, body = there.take(wire).partition(b"\r\n\r\n")
            claimed = [
                line.partition(b":")[2].strip()
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"lean-signature:")
            ]
            if parses_first:
                body = json.dumps(json.loads(body), separators=(",", ":")).encode()
            right = b"sha512=" + hmac.new(secret.encode(), body, hashlib.sha512).hexdigest().encode()
            fits = len(claimed) == 1 and hmac.compare_digest(claimed[0], right)
            wire.send(OK if fits else b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    return behave


BODIES = (
    a_body(),
    json.dumps(json.loads(a_body()), indent=2).encode() + b"\r\n",
    a_body().replace(b"1250.00", b"0.10000000000000000555"),  # a float would lose digits
    a_body().replace(b"A payment", "Zahlung für سارة 😀".encode()),
    a_body().replace(b"A payment", b"caf\xe9 \xff"),  # no UTF-8
    b"\x00\x01 \r\n\r\n",
    b"",
)


def test_one_that_checks_the_signature(tmp_path: Path) -> None:
    """The signature over the raw bytes is as valid at the backend as it was at the door."""
    with (
        backend(checks_signatures(SECRET)) as there,
        running(tmp_path, "--forward-to", f":{there.port}{HOOK}") as relay,
    ):
        for body in BODIES:
            post(relay, body)
        wait_until(lambda: relay.said.count(" ms: delivered\n") == len(BODIES), "all deliveries")
        assert relay.said.count(" valid -> 200 in ") == len(BODIES)
        assert bodies(there) == list(BODIES)


@pytest.mark.parametrize(("secret", "parses_first"), [("another", False), (SECRET, True)])
def test_one_that_checks_it_wrongly(tmp_path: Path, secret: str, parses_first: bool) -> None:
    """Valid here and 401 there: the line has both, and the reason says where to look."""
    with (
        backend(checks_signatures(secret, parses_first=parses_first)) as there,
        running(tmp_path, "--forward-to", f":{there.port}{HOOK}") as relay,
    ):
        post(relay, a_body())
        told(relay, "1 payment.updated valid -> 401 in ")
        shown = command(relay, "show", "1")
        assert "retry; 401 is not 200: the backend refused it; look at how it checks the signature" in shown


def test_one_that_refuses_what_is_forged(tmp_path: Path) -> None:
    """A wrong signature is forwarded as it came, so that the backend's own check can be seen at work."""
    with (
        backend(checks_signatures(SECRET)) as there,
        running(tmp_path, "--forward-to", f":{there.port}{HOOK}") as relay,
    ):
        body = a_body()
        forged = a_request(body).replace(signed(body).encode(), signed(body, "guessed").encode())
        assert exchange(relay.port, forged) is not None
        told(relay, "1 payment.updated invalid -> 401 in ")
