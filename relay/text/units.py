"""Times and sizes as commands and screens say them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from relay.text.local_time import local


def when(at: datetime) -> str:
    """A time on this machine's clock with its offset: `2026-11-20 08:15:30.123 +04:00`."""
    here = local(at)
    offset = here.strftime("%z")
    return f"{here:%Y-%m-%d %H:%M:%S}.{here.microsecond // 1000:03} {offset[:3]}:{offset[3:5]}"


def size(count: int) -> str:
    """`412 B`, `10.4 KiB`, `3.1 MiB`."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"


def spent(elapsed_ms: float) -> str:
    """`<1 ms`, `41 ms`, `2.3 s`, `300 s`."""
    if elapsed_ms < 1:
        return "<1 ms"
    if elapsed_ms < 999.5:
        return f"{elapsed_ms:.0f} ms"
    return f"{elapsed_ms / 1000:.1f} s" if elapsed_ms < 99_950 else f"{elapsed_ms / 1000:.0f} s"


def span(gap: timedelta) -> str:
    """`37 s`, `2 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = gap.total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
