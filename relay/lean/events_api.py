"""Lean's Events API: its hosts, the window that can be asked for, and its pages as the bytes they came as.

Owns what Lean documents of it (`GET /events/v1`, pages of at most 100 events of the past 90 days) and which
responses are not that. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

API_URLS: Mapping[tuple[str, str], str] = {
    ("sandbox", "uae"): "https://sandbox.leantech.me",
    ("production", "uae"): "https://api2.leantech.me",
    ("sandbox", "ksa"): "https://sandbox.sa.leantech.me",
    ("production", "ksa"): "https://api2.sa.leantech.me",
}
"""Environment and region -> the API's host. Whether those of KSA serve events is not documented."""

AUTH_URLS: Mapping[tuple[str, str], str] = {
    ("sandbox", "uae"): "https://auth.sandbox.leantech.me",
    ("production", "uae"): "https://auth.leantech.me",
    ("sandbox", "ksa"): "https://auth.sandbox.sa.leantech.me",
    ("production", "ksa"): "https://auth.sa.leantech.me",
}
"""The host of the tokens. For the sandbox of the UAE Lean's own files name two more."""

EVENTS_PATH = "/events/v1"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 -- a path
SCOPE = "api"

SIZES = (100, 50)
"""Events per page; the next size is for where Lean responds with 400 to the one before."""

KEPT_FOR = timedelta(days=90)
MARGIN = timedelta(hours=1)
"""How far a window stays inside these days, so that no event leaves it while its pages are read; and how far
it goes back before the end of the last one, for events that Lean lists late."""

DEFAULT_SPAN = timedelta(days=7)
"""The window where none was complete before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of time with both ends fixed, so that pages do not move while they are read."""

    start: datetime
    """Aware, UTC."""
    end: datetime

    @classmethod
    def until(cls, now: datetime, since: datetime) -> Window:
        """The window from `since` until now, at most as far back as Lean keeps events.

        Args:
            now: aware, UTC, as `since`.
        """
        return cls(start=max(since, now - KEPT_FOR + MARGIN), end=now)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list."""

    events: list[bytes]
    """The bytes of each event, as they stood in the page."""
    total: int
    """Events of the whole window."""
    pages: int


class _Facts(msgspec.Struct):
    number: int
    size: int
    total_elements: int
    total_pages: int


class _Document(msgspec.Struct):
    data: list[msgspec.Raw]
    page: _Facts


_decode = msgspec.json.Decoder(_Document).decode


def date_time(at: datetime) -> str:
    """`2026-11-20T08:15:30.123Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_page(text: bytes, number: int) -> Page:
    """Read a page.

    Args:
        number: of the page that was asked for; the first is 0.

    Raises:
        ValueError: it is not that page in the documented form; the message says why, and quotes nothing.
    """
    try:
        document = _decode(text)
    except msgspec.ValidationError as error:
        said = str(error)
        raise ValueError(f"it is not in the documented form: {said[:1].lower()}{said[1:200]}") from None
    except (ValueError, RecursionError):
        start = text.lstrip()[:1]
        what = "a web page" if start == b"<" else "cut short, or not JSON" if start == b"{" else "not JSON"
        raise ValueError(f"it is {what}") from None
    facts = document.page
    events = [bytes(each) for each in document.data]
    if any(event[:1] != b"{" for event in events):
        raise ValueError("an element of it is not an event")
    if min(facts.total_elements, facts.total_pages, facts.size) < 0:
        raise ValueError("a count of it is negative")
    if facts.number != number:
        raise ValueError(f"it says that it is page {facts.number}")
    if number + 1 < facts.total_pages and not events:
        raise ValueError("it is empty, and more pages follow")
    return Page(events=events, total=facts.total_elements, pages=facts.total_pages)
