"""Why a signature is not valid, in a sentence that says how to fix it.

Owns the usual causes: notations of other services or older receivers, bodies changed in transit, wrongly
pasted secrets, other algorithms, other companies' headers. Only explains; `signature.Verifier` alone decides.
Never shows a secret. Says so if none of the usual causes fits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from relay.lean.rewrites import replaced_letters, rewritten
from relay.lean.signature import HEADER, Verifier
from relay.models import Headers, Signature
from relay.text.encodings import as_utf8

MOST_CHECKED = 10
"""Values that are compared with the right signature: a caller can send thousands with one request."""

_HEX = re.compile(r"[0-9a-fA-F]+")
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,19})\s*[=:]")
_DIGITS = 128
_ALGORITHMS = {64: "sha512", 48: "sha384", 32: "sha256", 20: "sha1", 16: "md5"}
"""Digest length in bytes -> algorithm."""


class Cause(StrEnum):
    """The kind of reason why a signature is not valid."""

    UNCHECKED = "unchecked"
    """No secret is configured."""
    MISSING = "missing"
    OTHER_HEADER = "other-header"
    """The signature is in a header of another company."""
    SEVERAL = "several"
    FORM = "form"
    """Correct apart from its notation."""
    ALGORITHM = "algorithm"
    STORED = "stored"
    """Correct for a secret that was stored differently."""
    BODY = "body"
    """Correct for a body that was changed in transit."""
    NONE = "none"
    """None of the usual causes."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The most likely cause, in words."""

    cause: Cause
    reason: str
    """The finding as a phrase. May quote names and parts of headers; text from outside."""
    advice: str | None
    """The remedy as a phrase; None if not known."""

    def __str__(self) -> str:
        return f"{self.reason}; {self.advice}" if self.advice else self.reason


def diagnose(
    values: Sequence[bytes],
    body: bytes,
    secrets: Mapping[str, bytes],
    headers: Headers = (),
    others: Iterable[tuple[int, bytes]] = (),
) -> Diagnosis | None:
    """The most likely reason; None if the signature is valid. Never raises.

    Args:
        values: the bytes of every `lean-signature` header, in order.
        secrets: name -> secret; only the names appear in the result.
        headers: all headers, to recognise another company's signature and a body that was decompressed.
        others: ids and bodies of the event's other captures, whose signature this may be; read only if
            the signature does not fit this body.
    """
    state, _ = Verifier(secrets).check(values, body)
    match state:
        case Signature.VALID:
            return None
        case Signature.UNCHECKED:
            return Diagnosis(
                Cause.UNCHECKED,
                "no webhook secret is configured",
                "set LEAN_WEBHOOK_SECRET to the secret from Lean's dashboard",
            )
        case Signature.MISSING:
            return _missing(body, secrets, headers)
    parts = [part for value in values for part in _split(value)]
    if len(parts) > 1:
        return _several(parts, body, secrets)
    return (
        _form(values[0], body, secrets)
        if state is Signature.MALFORMED
        else _mismatch(
            bytes.fromhex(values[0].partition(b"=")[2].decode("ascii")), body, secrets, headers, others
        )
    )


def why_not_valid(
    values: Sequence[bytes],
    body: bytes,
    secrets: Mapping[str, bytes],
    headers: Headers = (),
    others: Iterable[tuple[int, bytes]] = (),
) -> str | None:
    """`diagnose` as text: the reason and the remedy; None if the signature is valid."""
    found = diagnose(values, body, secrets, headers, others)
    return None if found is None else str(found)


def _missing(body: bytes, secrets: Mapping[str, bytes], headers: Headers) -> Diagnosis:
    others = [(name.lower(), value) for name, value in headers if "signature" in name.lower()]
    if not others:
        return Diagnosis(
            Cause.MISSING,
            f"it has no {HEADER} header",
            "Lean sends one with each webhook: look for a proxy that drops it, or for another sender",
        )
    fits = ((name, _fit(value, body, secrets)) for name, value in others[:MOST_CHECKED])
    name, fit = next((each for each in fits if each[1]), (others[0][0], None))
    right = f", and its value is {fit}" if fit else ""
    whose = "another company's" if name == "x-lean-signature" else "not Lean's"
    return Diagnosis(
        Cause.OTHER_HEADER,
        f"it has no {HEADER} header but {name}, which is {whose}{right}",
        f"Lean Technologies signs in {HEADER}: check who sends this, or which proxy renames headers",
    )


