"""What is said of a signature that is not valid."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.diagnosis import MOST_CHECKED, Cause, diagnose, why_not_valid
from relay.lean.rewrites import rewritten
from relay.lean.signature import Verifier, sign
from relay.models import Signature
from tests.support import strategies

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
    assert (why() or "").startswith("it has no lean-signature header; Lean sends one")
    assert "2 lean-signature headers, but Lean sends one; number 1 is correct for sandbox" in (
        why("sha512=" + DIGITS, "x") or ""
    )
    assert "none of them is correct" in (why("sha512=" + "0" * 128, "x") or "")
    many = ["sha512=" + "0" * 128] * MOST_CHECKED
    assert "none of the first 10 is correct" in (why(*many, "sha512=" + DIGITS) or "")
    assert (why("x", secrets={}) or "").startswith("no webhook secret is configured")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (DIGITS, "it does not begin with `sha512=`; apart from that it is correct for sandbox"),
        ("sha512=" + DIGITS.upper(), "uppercase, but Lean writes lowercase; apart from that it is correct"),
        ("SHA512=" + DIGITS, "it begins with SHA512, not with `sha512=`; apart from that it is correct"),
        ("sha512:" + DIGITS, "only `=` may separate prefix and digits; apart from that it is correct"),
        ("sha512= " + DIGITS, "only `=` may separate prefix and digits; apart from that it is correct"),
        (f" sha512={DIGITS}\t", "it has blanks around it; apart from that it is correct"),
        (base64.b64encode(bytes.fromhex(DIGITS)).decode(), "it is base64, but Lean writes hex; apart"),
        ("sha512=" + DIGITS[:-1], "it has 127 hex digits, but SHA-512 has 128"),
        ("sha256=" + hmac.new(SECRET, BODY, "sha256").hexdigest(), "it is a correct HMAC-SHA256 for sandbox"),
        ("sha512=" + hmac.new(SECRET, BODY, "sha256").hexdigest(), "it is a correct HMAC-SHA256 for sandbox"),
        (hmac.new(SECRET, BODY, "sha1").hexdigest(), "it is a correct HMAC-SHA-1 for sandbox"),
        (
            f"sha512={DIGITS},sha512={'0' * 128}",
            "2 lean-signature headers, but Lean sends one; number 1 is correct",
        ),
        ("sha512=" + "0" * 127 + "g", "the rest is not hex"),
        ("A" * 128, "uppercase, but Lean writes lowercase, and it does not match"),
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
        (BODY, gzip.compress(BODY, mtime=0), "over the decompressed body"),
    ],
)
def test_changed_bodies(signed: bytes, came: bytes, words: str) -> None:
    """A usual change of the body on its way is found out."""
    reason = why(sign(signed, SECRET), body=came) or ""
    assert "correct for sandbox " in reason
    assert words in reason


PAYMENT = (
    '{"type":"payment.updated","payload":{"name":"Zoë & <Co>","amount":100.00,"rate":1e-7,"url":"https://a/b",'
    '"n":[1,2],"empty":{}},"message":"m"}'
).encode()
AS_READ = json.loads(PAYMENT)


@pytest.mark.parametrize(
    ("came", "words"),
    [
        (json.dumps(AS_READ, separators=(",", ":"), ensure_ascii=False), "numbers as doubles"),
        (json.dumps(AS_READ), "as Python writes it with everything but ASCII escaped, numbers as doubles"),
        (json.dumps(AS_READ, indent=2, ensure_ascii=False), "JSON indented by two, numbers as doubles"),
    ],
)
def test_a_signature_over_other_json(came: str, words: str) -> None:
    """What arrived is what Lean sent; a signature over a library's rewriting of it is named by that."""
    reason = why(sign(came.encode(), SECRET), body=PAYMENT) or ""
    assert "correct for sandbox over " in reason
    assert words in reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("100.00", "100").replace("1e-7", "1e-7"), "numbers as JavaScript writes"),
        (lambda text: text.replace("ë", "\\u00eb"), "compact JSON with everything but ASCII escaped"),
        (
            lambda text: text.replace("ë", "\\u00eb").replace("/", "\\/"),
            "with slashes escaped, as PHP writes it",
        ),
        (
            lambda text: text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
            "with <, > and & escaped, as Go writes it",
        ),
        (lambda text: '{"message":"m",' + text[1:].replace(',"message":"m"', ""), "with sorted keys"),
        (lambda text: text.encode().decode("latin-1"), "the body encoded as UTF-8 twice"),
    ],
)
def test_each_rewriting_is_named(change: Callable[[str], str], words: str) -> None:
    """Digits, escapes, order of keys and encoding: each usual rewriting is told apart."""
    text = PAYMENT.decode()
    if "sorted" in words:
        text = json.dumps({"type": "t", "message": "m"}, separators=(",", ":"))
        signed, came = '{"message":"m","type":"t"}', text
    else:
        signed, came = change(text), text
    assert signed != came
    reason = why(sign(signed.encode(), SECRET), body=came.encode()) or ""
    assert "correct for sandbox over " in reason
    assert words in reason


