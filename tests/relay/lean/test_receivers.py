"""What is said of a signature at a backend: as it reached it, and what would explain a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.receivers import AttemptVerification, Sent, verified_attempt
from relay.lean.signature import sign
from relay.models import Attempt, Signature
from tests.support.factories import NOON, a_capture

SECRET = b"whk-test-4f7b2d90c1"
PLAIN = b'{"type":"a","payload":{"n":1}}'


def verified(
    body: bytes = PLAIN, status: int | None = 401, *, takes_others: bool = False, **sent: Any
) -> AttemptVerification:
    capture = a_capture(body=body, headers=(("Lean-Signature", sign(body, SECRET)),))
    attempt = Attempt(
        id=1,
        delivery_id=1,
        capture_id=1,
        target="http://localhost:3000",
        kind="live",
        number=1,
        started_at=NOON,
        elapsed_ms=1.0,
        outcome="answered",
        status=status,
        **sent,
    )
    return verified_attempt(capture, attempt, {"sandbox": SECRET}, takes_others=takes_others)


def test_what_was_forwarded_as_it_came() -> None:
    """Headers of the relay's own change nothing about the signature."""
    headers = (("X-Lean-Relay", "a;hop=1;capture=1"), ("lean-signature", sign(PLAIN, SECRET)))
    found = verified(sent_headers=headers, status=200)
    assert (found.sent, found.signature, found.signed_by) == (Sent.AS_RECEIVED, Signature.VALID, "sandbox")
    assert found.mistakes == ()
    assert found.summary == "as received, valid by sandbox"


def test_edits_and_new_signatures() -> None:
    """An edit breaks the signature unless it is signed again; either is told."""
    edited = verified(sent_body=PLAIN + b" ")
    assert (edited.sent, edited.signature, edited.mistakes) == (Sent.EDITED, Signature.INVALID, ())
    assert "the body was changed and not signed again" in edited.summary
    again = sign(PLAIN + b" ", SECRET)
    resigned = verified(sent_body=PLAIN + b" ", sent_headers=(("lean-signature", again),))
    assert (resigned.sent, resigned.signature) == (Sent.SIGNED_AGAIN, Signature.VALID)
    dropped = verified(sent_headers=())
    assert (dropped.sent, dropped.signature) == (Sent.SIGNED_AGAIN, Signature.MISSING)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"type":"a","n":100.00}', {"reserialised"}),
        ('{"type":"é"}'.encode(), {"decoded"}),
        (b'{"type":"a"}\n', {"reserialised", "trimmed"}),
    ],
)
def test_mistakes_that_these_bytes_bring_out(body: bytes, words: set[str]) -> None:
    """Where others were taken, only what fails on these very bytes is left."""
    assert {each.word for each in verified(body, takes_others=True).mistakes} == words
    every = {each.word for each in verified(body).mistakes}
    assert every == words | {"secret", "prefix", "algorithm", "notation", "layout", "header"}


def test_what_is_left_where_others_were_taken() -> None:
    """Where nothing about the bytes explains a refusal, the secret or something else does."""
    assert [each.word for each in verified(PLAIN, takes_others=True).mistakes] == [
        "changed",
        "not-the-signature",
    ]


@pytest.mark.parametrize("status", [200, 404, 500, None])
def test_other_answers_are_no_refusals_of_a_signature(status: int | None) -> None:
    """A 404 or a 500 has other reasons, which the verdict tells."""
    assert verified(status=status).mistakes == ()


@given(st.binary(max_size=200))
def test_no_body_makes_it_raise(body: bytes) -> None:
    """Whatever the bytes, something is said."""
    assert verified(body).summary
    assert verified(sent_body=body).summary
