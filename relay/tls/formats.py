"""Normalises the file formats of certificates and keys: PEM, however an editor left it, and DER.

Recognises a format by the content of the file, never by its name. Pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal

from relay.text.encodings import decoded
from relay.tls import der

Kind = Literal["certificate", "key", "locked key", "pkcs12", "pkcs7", "other"]

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
"""Text around blocks is allowed (RFC 7468, 5.2)."""

_BLANKS = " \t\f\v\xa0\u200b\ufeff"
"""Whitespace that indenting and copying from web pages leave at the ends of lines."""

_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_PKCS7 = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS"})

_REJECTED_USES = 0xA0
"""Tag of OpenSSL's X509_CERT_AUX."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One PEM block, or a whole DER file."""

    kind: Kind
    label: str
    """The PEM label: `CERTIFICATE`, `EC PRIVATE KEY`; for DER the one that its PEM would have."""
    data: bytes
    """A certificate as DER, empty if it is damaged; a key as PEM in lines of 64."""
    problem: str | None = None
    """Why it cannot be used."""


def blocks(data: bytes) -> tuple[str, list[Block]]:
    """The format (`PEM`, `DER`, `PKCS#12`, `PKCS#7`, empty if unknown) and the blocks of a file."""
    text = _text(data)
    if "-----BEGIN " in text:
        found = [_of_pem(match[1], match[2]) for match in _BLOCK.finditer(text)]
        return ("PKCS#7" if found and all(each.kind == "pkcs7" for each in found) else "PEM"), found
    kind = _kind_of(data)
    if kind == "certificate":
        return "DER", [Block(kind=kind, label="CERTIFICATE", data=der.first(data).whole)]
    if kind == "key" or kind == "locked key":
        label = _key_label(data) if kind == "key" else "ENCRYPTED PRIVATE KEY"
        return "DER", [Block(kind=kind, label=label, data=_pem(label, _encoded(der.first(data).whole)))]
    if kind == "pkcs12" or kind == "pkcs7":
        return ("PKCS#12" if kind == "pkcs12" else "PKCS#7"), [Block(kind=kind, label="", data=data)]
    return "", []


def _text(data: bytes) -> str:
    """PEM as text with one line feed after each line and nothing around it."""
    lines = re.split(r"\r\n|\r|\n", decoded(data, "replace"))
    return "\n".join(line.strip(_BLANKS) for line in lines)


def _of_pem(label: str, inside: str) -> Block:
    if label in _CERTIFICATES:
        try:
            return _of_certificate(label, base64.b64decode("".join(inside.split()), validate=True))
        except (ValueError, binascii.Error) as error:
            return Block(kind="certificate", label=label, data=b"", problem=f"is damaged ({error})")
    if label.endswith("PRIVATE KEY"):
        headers = ":" in inside  # Proc-Type and DEK-Info, of the traditional format
        locked = label.startswith("ENCRYPTED") or (headers and "ENCRYPTED" in inside)
        lines = inside.strip() if headers else _lines("".join(inside.split()))
        return Block(kind="locked key" if locked else "key", label=label, data=_pem(label, lines))
    return Block(kind="pkcs7" if label in _PKCS7 else "other", label=label, data=b"")


def _of_certificate(label: str, data: bytes) -> Block:
    certificate = der.first(data)
    if label == "TRUSTED CERTIFICATE":  # OpenSSL's own: the trust settings follow the certificate
        rest = data[len(certificate.whole) :]
        settings = der.elements(der.first(rest).value) if rest else []
        if any(each.tag == _REJECTED_USES for each in settings):
            problem = "excludes some uses (OpenSSL's rejected uses), which the relay does not support"
            return Block(kind="certificate", label=label, data=certificate.whole, problem=problem)
    return Block(kind="certificate", label=label, data=certificate.whole)


def _kind_of(data: bytes) -> Kind:
    """By the order of the first tags; DER has no other mark of its kind."""
    try:
        whole = der.first(data)
        inside = [der.first(whole.value)]
        if len(inside[0].whole) < len(whole.value):
            inside.append(der.first(whole.value, len(inside[0].whole)))
    except ValueError:
        return "other"
    tags = [each.tag for each in inside]
    if whole.tag != der.SEQUENCE:
        return "other"
    if tags == [der.SEQUENCE, der.SEQUENCE]:
        return "certificate"
    if tags == [der.SEQUENCE, der.OCTET_STRING]:
        return "locked key"
    if tags[0] == der.INTEGER and len(tags) == 2:
        return "pkcs12" if inside[0].value == b"\x03" else "key"
    return "pkcs7" if tags[0] == der.OID else "other"


def _key_label(data: bytes) -> str:
    """By the element after the version: a sequence in PKCS#8, an integer for RSA, an octet string for EC."""
    inside = der.first(data).value
    after = der.first(inside, len(der.first(inside).whole))
    return {der.SEQUENCE: "PRIVATE KEY", der.INTEGER: "RSA PRIVATE KEY"}.get(after.tag, "EC PRIVATE KEY")


def _pem(label: str, lines: str) -> bytes:
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def _encoded(data: bytes) -> str:
    return _lines(base64.b64encode(data).decode("ascii"))


def _lines(text: str) -> str:
    return "\n".join(re.findall(".{1,64}", text))