def test_a_body_that_a_proxy_unpacked() -> None:
    """What content-encoding says and the body is not is a cause of its own, if nothing else fits."""
    packed = sign(gzip.compress(BODY), SECRET)
    found = diagnose([packed.encode()], BODY, SECRETS, (("Content-Encoding", "gzip"),))
    assert found is not None
    assert found.cause is Cause.BODY
    assert "content-encoding says gzip, but the body is not compressed" in found.reason


def test_another_firm_s_header() -> None:
    """`x-lean-signature` is told from Lean's, and so is that its value would be right."""
    found = diagnose([], BODY, SECRETS, (("X-Lean-Signature", DIGITS),))
    assert found is not None
    assert found.cause is Cause.OTHER_HEADER
    assert "x-lean-signature, which is another company's, and its value is correct for" in found.reason
    two = (("Signature-Version", "1"), ("X-Lean-Signature", DIGITS))
    assert "x-lean-signature, which is another company's, and its value is correct for" in (
        why_not_valid([], BODY, SECRETS, two) or ""
    )
    assert "x-hub-signature-256, which is not Lean's" in (
        why_not_valid([], BODY, SECRETS, (("X-Hub-Signature-256", "sha256=00"),)) or ""
    )


def test_hashes_that_are_no_hmac() -> None:
    """A plain SHA-512, with the secret before or behind the body or without it, is named."""
    for text, words in (
        (BODY, "a plain SHA512 of the body, without a secret"),
        (SECRET + BODY, "a plain SHA512 with the secret sandbox before the body"),
        (BODY + SECRET, "a plain SHA512 with the secret sandbox after the body"),
    ):
        assert words in (why("sha512=" + hashlib.sha512(text).hexdigest()) or "")


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (SECRET + b" ", "without the blanks around it"),
        (SECRET + b"\n", "without the blanks around it"),
        (b"\xef\xbb\xbf" + SECRET, "without the invisible characters around it"),
        (SECRET.upper(), "in lowercase"),
        (b'"' + SECRET + b'"', "without the quotes around it"),
        (SECRET.decode().encode("utf-16"), "saved as UTF-8 without a byte order mark"),
        (b"LEAN_WEBHOOK_SECRET=" + SECRET, "without the name and = before it"),
        (SECRET.hex().encode(), "decoded from hex"),
        (base64.b64encode(SECRET), "decoded from base64"),
    ],
)
def test_secrets_pasted_wrongly(stored: bytes, words: str) -> None:
    """A secret with something round it, or in another notation, is found out without being shown."""
    reason = why(sign(BODY, SECRET), secrets={"sandbox": stored}) or ""
    assert f"correct for sandbox {words}" in reason
    assert stored.decode("utf-8", "replace") not in reason


