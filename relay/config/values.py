"""Values as people write them: sizes, spans of time, addresses, names.

Owns the wording of what is wrong with a value. Each function takes what a flag, the environment
or TOML gave (text, number, truth value, list) and raises `ValueError` with what to write instead;
where the value came from is the caller's to say. Opens nothing.
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
from relay.text.units import parse_bytes, parse_duration

Network = IPv4Network | IPv6Network

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
"""A token of RFC 9110, 5.6.2."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What a client certificate has to have beside a good chain."""

    kind: str
    """`subject`, `san` or `spki`."""
    value: str
    """Of a key 64 lowercase hex digits: the SHA-256 of its SubjectPublicKeyInfo."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


LARGEST_BODY_BYTES = 512 * 2**20
"""SQLite keeps no row of more than 1,000,000,000 bytes; this leaves room and is far above any webhook."""


class SeveralFaultsError(ValueError):
    """Several faults within one value; each text begins with where inside, such as `[0].status: `."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def key_names(value: object) -> dict[str, str]:
    """Keys of the screen by the ids of their actions, from a table whose names may have dots in them.

    Which ids and keys there are is known by the screen, and checked where it starts.

    Raises:
        SeveralFaultsError: with every entry that is no text.
    """
    if not isinstance(value, dict):
        raise ValueError('is no table; write keys = { capture.star = "S", quit = "q,ctrl+x" }')
    found: dict[str, str] = {}
    faults: list[str] = []
    for name, inner in value.items():
        if isinstance(inner, dict):
            try:
                found |= {f"{name}.{rest}": text for rest, text in key_names(inner).items()}
            except SeveralFaultsError as error:
                faults += [f".{name}{fault}" for fault in error.faults]
        elif isinstance(inner, str):
            found[name] = inner
        else:
            faults.append(f'.{name}: {quoted(inner)} is no text; write a key such as "S", or several: "S,f2"')
    if faults:
        raise SeveralFaultsError(faults)
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
        raise ValueError(f'{quoted(value)} keeps nothing; write a minute or more, such as 30d, or "forever"')
    return kept


def delay_s(value: object) -> float:
    """A delay in seconds, 0 to 600: a bare number, or a span such as `1.5s`."""
    seconds = _seconds(value)
    if not 0 <= seconds <= 600:
        raise ValueError(f"{quoted(value)} is no delay; write 0 to 600 seconds")
    return seconds


def timeout_s(value: object) -> float:
    """A time to wait in seconds, 0.1 to 86,400: a bare number, or a span such as `5m`."""
    seconds = _seconds(value)
    if not 0.1 <= seconds <= 86_400:
        raise ValueError(f"{quoted(value)} is no time to wait; write 0.1 to 86400 seconds, such as 300 or 5m")
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
        raise ValueError(f"{quoted(value)} is no factor; write a number above 0 and up to 1000, such as 0.01")
    return number


def one_of(value: object, *words: str) -> str:
    """One of a few words, in any case."""
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in words:
        raise ValueError(f"{quoted(value)} is unknown; write {', '.join(words[:-1])} or {words[-1]}")
    return word


def whole_number(value: object, least: int, most: int, what: str) -> int:
    """An integer from `least` to `most`; `what` names it in the message."""
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
        number = int(value)
    if number is None or not least <= number <= most:
        raise ValueError(f"{quoted(value)} is no {what}; write a whole number from {least} to {most}")
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
    raise ValueError(f"{quoted(value)} is neither true nor false")


def host(value: object) -> str:
    """An address or host name to listen on, without brackets, scheme or port."""
    text = value.strip() if isinstance(value, str) else ""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _HOST_NAME.fullmatch(bare) or (":" in bare and _is_address(bare)):
        return bare
    hint = "; 0.0.0.0 is every address" if text == "*" else ", such as 127.0.0.1 or ::1"
    raise ValueError(f"{quoted(value)} is no host; write an address or a name without scheme and port{hint}")


def _is_address(text: str) -> bool:
    try:
        ip_network(text.partition("%")[0])
    except ValueError:
        return False
    return True


def public_url(value: object) -> str:
    """The http or https URL under which Lean reaches the relay."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{quoted(value)} is no URL: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user name or password in it; write the URL without")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        is_host = re.fullmatch(r"(?!\d+(/|$))[\w.-]+(:\d+)?(/\S*)?", text)
        near = f'; did you mean "https://{text}"?' if is_host else ""
        raise ValueError(f"{quoted(value)} is no whole URL, such as https://relay.example.com/lean{near}")
    if parts.fragment or not text.isprintable() or " " in text:
        raise ValueError(f"{quoted(value)} has a blank, a control character or a # in it")
    return text


def networks(value: object) -> tuple[Network, ...]:
    """Addresses or networks: a list, or text with commas: `203.0.113.7, 198.51.100.0/24`."""
    found = []
    for text in _texts(value, "addresses"):
        try:
            found.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f"{quoted(text)} is no address or network: {error}") from error
    return tuple(found)


def header_names(value: object) -> tuple[str, ...]:
    """Header names in lower case: a list, or text with commas."""
    names = _texts(value, "header names")
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{quoted(name)} is no header name")
    return tuple(name.lower() for name in names)


def pins(value: object) -> tuple[Pin, ...]:
    """Pins: a list, or text with commas; those within a subject stay, as no other pin begins behind them.

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
        raise ValueError(f"{quoted(text)} is no hash of a key; `lean-relay certs show FILE` prints it")
    if kind not in ("subject", "san", "spki") or not rest.strip():
        raise ValueError(
            f"{quoted(text)} is no pin; write subject:CN=NAME, san:NAME or spki:HEX, "
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
        raise ValueError(f"{quoted(value)} is no list of {what}")
    texts = []
    for item in items:
        if not isinstance(item, str):
            raise ValueError(f"{quoted(item)} is no text; write a list of {what} in quotes")
        if item.strip():
            texts.append(item.strip())
    return texts


def status(value: object) -> int:
    """An HTTP status to answer with, 200 to 599."""
    return whole_number(value, 200, 599, "status to answer")


def nearest(name: str, known: Mapping[str, object]) -> str:
    """`; did you mean "port"?`, or all that is known where nothing is near and the list is short."""
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; there are {', '.join(known)}" if len(known) <= 6 else ""
