"""Readers of values as people write them: sizes, durations, addresses, names.

Owns the wording of errors in a value. Each function takes the value of a flag, a variable or TOML (text,
number, boolean, list) and raises `ValueError` with the form to use instead; the caller says where the value
came from. Opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from relay.text.safe import quoted
from relay.text.targets import is_loopback
from relay.text.units import parse_bytes, parse_duration

Network = IPv4Network | IPv6Network

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", re.ASCII)
_TEAM_NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}", re.ASCII)
_CREDENTIALS = re.compile(r"(?:[^/?#]*//)?[^/?#]*@")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
"""A token of RFC 9110, 5.6.2."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A property that a client certificate must have, in addition to a valid chain."""

    kind: str
    """`subject`, `san` or `spki`."""
    value: str
    """For a key 64 lowercase hex digits: the SHA-256 of its SubjectPublicKeyInfo."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


LARGEST_BODY_BYTES = 512 * 2**20
"""SQLite keeps no row of more than 1,000,000,000 bytes; this leaves room and is far above any webhook."""


class SeveralErrors(ValueError):
    """Several errors in one value; each text begins with its position, for example `[0].status: `."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def key_names(value: object) -> dict[str, str]:
    """Keys of the screen by action id, from a table whose names may contain dots.

    The screen checks ids and keys when it starts.

    Raises:
        SeveralErrors: with every entry that is not a text.
    """
    if not isinstance(value, dict):
        raise ValueError('is not a table; use keys = { capture.star = "S", quit = "q,ctrl+x" }')
    found: dict[str, str] = {}
    errors: list[str] = []
    for name, inner in value.items():
        if isinstance(inner, dict):
            try:
                found |= {f"{name}.{rest}": text for rest, text in key_names(inner).items()}
            except SeveralErrors as error:
                errors += [f".{name}{text}" for text in error.errors]
        elif isinstance(inner, str):
            found[name] = inner
        else:
            errors.append(
                f'.{name}: {quoted(inner)} is not a text; use a key such as "S", or several: "S,f2"'
            )
    if errors:
        raise SeveralErrors(errors)
    return found


def body_limit(value: object) -> int:
    """The largest body in bytes, 1 to `LARGEST_BODY_BYTES`."""
    size = int(parse_bytes(value))
    if not 1 <= size <= LARGEST_BODY_BYTES:
        raise ValueError(f"{quoted(value)} is out of range; bodies may be limited to 1 byte up to 512MiB")
    return size


def format_span(length: timedelta) -> str:
    """A duration as `parse_duration` reads it, in its largest whole unit: `30d`, `36h`, `90m`, `90.5s`."""
    for unit, size in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1))):
        if not length % size:
            return f"{length // size}{unit}"
    return f"{length.total_seconds():g}s"


def keeping(value: object) -> timedelta | None:
    """How long captures are kept; None for `forever`."""
    if value == "forever":
        return None
    kept = parse_duration(value)
    if kept < timedelta(minutes=1):
        raise ValueError(f'{quoted(value)} is too short; use a minute or more, for example 30d, or "forever"')
    return kept


def team_limit(value: object) -> int:
    """Bytes that a team's webhooks may take in PostgreSQL, at least 1 MiB."""
    size = int(parse_bytes(value))
    if not 2**20 <= size < 2**60:
        raise ValueError(f"{quoted(value)} is out of range; use 1MiB or more, for example 10GiB")
    return size


def team_name(value: object) -> str:
    """The name of a team's schema in PostgreSQL."""
    text = value.strip() if isinstance(value, str) else ""
    if not _TEAM_NAME.fullmatch(text) or text.startswith("pg_") or text in ("public", "information_schema"):
        raise ValueError(
            f"{quoted(value)} is not a valid name; use up to 48 small letters, digits, - and _, "
            "for example payments"
        )
    return text


STARTS = ("now", "beginning")


def start(value: object) -> timedelta | str:
    """How far back to begin: a duration, or one of STARTS."""
    if isinstance(value, timedelta) or (isinstance(value, str) and value in STARTS):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError(f"{quoted(value)} is not a valid start; use 7d, now or beginning") from None


def format_start(value: timedelta | str) -> str:
    """As a settings file has it."""
    return value if isinstance(value, str) else format_span(value)


def delay_s(value: object) -> float:
    """A delay in seconds, 0 to 600: a bare number, or a duration such as `1.5s`."""
    seconds = _seconds(value)
    if not 0 <= seconds <= 600:
        raise ValueError(f"{quoted(value)} is not a valid delay; use 0 to 600 seconds")
    return seconds


def timeout_s(value: object) -> float:
    """A time to wait in seconds, 0.1 to 86,400: a bare number, or a duration such as `5m`."""
    seconds = _seconds(value)
    if not 0.1 <= seconds <= 86_400:
        raise ValueError(
            f"{quoted(value)} is not a valid time to wait; use 0.1 to 86400 seconds, for example 300 or 5m"
        )
    return seconds


def _seconds(value: object) -> float:
    bare = isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", value, re.ASCII)
    if bare or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return float(value)  # type: ignore[arg-type]  # `bare` says that it is a str
    return parse_duration(value).total_seconds()


def factor(value: object) -> float:
    """A factor above 0 and up to 1000, such as `0.01`."""
    number = 0.0
    bare = isinstance(value, str) and re.fullmatch(r"\s*\d{0,9}(\.\d{1,9})?\s*", value, re.ASCII)
    if (bare and str(value).strip()) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        number = float(value)  # type: ignore[arg-type]  # `bare` says that it is a str
    if not 0 < number <= 1000:
        raise ValueError(
            f"{quoted(value)} is not a valid factor; use a number above 0 and up to 1000, for example 0.01"
        )
    return number