def _split(value: bytes) -> list[bytes]:
    # A proxy joins repeated headers with commas; no notation of a signature contains one.
    return value.split(b",") if value.count(b"sha512=") > 1 else [value]


def _several(parts: list[bytes], body: bytes, secrets: Mapping[str, bytes]) -> Diagnosis:
    right = []
    for number, part in enumerate(parts[:MOST_CHECKED], 1):
        fit = _fit(part.decode("latin-1"), body, secrets)
        right += [f"number {number} is {fit}"] if fit else []
    all_of = "them" if len(parts) <= MOST_CHECKED else f"the first {MOST_CHECKED}"
    said = ", ".join(right) or f"none of {all_of} is correct"
    return Diagnosis(
        Cause.SEVERAL,
        f"it has {len(parts)} {HEADER} headers, but Lean sends one; {said}",
        "find out what adds the others in transit",
    )


def _form(value: bytes, body: bytes, secrets: Mapping[str, bytes]) -> Diagnosis:
    text = value.decode("latin-1")
    prefix, digits = _after_prefix(text.strip())
    said = ", ".join(_errors_of_form(text, digits, prefix)) or (
        "it is not `sha512=` and 128 lowercase hex digits"
    )
    digest = _digest(digits)
    if digest is None:
        return Diagnosis(Cause.FORM, said, "Lean writes `sha512=` and 128 lowercase hex digits")
    if _ALGORITHMS[len(digest)] == "sha512" and (name := _signer(digest, body, secrets)):
        return Diagnosis(
            Cause.FORM,
            f"{said}; apart from that it is correct for {name}",
            "find out what writes or rewrites the header: Lean sends `sha512=` and lowercase hex",
        )
    other = _mismatch(digest, body, secrets, ())
    if other.cause is Cause.NONE:
        return Diagnosis(Cause.FORM, f"{said}, and it does not match", other.reason)
    return Diagnosis(other.cause, f"{said}; {other.reason}", other.advice)


def _after_prefix(bare: str) -> tuple[str | None, str]:
    prefix = _PREFIX.match(bare)
    return (prefix[1], bare[prefix.end() :].strip()) if prefix else (None, bare)


def _errors_of_form(text: str, digits: str, prefix: str | None) -> Iterator[str]:
    bare = text.strip()
    if not bare:
        yield "the lean-signature header is empty"
        return
    if text != bare:
        yield "it has blanks around it"
    if prefix is not None and bare != f"{prefix}={digits}":
        yield "only `=` may separate prefix and digits"
    if prefix is None:
        yield "it does not begin with `sha512=`"
    elif prefix != "sha512":
        yield f"it begins with {prefix}, not with `sha512=`"
    if not _HEX.fullmatch(digits):
        yield "it is base64, but Lean writes hex" if _digest(digits) else "the rest is not hex"
    elif len(digits) != _DIGITS:
        yield f"it has {len(digits)} hex digits, but SHA-512 has {_DIGITS}"
    elif digits != digits.lower():
        yield "its hex digits are uppercase, but Lean writes lowercase"


def _digest(digits: str) -> bytes | None:
    """Decode hex of either case or base64; None unless a known algorithm makes digests of that length."""
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text, validate=True)):
        try:
            digest = decode(digits)
        except (ValueError, binascii.Error):
            continue
        if len(digest) in _ALGORITHMS:
            return digest
    return None


