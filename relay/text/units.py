"""Formats and parses times, durations and sizes. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

from relay.text.local_time import local
from relay.text.safe import quoted

LONGEST_DURATION = timedelta(days=100 * 366)

_BYTES = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([kmgt]?)(ib|b)?", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d|w)\s*", re.IGNORECASE | re.ASCII)
_SECONDS = {
    unit: Decimal(text)
    for unit, text in {
        "ms": "0.001",
        "s": "1",
        "m": "60",
        "min": "60",
        "h": "3600",
        "d": "86400",
        "w": "604800",
    }.items()
}


def format_time(at: datetime) -> str:
    """Local time with its offset: `2026-11-20 08:15:30.123 +04:00`."""
    here = local(at)
    offset = here.strftime("%z")
    return f"{here:%Y-%m-%d %H:%M:%S}.{here.microsecond // 1000:03} {offset[:3]}:{offset[3:5]}"


def format_bytes(count: int) -> str:
    """`412 B`, `10.4 KiB`, `3.1 MiB`, `10.0 GiB`."""
    if count < 1024:
        return f"{count} B"
    for power, unit in enumerate(("KiB", "MiB"), 1):
        if count < 1024 ** (power + 1):
            return f"{count / 1024**power:.1f} {unit}"
    return f"{count / 1024**3:.1f} GiB"


def format_ms(elapsed_ms: float) -> str:
    """Duration of a request: `<1 ms`, `41 ms`, `2.3 s`, `300 s`."""
    if elapsed_ms < 1:
        return "<1 ms"
    if elapsed_ms < 999.5:
        return f"{elapsed_ms:.0f} ms"
    return f"{elapsed_ms / 1000:.1f} s" if elapsed_ms < 99_950 else f"{elapsed_ms / 1000:.0f} s"


def format_duration(duration: timedelta) -> str:
    """Time between two events: `300 ms`, `37 s`, `2 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = duration.total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def parse_bytes(value: object) -> Decimal:
    """A size in bytes, exactly as written: `1048576`, `512k`, `10MiB`, `1.5 MB`.

    `k`, `m`, `g` and `KiB`, `MiB`, `GiB` count in 1024; `kB`, `MB`, `GB` in 1000.

    Args:
        value: from a flag, a filter or TOML: a text, or a whole number of bytes.

    Raises:
        ValueError: it is not a size; the message shows valid forms.
    """
    match = _BYTES.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        number, prefix, suffix = match[1], match[2].lower(), (match[3] or "").lower()
        step = 1000 if prefix and suffix == "b" else 1024
        return Decimal(number) * Decimal(step) ** " kmgt".index(prefix or " ")
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Decimal(value)
    raise ValueError(f"{quoted(value)} is not a valid size; use bytes or a unit, for example 512k or 10MiB")


def parse_duration(value: object) -> timedelta:
    """A duration, in one or more units: `30d`, `12h`, `1h30m`, `1.5s`, `250ms`.

    Raises:
        ValueError: it is not a duration, or longer than a hundred years; the message says which.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text or _DURATION.sub("", text):
        raise ValueError(
            f"{quoted(value)} is not a valid duration; use a number and ms, s, m, h, d or w, for example 12h"
        )
    seconds = sum((Decimal(n) * _SECONDS[unit.lower()] for n, unit in _DURATION.findall(text)), Decimal())
    if seconds > LONGEST_DURATION // timedelta(seconds=1):
        raise ValueError(f"{quoted(value)} is longer than a hundred years")
    return timedelta(microseconds=int(seconds * 1_000_000))


def format_deliveries(count: int) -> str:
    """`1 delivery`, `2 deliveries`."""
    return "1 delivery" if count == 1 else f"{count} deliveries"
