"""Why a signature is not valid, in words that lead to the cause.

Owns the near misses: forms that other services or older receivers use, bodies changed on their way, secrets
pasted wrongly. Only explains; what counts is `signature.Verifier` alone. Never shows a secret.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

from relay.lean.signature import Verifier, sign
from relay.models import Signature

MOST_BODY_BYTES = 1024 * 1024
"""Larger bodies are not tried in other forms."""

_HEX = re.compile(r"[0-9a-fA-F]+")
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,19})\s*[=:]")
_OUTSIDE_TEXTS = re.compile(rb'("(?:[^"\\]|\\.)*+")|[ \t\r\n]++', re.DOTALL)
_DIGEST_BYTES = 64
_GZIP = b"\x1f\x8b"


def why_not_valid(values: Sequence[bytes], body: bytes, secrets: Mapping[str, bytes]) -> str | None:
    """The likeliest reason, as a phrase; None where the signature is valid.

    Args:
        values: the bytes of every `lean-signature` header, in order.
        secrets: name -> secret; only the names get into the answer.
    """
    state, _ = Verifier(secrets).check(values, body)
    match state:
        case Signature.VALID:
            return None
        case Signature.UNCHECKED:
            return "no webhook secret is configured"
        case Signature.MISSING:
            return "it has no lean-signature header"
        case Signature.MALFORMED if len(values) > 1:
            return f"it has {len(values)} lean-signature headers, Lean sends one"
        case Signature.MALFORMED:
            return _form(values[0], body, secrets)
        case _:
            return _mismatch(values[0], body, secrets)


def _form(value: bytes, body: bytes, secrets: Mapping[str, bytes]) -> str:
    text = value.decode("latin-1")
    bare = text.strip()
    prefix = _PREFIX.match(bare)
    digits = bare[prefix.end() :].strip() if prefix else bare
    faults = list(_faults_of_form(text, digits, prefix[1] if prefix else None))
    said = ", ".join(faults) or "it is not `sha512=` and 128 lowercase hex digits"
    digest = _digest(digits)
    if digest is None:
        return said
    signer = _signer(digest, body, secrets)
    return f"{said}; apart from that it is right for {signer}" if signer else f"{said}, and it does not match"


def _faults_of_form(text: str, digits: str, prefix: str | None) -> Iterator[str]:
    bare = text.strip()
    if not bare:
        yield "the lean-signature header is empty"
        return
    if text != bare:
        yield "it has blanks round it"
    if prefix is not None and bare != f"{prefix}={digits}":
        yield "between prefix and digits there has to be `=` and nothing else"
    if prefix is None:
        yield "it does not begin with `sha512=`"
    elif prefix != "sha512":
        yield f"it begins with {prefix}, not with `sha512=`"
    if not _HEX.fullmatch(digits):
        yield "it is base64, Lean writes hex" if _digest(digits) else "what follows is not hex"
    elif len(digits) != 2 * _DIGEST_BYTES:
        yield f"it has {len(digits)} hex digits, SHA-512 has 128"
    elif digits != digits.lower():
        yield "its hex digits are in uppercase, Lean writes lowercase"


def _digest(digits: str) -> bytes | None:
    """The 64 bytes that hex of either case or base64 stands for."""
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text, validate=True)):
        try:
            digest = decode(digits)
        except (ValueError, binascii.Error):
            continue
        if len(digest) == _DIGEST_BYTES:
            return digest
    return None


def _mismatch(value: bytes, body: bytes, secrets: Mapping[str, bytes]) -> str:
    digest = bytes.fromhex(value.partition(b"=")[2].decode("ascii"))
    for what, other in _other_bodies(body):
        if signer := _signer(digest, other, secrets):
            return f"it is right for {signer} over {what}, so the body was changed on its way"
    for what, name, other in _other_secrets(secrets):
        if _signer(digest, body, {name: other}):
            return f"it is right for {name} {what}: look at how the secret was stored"
    return (
        "no configured secret made it: another application's or environment's secret, "
        "or a body changed on its way"
    )


def _other_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "an empty body", b""
    if len(body) > MOST_BODY_BYTES:
        return
    if body.endswith(b"\n"):
        yield "the body without its final line break", body.rstrip(b"\r\n")
    else:
        yield "the body with a final line break", body + b"\n"
    yield "the body without the blanks between its parts", _OUTSIDE_TEXTS.sub(rb"\1", body)
    if body.startswith(_GZIP):
        try:
            unpacked = zlib.decompressobj(wbits=31).decompress(body, MOST_BODY_BYTES)
        except zlib.error:
            return
        yield "the unpacked body", unpacked


def _other_secrets(secrets: Mapping[str, bytes]) -> Iterator[tuple[str, str, bytes]]:
    for name, secret in secrets.items():
        yield "without the blanks round it", name, secret.strip()
        yield "with a line break behind it", name, secret + b"\n"
        yield "in quotes", name, b'"' + secret + b'"'
        yield "without the quotes round it", name, secret.strip(b"\"'")
        for what, decode in (("hex", binascii.unhexlify), ("base64", base64.b64decode)):
            try:
                yield f"decoded from {what}", name, decode(secret)
            except ValueError:
                continue


def _signer(digest: bytes, body: bytes, secrets: Mapping[str, bytes]) -> str | None:
    value = digest.hex()
    for name, secret in secrets.items():
        if secret and hmac.compare_digest(sign(body, secret).partition("=")[2], value):
            return name
    return None