def test_anything_else() -> None:
    """Where no usual slip explains it, the reason names what is left."""
    reason = why(sign(BODY, b"unknown")) or ""
    assert reason.startswith("none of the usual causes")
    assert "the secret of another application or environment" in reason


@given(
    st.lists(st.binary(max_size=150), max_size=2), st.binary(max_size=60), st.binary(min_size=1, max_size=20)
)
def test_never_raises_and_agrees_with_the_verifier(values: list[bytes], body: bytes, secret: bytes) -> None:
    """Any bytes get a reason exactly where the signature is not valid, and the secret is not in it."""
    reason = why_not_valid(values, body, {"a": secret}, (("signature", "x"), ("content-encoding", "br")))
    state, _ = Verifier({"a": secret}).check(values, body)
    assert (reason is None) == (state is Signature.VALID)


@given(st.one_of(strategies.bodies, st.binary(max_size=60)))
def test_no_body_makes_it_raise(body: bytes) -> None:
    """Whatever the bytes, other forms of them are tried, and none is the body itself."""
    for words, other in rewritten(body):
        assert words
        assert other != body
    assert why_not_valid([b"sha512=" + b"0" * 128], body, {"a": b"s"})


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"9" * 5000, b'"' + b"a" * 10_000_000 + b'"', b'"' + b'\\"' * 500_000]
)
def test_large_and_deep_bodies(body: bytes) -> None:
    """They get the honest answer in a moment, however they are made."""
    assert (why(sign(body, b"unknown"), body=body) or "").startswith("none of the usual causes")


def test_deep_json_is_not_indented() -> None:
    """Its lines would be long, and there are many: no form of it is many times its size."""
    body = b"[" * 200 + b"1," * 20_000 + b"1" + b"]" * 200
    assert max(len(other) for _, other in rewritten(body)) < 10 * len(body)


JSON = '{"name":"\u0639\u0644\u064a","amount":1}'.encode()


@pytest.mark.parametrize(
    ("signed", "came", "says"),
    [
        (b"\xef\xbb\xbf" + JSON, JSON, "with a byte order mark, which was lost"),
        (JSON, json.dumps(JSON.decode()).encode(), "which was encoded as JSON twice"),
        (JSON, b"payload=" + quote_plus(JSON).encode(), "a field of the form in the body"),
    ],
)
def test_what_was_wrapped_or_lost_after_it_was_signed(signed: bytes, came: bytes, says: str) -> None:
    """Each is tried, and named as what was changed on its way."""
    found = diagnose([sign(signed, b"secret").encode()], came, {"default": b"secret"})
    assert found is not None
    assert found.cause is Cause.BODY
    assert says in found.reason


@pytest.mark.parametrize(
    ("body", "is_named"),
    [
        (b'{"name":"???","amount":1}', True),
        (b'{"name":"M?ller"}', True),
        ('{"name":"M\ufffdller"}'.encode(), True),
        (b'{"url":"https://a.b/c?d=e"}', False),
        (b'{"message":"Really?"}', False),
        (b"?? no JSON", False),
    ],
)
def test_replaced_letters_are_named(body: bytes, is_named: bool) -> None:
    """They cannot be brought back, so where they stand is all that can be said."""
    found = diagnose([sign(b"other", b"secret").encode()], body, {"default": b"secret"})
    assert found is not None
    assert ("question marks" in found.reason) is is_named


def test_a_signature_of_another_capture_of_the_event_is_named() -> None:
    """The database holds the proof: the same signature, over the bytes that came before."""
    signature = sign(b'{"a": 1}', b"secret").encode()
    others = [(3, b"else"), (7, b'{"a": 1}')]
    found = diagnose([signature], b'{"a":1,"b":2}', {"default": b"secret"}, others=others)
    assert found is not None
    assert "correct for default over the bytes of capture 7, which reports the same event" in found.reason
    assert diagnose([signature], b'{"a": 1}', {"default": b"secret"}, others=iter(())) is None
