"""A lenient DER reader, for certificates that OpenSSL accepts and cryptography's parser refuses.

Reads elements, names and three extensions. Unlike X.690 it allows characters outside a string type's
alphabet and encoded defaults, as real certificates have them. Pure; anything else is a `ValueError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtensionOID, NameOID

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID, SEQUENCE = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30

_TEXTS = {
    0x0C: "utf-8",
    0x12: "ascii",  # NumericString
    0x13: "utf-8",  # PrintableString, which in practice holds more than its alphabet
    0x14: "latin-1",  # T61String, as it is used in practice
    0x16: "utf-8",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""String types of names, by tag."""

_SHORT = {
    oid.dotted_string: short
    for oid, short in (
        (NameOID.COMMON_NAME, "CN"),
        (NameOID.LOCALITY_NAME, "L"),
        (NameOID.STATE_OR_PROVINCE_NAME, "ST"),
        (NameOID.ORGANIZATION_NAME, "O"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "OU"),
        (NameOID.COUNTRY_NAME, "C"),
        (NameOID.STREET_ADDRESS, "STREET"),
        (NameOID.DOMAIN_COMPONENT, "DC"),
        (NameOID.USER_ID, "UID"),
    )
}
"""Short names of RFC 4514, section 3."""


LONGEST_OID = 63
"""Bytes; real ones have a dozen. A caller's could have 100 KiB, which would hold up the loop."""

Extensions = Mapping[str, bytes] | None
"""Values by dotted number; None if they cannot be separated."""


@dataclass(frozen=True, slots=True)
class Element:
    """One tag, length and value."""

    tag: int
    value: bytes
    whole: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Parts of a certificate, each as its DER."""

    issuer: bytes
    subject: bytes
    spki: bytes
    extensions: Extensions
    """A repeated one is empty, as it is undefined which of the two applies."""


def first(data: bytes, at: int = 0) -> Element:
    """The element of `data` that begins at `at`; anything may follow it."""
    if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
        raise ValueError("not a DER element")
    length, begins = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        begins += count
        if not 1 <= count <= 4 or len(data) < begins:
            raise ValueError("not a DER length")
        length = int.from_bytes(data[at + 2 : begins])
    if len(data) < begins + length:
        raise ValueError("a truncated DER element")
    return Element(data[at], data[begins : begins + length], data[at : begins + length])


def elements(data: bytes) -> list[Element]:
    """All elements of `data`."""
    found: list[Element] = []
    at = 0
    while at < len(data):
        found.append(first(data, at))
        at += len(found[-1].whole)
    return found


def dotted(value: bytes) -> str:
    """The dotted number of an OBJECT IDENTIFIER's value."""
    if len(value) > LONGEST_OID:
        raise ValueError("a long object identifier")
    numbers, number = [], 0
    for byte in value:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        raise ValueError("an empty object identifier")
    top = min(numbers[0] // 40, 2)
    return ".".join(map(str, (top, numbers[0] - 40 * top, *numbers[1:])))


def fields(certificate: bytes) -> Fields:
    """Parts of a certificate (RFC 5280, 4.1)."""
    parts = elements(elements(first(certificate).value)[0].value)
    if parts and parts[0].tag == 0xA0:  # the version
        del parts[0]
    if len(parts) < 6:
        raise ValueError("not a certificate")
    _serial, _algorithm, issuer, _validity, subject, spki, *more = parts
    extensions: dict[str, bytes] = {}
    for each in elements(first(more[-1].value).value) if more and more[-1].tag == 0xA3 else ():
        oid, *_critical, value = elements(each.value)
        number = dotted(oid.value)
        extensions[number] = b"" if number in extensions else value.value
    return Fields(
        issuer=issuer.whole,
        subject=subject.whole,
        spki=spki.whole,
        extensions=extensions,
    )


def name_parts(name: bytes) -> list[str]:
    """Parts of a name in RFC 4514 form and order, the last one first; `+` joins attributes of a part."""
    return [
        "+".join(_attribute(each.value) for each in elements(part.value))
        for part in reversed(elements(first(name).value))
    ]


def _attribute(data: bytes) -> str:
    oid, value = elements(data)
    number = dotted(oid.value)
    encoding = _TEXTS.get(value.tag)
    if encoding is None:
        return f"{_SHORT.get(number, number)}=#{value.whole.hex()}"
    return f"{_SHORT.get(number, number)}={_escaped(value.value.decode(encoding, 'replace'))}"


def _escaped(text: str) -> str:
    """RFC 4514, 2.4."""
    text = "".join(f"\\{c}" if c in '\\"+,;<>' else "\\00" if c == "\0" else c for c in text)
    if text[:1] in ("#", " "):
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if text[-1:] == " " and len(text) > 1 else text


def alternative_names(extensions: Extensions) -> list[str]:
    """`DNS:localhost`, `IP:127.0.0.1`, `URI:...`, `email:...`, `dirName:...`."""
    found = []
    for each in _inside(extensions, ExtensionOID.SUBJECT_ALTERNATIVE_NAME) or ():
        kind = {0x82: "DNS", 0x86: "URI", 0x81: "email"}.get(each.tag)
        if kind is not None:
            found.append(f"{kind}:{each.value.decode('utf-8', 'replace')}")
        elif each.tag == 0x87:
            found.append(f"IP:{ip_address(each.value)}")
        elif each.tag == 0xA4:
            found.append(f"dirName:{','.join(name_parts(each.value))}")
    return found


def purposes(extensions: Extensions) -> list[ObjectIdentifier] | None:
    """Extended key usages; None without this extension."""
    inside = _inside(extensions, ExtensionOID.EXTENDED_KEY_USAGE)
    return None if inside is None else [ObjectIdentifier(dotted(each.value)) for each in inside]


def is_authority(extensions: Extensions) -> bool:
    """Whether the basic constraints say so."""
    inside = _inside(extensions, ExtensionOID.BASIC_CONSTRAINTS) or []
    return bool(inside) and inside[0].tag == BOOLEAN and any(inside[0].value)


def _inside(extensions: Extensions, oid: ObjectIdentifier) -> list[Element] | None:
    """Elements of an extension's value; None without this extension."""
    if extensions is None:
        raise ValueError("its extensions cannot be read")
    value = extensions.get(oid.dotted_string)
    return None if value is None else elements(first(value).value)