def one_of(value: object, *words: str) -> str:
    """One of a few words, in any case."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in words:
        raise ValueError(
            f"{quoted(value)} is not one of the choices; use {', '.join(words[:-1])} or {words[-1]}"
        )
    return word


def whole_number(value: object, least: int, most: int, what: str) -> int:
    """An integer from `least` to `most`; `what` names it in the message."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
        number = int(value)
    if number is None or not least <= number <= most:
        raise ValueError(f"{quoted(value)} is not a valid {what}; use a whole number from {least} to {most}")
    return number


def truth(value: object) -> bool:
    """`true` or `false`; as text also `yes`, `no`, `on`, `off`, `1` and `0`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        match value.strip().lower():
            case "true" | "yes" | "on" | "1":
                return True
            case "false" | "no" | "off" | "0":
                return False
    raise ValueError(f"{quoted(value)} is not true or false")


def host(value: object) -> str:
    """An address or host name to listen on, without brackets, scheme or port."""
    text = value.strip() if isinstance(value, str) else ""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _HOST_NAME.fullmatch(bare) or (":" in bare and _is_address(bare)):
        return bare
    hint = "; 0.0.0.0 means every address" if text == "*" else ", for example 127.0.0.1 or ::1"
    raise ValueError(
        f"{quoted(value)} is not a valid host; use an address or a name without scheme and port{hint}"
    )


def _is_address(text: str) -> bool:
    try:
        ip_network(text.partition("%")[0])
    except ValueError:
        return False
    return True


def public_url(value: object) -> str:
    """The http or https URL under which Lean reaches the relay."""
    text = value.strip() if isinstance(value, str) else ""
    if _CREDENTIALS.match(text):  # before any message that repeats the value
        raise ValueError("contains a user name or password; remove them from the URL")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{quoted(value)} is not a valid URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        is_host = re.fullmatch(r"(?!\d+(/|$))[\w.-]+(:\d+)?(/\S*)?", text)
        near = f'; did you mean "https://{text}"?' if is_host else ""
        raise ValueError(
            f"{quoted(value)} is not a complete URL such as https://relay.example.com/lean{near}"
        )
    if parts.fragment or not text.isprintable() or " " in text:
        raise ValueError(f"{quoted(value)} contains a space, a control character or a #")
    return text


def api_url(value: object) -> str:
    """The URL of an API, without a final slash: https, or http on loopback."""
    text = public_url(value).rstrip("/")
    parts = urlsplit(text)
    if parts.query:
        raise ValueError(f"{quoted(value)} contains a query; use a URL such as https://api.example.com")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError(f"{quoted(value)} is not https, and secrets are sent there; use https://")
    return text


def networks(value: object) -> tuple[Network, ...]:
    """Addresses or networks: a list, or text with commas: `203.0.113.7, 198.51.100.0/24`."""
    found = []
    for text in _texts(value, "addresses"):
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f"{quoted(text)} is not a valid address or network: {error}") from error
    return tuple(found)


def header_names(value: object) -> tuple[str, ...]:
    """Header names in lower case: a list, or text with commas."""
    names = _texts(value, "header names")
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{quoted(name)} is not a valid header name")
    return tuple(name.lower() for name in names)


def pins(value: object) -> tuple[Pin, ...]:
    """Pins: a list, or text with commas; a comma within a subject stays, as no other pin begins after it.

    Each is `subject:CN=...` (the whole name, or one attribute of it), `san:NAME`, `spki:HEX`, or
    `sha256//BASE64`, as curl writes the hash of a key.
    """
    items = _NEXT_PIN.split(value) if isinstance(value, str) else value
    return tuple(_pin(text) for text in _texts(items, "pins"))


_NEXT_PIN = re.compile(r",\s*(?=subject:|san:|spki:|sha256//)")


def _pin(text: str) -> Pin:
    kind, _, rest = text.partition(":")
    if text.startswith("sha256//"):
        kind, rest = "spki", _hex(text.removeprefix("sha256//"))
    elif kind == "spki":
        rest = rest.strip().lower().replace(":", "")
    if kind == "spki" and not re.fullmatch(r"[0-9a-f]{64}", rest):
        raise ValueError(f"{quoted(text)} is not the hash of a key; `lean-relay certs show FILE` prints it")
    if kind not in ("subject", "san", "spki") or not rest.strip():
        raise ValueError(
            f"{quoted(text)} is not a valid pin; use subject:CN=NAME, san:NAME or spki:HEX, "
            "as `lean-relay certs show FILE` prints them"
        )
    return Pin(kind, rest.strip())


def _hex(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


def _texts(value: object, what: str) -> list[str]:
    items: Iterable[object]
    if isinstance(value, str):
        items = value.split(",")
    elif isinstance(value, (list, tuple)):
        items = value
    else:
        raise ValueError(f"{quoted(value)} is not a list of {what}")
    texts = []
    for item in items:
        if not isinstance(item, str):
            raise ValueError(f"{quoted(item)} is not a text; use a list of {what} in quotes")
        if item.strip():
            texts.append(item.strip())
    return texts


def status(value: object) -> int:
    """An HTTP status to respond with, 200 to 599."""
    return whole_number(value, 200, 599, "status")


def nearest(name: str, known: Mapping[str, object]) -> str:
    """`; did you mean "port"?`, or all known names where none is near and the list is short."""
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; there are {', '.join(known)}" if len(known) <= 6 else ""
