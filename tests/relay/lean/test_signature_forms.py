"""The forms of signatures: which bytes each sends, and which of them verify."""

from __future__ import annotations

import hmac
import json

import pytest
from hypothesis import given

from relay.lean.signature import Verifier, sign
from relay.lean.signature_forms import SignatureForm, signed_body, with_changed_byte
from relay.models import Signature
from relay.text.json_values import parsed
from tests.support import strategies
from tests.support.factories import BODY

SECRET = b"a secret"


@pytest.mark.parametrize(
    ("form", "state"),
    [
        (SignatureForm.GOOD, Signature.VALID),
        (SignatureForm.NONE, Signature.MISSING),
        (SignatureForm.WRONG_SECRET, Signature.INVALID),
        (SignatureForm.OTHER_BODY, Signature.INVALID),
        (SignatureForm.CHANGED_BYTE, Signature.INVALID),
        (SignatureForm.SHA256, Signature.MALFORMED),
        (SignatureForm.NO_PREFIX, Signature.MALFORMED),
        (SignatureForm.UPPERCASE, Signature.MALFORMED),
    ],
)
def test_only_the_good_one_verifies(form: SignatureForm, state: Signature) -> None:
    """Each other form is refused by a strict check; only one of them changes the body."""
    body, value = signed_body(form, BODY, SECRET)
    values = [] if value is None else [value.encode()]
    assert Verifier({"default": SECRET}).check(values, body)[0] is state
    assert (body != BODY) == (form is SignatureForm.CHANGED_BYTE)


def test_each_is_what_it_says() -> None:
    """The digests are right but for what the form is about."""
    right = sign(BODY, SECRET)
    assert signed_body(SignatureForm.NO_PREFIX, BODY, SECRET)[1] == right.removeprefix("sha512=")
    upper = signed_body(SignatureForm.UPPERCASE, BODY, SECRET)[1]
    assert upper is not None
    assert upper.lower() == right != upper
    digest = hmac.new(SECRET, BODY, "sha256").hexdigest()
    assert signed_body(SignatureForm.SHA256, BODY, SECRET)[1] == f"sha256={digest}"
    assert signed_body(SignatureForm.CHANGED_BYTE, BODY, SECRET)[1] == right
    for body in (BODY, b"{}", b""):
        assert signed_body(SignatureForm.OTHER_BODY, body, SECRET)[1] != sign(body, SECRET)


def test_which_need_the_application_s_secret() -> None:
    """No signature and a wrong one can be sent without it; the others say so."""
    for form in SignatureForm:
        if form.needs_secret:
            with pytest.raises(ValueError, match=f"the signature {form} needs a webhook secret"):
                signed_body(form, BODY, None)
        else:
            signed_body(form, BODY, None)


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (BODY, BODY.replace(b"100.50", b"100.51")),
        (b'{"event_id":"1","payload":{"a":"x"}}', b'{"event_id":"1","payload":{"a":"y"}}'),
        (b'{"payload":{"7":"az","b":"id9"},"n":1}', b'{"payload":{"7":"az","b":"id0"},"n":1}'),
        (b'{"payload":{},"message":"of"}', b'{"payload":{},"message":"oa"}'),
        (b'{"a":-0}', b'{"a":-1}'),
        (b'{"a":9}', b'{"a":0}'),
        (b'{"a":1.5E+09}', b'{"a":1.5E+00}'),
        (b'{"a":"\\u0031\\n","b":"z"}', b'{"a":"\\u0031\\n","b":"g"}'),
        (b"{}", b"{|"),
        (b"a=1", b"a=0"),
        (b"", b" "),
    ],
)
def test_the_byte_that_is_changed(body: bytes, changed: bytes) -> None:
    """A number in the payload first, then a text with a digit, then a letter; names and escapes stay."""
    assert with_changed_byte(body) == changed


def test_a_text_without_an_end_is_searched_once() -> None:
    """A body that is not JSON gets another byte in a moment, however many quotes there are in it."""
    body = b"[" + b'\\"' * 1_000_000 + b"]"
    assert with_changed_byte(body) == body[:-1] + b"\\"


@given(strategies.json_texts)
def test_json_stays_json(text: str) -> None:
    """One byte differs; what could be read can be read."""
    body = b'{"message":"a","payload":' + text.encode("utf-8", "surrogatepass") + b"}"
    made = with_changed_byte(body)
    assert sum(one != other for one, other in zip(body, made, strict=True)) == 1
    parsed(made)


@pytest.mark.parametrize(
    ("body", "spaced"),
    [(b'{"a":1}', b'{ "a":1}'), (b'[{"a":1}]', b'[{ "a":1}]'), (b"[1]", b"[1] "), (b"", b" ")],
)
def test_a_space_is_added_where_json_means_the_same(body: bytes, spaced: bytes) -> None:
    """So that a signature over the JSON as a backend writes it again is told from one over the bytes."""
    assert signed_body(SignatureForm.ADDED_SPACE, body, b"s") == (spaced, sign(body, b"s"))
    if body:
        assert json.loads(spaced) == json.loads(body)