def _mismatch(
    digest: bytes,
    body: bytes,
    secrets: Mapping[str, bytes],
    headers: Headers,
    others: Iterable[tuple[int, bytes]] = (),
) -> Diagnosis:
    algorithm = _ALGORITHMS[len(digest)]
    for number, other in others:
        if name := _signer(digest, other, secrets):
            return Diagnosis(
                Cause.BODY,
                f"it is {_right(algorithm, name)} over the bytes of capture {number}, which reports the same "
                "event: this body was rewritten but kept the signature",
                _BODY_ADVICE,
            )
    if algorithm != "sha512" and (name := _signer(digest, body, secrets)):
        return Diagnosis(
            Cause.ALGORITHM,
            f"it is {_right(algorithm, name)}",
            "Lean signs with HMAC-SHA512: check who signs this",
        )
    for words, plain in _without_hmac(algorithm, body, secrets):
        if hmac.compare_digest(plain, digest):
            return Diagnosis(Cause.ALGORITHM, f"it is {words}", "Lean signs with HMAC-SHA512")
    for what, other in rewritten(body):
        if name := _signer(digest, other, secrets):
            return Diagnosis(
                Cause.BODY,
                f"it is {_right(algorithm, name)} over {what}, so the body was changed in transit",
                _BODY_ADVICE,
            )
    for what, name, other in _other_secrets(secrets):
        if _signer(digest, body, {name: other}):
            return Diagnosis(
                Cause.STORED,
                f"it is {_right(algorithm, name)} {what}",
                "store the secret exactly as Lean's dashboard shows it",
            )
    if packed := _unpacked_by(body, headers):
        return Diagnosis(
            Cause.BODY,
            f"its content-encoding says {packed}, but the body is not compressed: it was decompressed after "
            "it was signed",
            _BODY_ADVICE,
        )
    if replaced_letters(body):
        return Diagnosis(
            Cause.BODY,
            "its texts contain question marks where non-ASCII letters may have been; if they were replaced "
            "after it was signed, no signature can be correct",
            "make every program on the way read and write the body as UTF-8, or better as bytes",
        )
    return Diagnosis(
        Cause.NONE,
        "none of the usual causes: no configured secret made it over this body or a common rewrite of it",
        "it may be made with the secret of another application or environment; compare with Lean's dashboard",
    )


_BODY_ADVICE = "make every proxy between Lean and the relay pass the bytes on unchanged"


def _without_hmac(algorithm: str, body: bytes, secrets: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    called = _called(algorithm)
    yield f"a plain {called} of the body, without a secret", hashlib.new(algorithm, body).digest()
    for name, secret in secrets.items():
        for words, text in (("before", secret + body), ("after", body + secret)):
            yield (
                f"a plain {called} with the secret {name} {words} the body",
                hashlib.new(algorithm, text).digest(),
            )


def _other_secrets(secrets: Mapping[str, bytes]) -> Iterator[tuple[str, str, bytes]]:
    for name, secret in secrets.items():
        yield "without the blanks around it", name, secret.strip()
        text = secret.decode("utf-8", "replace").strip("\ufeff\u200b\u00a0 \t\r\n")
        yield "without the invisible characters around it", name, text.encode()
        yield "saved as UTF-8 without a byte order mark", name, as_utf8(secret).strip()
        yield "without the name and = before it", name, secret.partition(b"=")[2].strip(b"\"' \t\r\n")
        yield "followed by a blank", name, secret + b" "
        yield "followed by a line break", name, secret + b"\n"
        yield "followed by a line break", name, secret + b"\r\n"
        yield "in quotes", name, b'"' + secret + b'"'
        yield "without the quotes around it", name, secret.strip(b"\"'")
        yield "in lowercase", name, secret.lower()
        yield "in uppercase", name, secret.upper()
        for what, decode in (("hex", binascii.unhexlify), ("base64", base64.b64decode)):
            try:
                yield f"decoded from {what}", name, decode(secret)
            except ValueError:
                continue
        yield "encoded as base64", name, base64.b64encode(secret)
        yield "encoded as hex", name, secret.hex().encode()


def _unpacked_by(body: bytes, headers: Headers) -> str | None:
    """The `content-encoding` of a body that is plain JSON all the same; None without one."""
    for name, value in headers:
        if name.lower() == "content-encoding" and value.strip().lower() not in ("", "identity"):
            return value.strip() if body.lstrip()[:1] in (b"{", b"[") else None
    return None


def _fit(value: str, body: bytes, secrets: Mapping[str, bytes]) -> str | None:
    """`correct for sandbox`, for the value of a header; None if it does not sign this body."""
    digest = _digest(_after_prefix(value.strip())[1])
    name = None if digest is None else _signer(digest, body, secrets)
    return None if digest is None or name is None else _right(_ALGORITHMS[len(digest)], name)


def _right(algorithm: str, name: str) -> str:
    return (
        f"correct for {name}" if algorithm == "sha512" else f"a correct HMAC-{_called(algorithm)} for {name}"
    )


def _signer(digest: bytes, body: bytes, secrets: Mapping[str, bytes]) -> str | None:
    """The name of the secret that made this HMAC, with the algorithm whose digests have this length."""
    algorithm = _ALGORITHMS[len(digest)]
    for name, secret in secrets.items():
        if secret and hmac.compare_digest(hmac.digest(secret, body, algorithm), digest):
            return name
    return None


def _called(algorithm: str) -> str:
    return {"sha1": "SHA-1", "md5": "MD5"}.get(algorithm, algorithm.upper())
