"""The signature check, against recorded vectors and hostile headers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.lean.signature import Verifier, sign
from relay.models import Signature

SECRET = b"whk-test-4f7b2d90c1"
BODY = b'{"type":"results.ready"}'
VECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parent / "signature_vectors.json").read_text(encoding="utf-8")
)

quick = settings(deadline=None, max_examples=150)


def digits(body: bytes = BODY, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, "sha512").hexdigest()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, str]) -> None:
    """Each recorded body and secret gives the recorded value, and that value is valid."""
    body, secret = base64.b64decode(vector["body_base64"]), vector["secret"].encode()
    assert sign(body, secret) == vector["lean_signature"]
    verifier = Verifier({"default": secret})
    assert verifier.check([vector["lean_signature"].encode()], body) == (Signature.VALID, "default")


def test_vectors_differ_from_each_other() -> None:
    """A signature is good for its own bytes only, however alike two bodies are as JSON."""
    for vector in VECTORS:
        verifier = Verifier({"default": vector["secret"].encode()})
        body = base64.b64decode(vector["body_base64"])
        for other in VECTORS:
            if other is not vector:
                found, _ = verifier.check([other["lean_signature"].encode()], body)
                assert found is Signature.INVALID


@given(secret=st.binary(min_size=1, max_size=300), body=st.binary(max_size=600))
@quick
def test_the_digest_is_hmac(secret: bytes, body: bytes) -> None:
    """For keys below, at and above the hash's block the digest is the standard library's HMAC-SHA512."""
    value = f"sha512={hmac.new(secret, body, hashlib.sha512).hexdigest()}"
    assert sign(body, secret) == value
    assert Verifier({"a": secret}).check([value.encode()], bytearray(body)) == (Signature.VALID, "a")


@pytest.mark.parametrize("length", [127, 128, 129])
def test_keys_around_the_block(length: int) -> None:
    """A key longer than the block is hashed first, one of exactly its size is not."""
    value = sign(BODY, b"k" * length).encode()
    assert Verifier({"a": b"k" * length}).check([value], BODY)[0] is Signature.VALID


FORMS: list[Any] = [
    ("digits alone", digits()),
    ("uppercase digits", "sha512=" + digits().upper()),
    ("one uppercase digit", "sha512=" + digits().replace("a", "A", 1)),
    ("uppercase prefix", "SHA512=" + digits()),
    ("other algorithm", "sha256=" + hmac.new(SECRET, BODY, "sha256").hexdigest()),
    ("sha256 digits under our prefix", "sha512=" + hmac.new(SECRET, BODY, "sha256").hexdigest()),
    ("base64", "sha512=" + base64.b64encode(bytes.fromhex(digits())).decode()),
    ("dashed prefix", "sha-512=" + digits()),
    ("colon", "sha512:" + digits()),
    ("no equals sign", "sha512" + digits()),
    ("two equals signs", "sha512==" + digits()),
    ("space in front", " sha512=" + digits()),
    ("space behind", "sha512=" + digits() + " "),
    ("space between", "sha512= " + digits()),
    ("tab behind", "sha512=" + digits() + "\t"),
    ("line feed behind", "sha512=" + digits() + "\n"),
    ("NUL behind", "sha512=" + digits() + "\0"),
    ("quoted", '"sha512=' + digits() + '"'),
    ("a digit short", "sha512=" + digits()[:-1]),
    ("a digit long", "sha512=" + digits() + "0"),
    ("twice in one", "sha512=" + digits() + ", sha512=" + digits()),
    ("a letter that is no digit", "sha512=g" + digits()[1:]),
    ("hex prefix", "sha512=0x" + digits()),
    ("versioned", "v1=" + digits()),
    ("bearer", "Bearer " + digits()),
    ("full-width digits", "sha512=" + "０" * 128),
    ("nothing", ""),
    ("prefix alone", "sha512="),
    ("not ASCII", "ключ"),
]


@pytest.mark.parametrize(("name", "form"), FORMS, ids=[name for name, _ in FORMS])
def test_only_the_documented_form_counts(name: str, form: str) -> None:
    """The right digest in any other form is malformed, never valid."""
    assert Verifier({"a": SECRET}).check([form.encode()], BODY) == (Signature.MALFORMED, None)


def test_headers_none_and_many() -> None:
    """Without a header the signature is missing; two, even two right ones, are malformed."""
    verifier = Verifier({"a": SECRET})
    right = sign(BODY, SECRET).encode()
    assert verifier.check([], BODY) == (Signature.MISSING, None)
    assert verifier.check((right, right), BODY) == (Signature.MALFORMED, None)
    assert verifier.check([b"", right], BODY) == (Signature.MALFORMED, None)


@pytest.mark.parametrize("values", [[], [b""], [b"x", b"y"], [sign(BODY, SECRET).encode()]])
def test_without_a_secret_nothing_is_checked(values: list[bytes]) -> None:
    """No secret: unchecked, whatever came."""
    assert Verifier({}).check(values, BODY) == (Signature.UNCHECKED, None)


def test_the_secret_that_matched_is_named() -> None:
    """With several secrets each signature names its own; of two equal ones the first is named."""
    secrets = {"sandbox": b"one", "production": b"two", "old": b"one"}
    verifier = Verifier(secrets)
    assert verifier.check([sign(BODY, b"two").encode()], BODY) == (Signature.VALID, "production")
    assert verifier.check([sign(BODY, b"one").encode()], BODY) == (Signature.VALID, "sandbox")
    assert verifier.check([sign(BODY, b"three").encode()], BODY) == (Signature.INVALID, None)


def test_any_flipped_bit_is_seen() -> None:
    """One bit changed anywhere in a body makes its signature invalid."""
    body = bytes(range(125))
    verifier, value = Verifier({"a": SECRET}), sign(body, SECRET).encode()
    for place in range(len(body) * 8):
        other = bytearray(body)
        other[place // 8] ^= 1 << place % 8
        assert verifier.check([value], other) == (Signature.INVALID, None)
    assert verifier.check([value], body) == (Signature.VALID, "a")


def test_a_compressed_body_is_signed_as_sent() -> None:
    """The bytes on the wire count: a compressed body verifies, its content does not."""
    packed = gzip.compress(BODY, mtime=0)
    value = [sign(packed, SECRET).encode()]
    verifier = Verifier({"a": SECRET})
    assert verifier.check(value, packed)[0] is Signature.VALID
    assert verifier.check(value, BODY)[0] is Signature.INVALID


@given(
    values=st.lists(st.one_of(st.binary(max_size=200), st.just(sign(BODY, SECRET).encode())), max_size=3),
    body=st.binary(max_size=200),
)
@quick
def test_never_raises(values: list[bytes], body: bytes) -> None:
    """Any header bytes give an answer, and only the right ones a valid one."""
    found, by = Verifier({"a": SECRET, "b": b"other"}).check(values, body)
    assert (found is Signature.VALID) == (by is not None)
    if found is Signature.VALID:
        assert values == [sign(body, SECRET).encode()]


def test_secrets_are_not_shown() -> None:
    """Neither the object nor what it holds prints a secret, in text or hex."""
    verifier = Verifier({"sandbox": SECRET})
    shown = repr(verifier) + str(verifier) + repr([getattr(verifier, name) for name in verifier.__slots__])
    assert "sandbox" in shown
    assert SECRET.decode() not in shown
    assert SECRET.hex() not in shown


def test_an_empty_secret_is_refused() -> None:
    """With an empty secret everybody could sign, so it is an error that names it."""
    with pytest.raises(ValueError, match="'sandbox' is empty"):
        Verifier({"default": SECRET, "sandbox": b""})
    with pytest.raises(ValueError, match="is empty"):
        sign(BODY, b"")
