"""What is said of a signature that is not valid."""

from __future__ import annotations

import base64
import gzip
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.diagnosis import why_not_valid
from relay.lean.signature import Verifier, sign
from relay.models import Signature

SECRET = b"whk-test-4f7b2d90c1"
SECRETS = {"production": b"another", "sandbox": SECRET}
BODY = b'{"type":"results.ready","payload":{"id":"a b"}}'
DIGITS = sign(BODY, SECRET).removeprefix("sha512=")


def why(*values: str, body: bytes = BODY, secrets: dict[str, bytes] = SECRETS) -> str | None:
    return why_not_valid([value.encode() for value in values], body, secrets)


def test_a_valid_one_has_no_reason() -> None:
    """There is nothing to explain where it is right."""
    assert why("sha512=" + DIGITS) is None


def test_missing_many_and_no_secret() -> None:
    """Without a header, with several, and without a secret the reason says that."""
    assert why() == "it has no lean-signature header"
    assert why("sha512=" + DIGITS, "x") == "it has 2 lean-signature headers, Lean sends one"
    assert why("x", secrets={}) == "no webhook secret is configured"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (DIGITS, "it does not begin with `sha512=`; apart from that it is right for sandbox"),
        ("sha512=" + DIGITS.upper(), "in uppercase, Lean writes lowercase; apart from that it is right"),
        ("SHA512=" + DIGITS, "it begins with SHA512, not with `sha512=`; apart from that it is right"),
        ("sha512:" + DIGITS, "there has to be `=` and nothing else; apart from that it is right"),
        ("sha512= " + DIGITS, "there has to be `=` and nothing else; apart from that it is right"),
        (f" sha512={DIGITS}\t", "it has blanks round it; apart from that it is right"),
        (base64.b64encode(bytes.fromhex(DIGITS)).decode(), "it is base64, Lean writes hex; apart from that"),
        ("sha512=" + DIGITS[:-1], "it has 127 hex digits, SHA-512 has 128"),
        ("sha256=" + hmac.new(SECRET, BODY, "sha256").hexdigest(), "it begins with sha256"),
        ("sha512=" + "0" * 127 + "g", "what follows is not hex"),
        ("A" * 128, "in uppercase, Lean writes lowercase, and it does not match"),
        ("", "the lean-signature header is empty"),
        (f'"sha512={DIGITS}"', "it does not begin with `sha512=`"),
        ("подпись", "it does not begin with `sha512=`"),
    ],
)
def test_near_misses_of_form(value: str, words: str) -> None:
    """Each near miss of the form is named, and whether it is right apart from that."""
    assert words in (why(value) or "")


@pytest.mark.parametrize(
    ("signed", "came", "words"),
    [
        (BODY, BODY + b"\n", "over the body without its final line break"),
        (BODY + b"\n", BODY, "over the body with a final line break"),
        (BODY, json.dumps(json.loads(BODY), indent=2).encode(), "over the body without the blanks"),
        (b"", BODY, "over an empty body"),
        (BODY, gzip.compress(BODY), "over the unpacked body"),
    ],
)
def test_changed_bodies(signed: bytes, came: bytes, words: str) -> None:
    """A usual change of the body on its way is found out."""
    reason = why(sign(signed, SECRET), body=came) or ""
    assert "right for sandbox " in reason
    assert words in reason


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (SECRET + b" ", "without the blanks round it"),
        (b'"' + SECRET + b'"', "without the quotes round it"),
        (SECRET.hex().encode(), "decoded from hex"),
        (base64.b64encode(SECRET), "decoded from base64"),
    ],
)
def test_secrets_pasted_wrongly(stored: bytes, words: str) -> None:
    """A secret with something round it, or in another notation, is found out without being shown."""
    reason = why(sign(BODY, SECRET), secrets={"sandbox": stored}) or ""
    assert f"right for sandbox {words}" in reason
    assert stored.decode() not in reason


def test_anything_else() -> None:
    """Where no usual slip explains it, the reason names what is left."""
    assert "another application's or environment's secret" in (why(sign(BODY, b"unknown")) or "")


@given(
    st.lists(st.binary(max_size=150), max_size=2), st.binary(max_size=60), st.binary(min_size=1, max_size=20)
)
def test_never_raises_and_agrees_with_the_verifier(values: list[bytes], body: bytes, secret: bytes) -> None:
    """Any bytes get a reason exactly where the signature is not valid, and the secret is not in it."""
    reason = why_not_valid(values, body, {"a": secret})
    state, _ = Verifier({"a": secret}).check(values, body)
    assert (reason is None) == (state is Signature.VALID)
