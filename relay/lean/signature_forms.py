"""Right and wrong ways to sign a webhook, to see which of them a backend accepts.

Owns what each form sends. Pure, but for the random secret of one form.
"""

from __future__ import annotations

import hmac
import re
from enum import StrEnum
from secrets import token_bytes

from relay.lean.signature import PREFIX, sign
from relay.text.json_scan import UnreadableError
from relay.text.json_splice import spans

SEARCHED_VALUES = 10_000
"""Values among which a changeable one is looked for."""

_VALUE = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"(?P<name>\s*:)?)?|(?P<number>-?[0-9][0-9.eE+-]*+)', re.DOTALL
)
"""A text, as a name too, or a number. A text without an end goes to the end of the body."""

_LAST = re.compile(rb"[0-9A-Za-z](?=[^0-9A-Za-z]*\Z)")
_LAST_DIGIT = re.compile(rb"[0-9](?=[^0-9]*\Z)")
_NEXT = {
    each[at]: each[(at + 1) % len(each)]
    for each in (b"0123456789", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ")
    for at in range(len(each))
}
"""A digit becomes a digit, and a letter that may be one of hex stays so."""


class SignatureForm(StrEnum):
    """A way to sign a body."""

    GOOD = "good"
    NONE = "none"
    """Without a signature."""
    WRONG_SECRET = "wrong-secret"  # noqa: S105 - no password
    OTHER_BODY = "other-body"
    """The right signature of another body."""
    CHANGED_BYTE = "changed-byte"
    """The right signature, but one byte of the body was changed afterwards; JSON stays JSON."""
    ADDED_SPACE = "added-space"
    """The right signature, but a space was added between the tokens of the JSON afterwards."""
    SHA256 = "sha256"
    """HMAC-SHA256, as `sha256=` and hex."""
    NO_PREFIX = "no-prefix"
    """The right digest without `sha512=`."""
    UPPERCASE = "uppercase"
    """The right digest in uppercase hex."""

    @property
    def needs_secret(self) -> bool:
        """Whether it is made with the application's own secret."""
        return self not in (SignatureForm.NONE, SignatureForm.WRONG_SECRET)


def signed_body(form: SignatureForm, body: bytes, secret: bytes | None) -> tuple[bytes, str | None]:
    """The body to send, and the value of its `lean-signature` header; None for no header.

    Args:
        secret: the application's; may be None where the form does not need it.

    Raises:
        ValueError: the form needs a secret, and there is none.
    """
    if form is SignatureForm.NONE:
        return body, None
    if form is SignatureForm.WRONG_SECRET:
        return body, sign(body, token_bytes(32))
    if not secret:
        raise ValueError(f"the signature {form} needs a webhook secret")
    right = sign(body, secret)
    match form:
        case SignatureForm.OTHER_BODY:
            return body, sign(b"{}" if body != b"{}" else b"[]", secret)
        case SignatureForm.CHANGED_BYTE:
            return with_changed_byte(body), right
        case SignatureForm.ADDED_SPACE:
            return with_added_space(body), right
        case SignatureForm.SHA256:
            return body, f"sha256={hmac.digest(secret, body, 'sha256').hex()}"
        case SignatureForm.NO_PREFIX:
            return body, right.removeprefix(PREFIX)
        case SignatureForm.UPPERCASE:
            return body, PREFIX + right.removeprefix(PREFIX).upper()
        case _:
            return body, right


def with_changed_byte(body: bytes) -> bytes:
    """The body with one byte changed, where it hurts and where JSON stays valid.

    That is the last digit of the first number, else of the first text with one, else the last letter of the
    first text; in the payload, else anywhere. In a body without any of these it is the last byte; an empty
    body gets a space.
    """
    try:
        found = spans(body, (("payload",),))
        parts = [found[place] for place in (("payload",), ()) if place in found]
    except UnreadableError:
        parts = []
    for start, end in parts:
        at = _changeable(body, start, end)
        if at is not None:
            return b"".join((body[:at], bytes([_NEXT[body[at]]]), body[at + 1 :]))
    return b"".join((body[:-1], bytes([body[-1] ^ 1]))) if body else b" "


def with_added_space(body: bytes) -> bytes:
    """The body with a space after its first brace, where JSON means the same; else at its end."""
    at = body.find(b"{") + 1 or len(body)
    return b"".join((body[:at], b" ", body[at:]))


def _changeable(body: bytes, start: int, end: int) -> int | None:
    """Position of the byte to change among the values of a part of the body."""
    in_text: int | None = None
    letter: int | None = None
    for _, value in zip(range(SEARCHED_VALUES), _VALUE.finditer(body, start, end), strict=False):
        if value["number"]:
            last = _LAST_DIGIT.search(value["number"])
            assert last is not None  # a number has a digit
            return value.start() + last.start()
        if value["name"] or b"\\" in value[0]:
            continue
        if in_text is None and (found := _LAST_DIGIT.search(value[0])):
            in_text = value.start() + found.start()
        if letter is None and (found := _LAST.search(value[0])):
            letter = value.start() + found.start()
    return letter if in_text is None else in_text
