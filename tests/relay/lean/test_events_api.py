"""Hosts, windows and pages of Lean's Events API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from relay.lean.events_api import API_URLS, AUTH_URLS, Window, date_time, read_page

NOW = datetime(2026, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)
FACTS = b'"page": {"number": 0, "size": 100, "total_elements": 2, "total_pages": 1}'


def test_each_environment_and_region_has_hosts() -> None:
    """Both kinds of hosts, by https."""
    places = set(product(("sandbox", "production"), ("uae", "ksa")))
    assert set(API_URLS) == set(AUTH_URLS) == places
    assert all(url.startswith("https://") for url in (*API_URLS.values(), *AUTH_URLS.values()))


def test_a_window_stays_an_hour_inside_90_days() -> None:
    """It begins where it was asked to, but never where its oldest events could leave the list meanwhile."""
    near = NOW - timedelta(days=7)
    assert Window.until(NOW, near) == Window(start=near, end=NOW)
    far = Window.until(NOW, NOW - timedelta(days=90))
    assert far.start == NOW - timedelta(days=90) + timedelta(hours=1)
    assert date_time(NOW) == "2026-11-27T12:00:00.123Z"


def test_a_page_keeps_the_bytes_of_each_event() -> None:
    """Numbers, escapes, spaces and unknown fields stay as they are."""
    events = [b'{"a" : 100.00}', b'{"b":"\\u00e9\\/"}']
    page = read_page(b'{"data": [ %s ,%s ], %s, "more": 1}' % (*events, FACTS), 0)
    assert (page.events, page.total, page.pages) == (events, 2, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"<!DOCTYPE html><p>secret", "it is a web page"),
        (b'{"data": [{"a": 1}, {"b', "it is cut short, or not JSON"),
        (b"", "it is not JSON"),
        (b'{"data": ' + b"[" * 100_000, "it is cut short, or not JSON"),
        (b"[]", "it is not in the documented form: "),
        (b'{"data": {}, %s}' % FACTS, "it is not in the documented form: "),
        (b'{"data": []}', "it is not in the documented form: object missing required field `page`"),
        (b'{"data": [], "page": {"number": "0"}}', "it is not in the documented form: "),
        (b'{"data": [1], %s}' % FACTS, "an element of it is not an event"),
        (b'{"data": [], %s}' % FACTS.replace(b'r": 0', b'r": 7'), "it says that it is page 7"),
        (b'{"data": [], %s}' % FACTS.replace(b's": 2', b's": -2'), "a count of it is negative"),
        (b'{"data": [], %s}' % FACTS.replace(b's": 1', b's": 3'), "it is empty, and more pages follow"),
    ],
)
def test_what_is_no_page_is_said_without_quoting_it(text: bytes, why: str) -> None:
    """Each departure from the documented form has its reason."""
    with pytest.raises(ValueError) as caught:
        read_page(text, 0)
    assert str(caught.value).startswith(why)
    assert "secret" not in str(caught.value)
