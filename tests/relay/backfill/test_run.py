"""Whole windows from a server that does as Lean documents, and from one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from relay.backfill.client import RETRIES, Access, connected
from relay.backfill.run import Progress, backfill
from relay.errors import RelayError
from relay.lean.events_api import KEPT_FOR, Window
from tests.support.lean_api import (
    CLIENT_ID,
    CLIENT_SECRET,
    Fault,
    Intervene,
    LeanApi,
    an_event,
    event_id,
    lean_api,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = Window(start=NOW - timedelta(days=7), end=NOW)
NEITHER = ("soon", "\u00c2\u00b2", f"Mon, 01 Jan {10**20} 00:00:00 GMT")
"""Values of `Retry-After` that say nothing; the second is a superscript 2, in UTF-8."""
HTML = b"<!DOCTYPE html><title>maintenance</title>"


@dataclass
class Outcome:
    """What came of a window."""

    taken: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    error: RelayError | None = None

    @property
    def why(self) -> str:
        """The error, with its word."""
        assert self.error is not None, "it is complete"
        return f"[{self.error.word}] {self.error}"


def events(count: int, newest_first: bool = False) -> list[bytes]:
    made = [an_event(number, NOW - timedelta(minutes=count - number)) for number in range(count)]
    return made[::-1] if newest_first else made


@pytest.fixture
def lean() -> Iterator[LeanApi]:
    with lean_api() as api:
        yield api


async def run(
    lean: LeanApi, *, api_url: str = "", secret: str = CLIENT_SECRET, window: Window = WINDOW
) -> Outcome:
    """A window, with no wait, and a store that dedupes as the database does."""
    outcome = Outcome()

    async def sleep(seconds: float) -> None:
        outcome.waits.append(seconds)
        await asyncio.sleep(0)

    async def store(batch: Sequence[bytes]) -> Sequence[bool]:
        is_new = [each not in outcome.taken for each in batch]
        outcome.taken += [each for each, new in zip(batch, is_new, strict=True) if new]
        return is_new

    access = Access(lean.url, api_url or lean.url, CLIENT_ID, secret)
    try:
        async with connected(access, told=outcome.said.append, sleep=sleep) as api:
            await backfill(api, window, None, store, outcome.progress, lambda: None, sleep)
    except RelayError as error:
        outcome.error = error
    for text in (*outcome.said, str(outcome.error), repr(access)):
        assert CLIENT_SECRET not in text
        assert CLIENT_ID not in text
        assert not [token for token in lean.tokens if token in text]
    return outcome


def on_page(number: int, *faults: Fault) -> Intervene:
    """Respond to the first requests for a page with faults."""
    left = list(faults)

    def intervene(lean: LeanApi, query: dict[str, str]) -> Fault | None:
        return left.pop(0) if left and query["page"] == str(number) else None

    return intervene


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_are_read_in_any_order_while_more_events_come(lean: LeanApi, newest_first: bool) -> None:
    """What happens after the window's end is not in it, however the list is ordered; one pause a page."""
    lean.events = events(230, newest_first)
    grown = [an_event(number, NOW + timedelta(seconds=number)) for number in range(1000, 1003)]

    def grow(api: LeanApi, query: dict[str, str]) -> None:
        api.events = [*grown[::-1], *api.events] if newest_first else [*api.events, *grown]

    lean.intervene = grow
    outcome = await run(lean)
    assert outcome.error is None
    assert outcome.taken == events(230, newest_first)
    assert outcome.waits == [0.2, 0.2]
    assert len(lean.tokens) == 1


@pytest.mark.parametrize("newest_first", [False, True])
async def test_events_that_age_out_while_pages_are_read(lean: LeanApi, newest_first: bool) -> None:
    """The window stays inside what Lean keeps, so none of its events leaves the list, and no page moves."""
    window = Window.until(NOW, NOW - timedelta(days=100))
    step = (window.end - window.start) / 250
    kept = [an_event(number, window.start + step * (number + 0.5)) for number in range(250)]
    edge = NOW - KEPT_FOR
    ageing = [an_event(number, edge + timedelta(minutes=number - 1000)) for number in range(1000, 1050)]

    def age(api: LeanApi, query: dict[str, str]) -> None:
        """Twenty minutes go by, and events come meanwhile."""
        del ageing[:20]
        new = [an_event(2000 + len(api.asked), NOW + timedelta(minutes=20 * len(api.asked)))]
        api.events = [*ageing, *kept, *new][:: -1 if newest_first else 1]

    lean.intervene = age
    outcome = await run(lean, window=window)
    assert outcome.error is None
    assert outcome.taken == kept[:: -1 if newest_first else 1]


async def test_an_empty_window_is_complete(lean: LeanApi) -> None:
    """No event, one page, no error."""
    outcome = await run(lean)
    assert outcome.error is None
    assert (outcome.progress.total, outcome.progress.pages, outcome.taken) == (0, 1, [])


async def test_a_page_of_50_where_100_is_too_much(lean: LeanApi) -> None:
    """A 400 makes the pages smaller, once; another 400 ends the run with Lean's words."""
    lean.most = 50
    lean.events = events(120)
    outcome = await run(lean)
    assert outcome.error is None
    assert len(outcome.taken) == 120
    assert [(query["page"], query["size"]) for query in lean.asked] == [
        ("0", "100"),
        ("0", "50"),
        ("1", "50"),
        ("2", "50"),
    ]
    lean.most = 10
    assert "responded 400" in (outcome := await run(lean)).why
    assert "size must be at most 50" in outcome.why


async def test_a_token_is_renewed_before_it_expires_and_once_on_401(lean: LeanApi) -> None:
    """A token of no life is used once; one that is refused is replaced; a new one that is refused is said."""
    lean.events = events(250)
    lean.expires_in = 0
    assert (await run(lean)).error is None
    assert len(lean.tokens) == 3
    lean.expires_in = 3599
    lean.tokens.clear()

    def revoke(api: LeanApi, query: dict[str, str]) -> Fault | None:
        if query["page"] == "1" and len(api.tokens) == 1:
            return Fault(401)
        return None

    lean.intervene = revoke
    assert (await run(lean)).error is None
    assert len(lean.tokens) == 2
    lean.intervene = lambda api, query: Fault(401, b'{"message": "no"}') if query["page"] == "1" else None
    outcome = await run(lean)
    assert outcome.why.startswith("[lean-refused] page 1: Lean refused a new token")
    assert len(outcome.taken) == 100


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(401, b'{"error": "invalid_client"}'), "[lean-refused] "),
        (Fault(400, b'{"error_description": "wrong %s"}' % CLIENT_SECRET.encode()), "it says: wrong ***"),
        (Fault(200, HTML), "[lean-page] the token: the response of "),
        (Fault(200, b'{"access_token": "a\\nb"}'), "[lean-page] the token: the response of "),
        (Fault(302, headers=(("Location", "http://127.0.0.1:1/"),)), "redirects elsewhere"),
        (Fault(404), "responded 404; check auth_url"),
    ],
)
async def test_no_token(lean: LeanApi, fault: Fault, why: str) -> None:
    """Each reason is said, without a secret, and no page is asked for."""
    lean.token_fault = fault
    assert why in (await run(lean)).why
    assert not lean.asked


async def test_a_wrong_secret_is_refused(lean: LeanApi) -> None:
    """As the documented server refuses it."""
    assert "refused the client id or secret" in (await run(lean, secret="other")).why


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(403, b'{"message": "not allowed"}'), "[lean-refused] page 1: Lean does not allow"),
        (Fault(404), "[lean-page] page 1: http"),
        (Fault(307, headers=(("Location", "http://127.0.0.1:1/"),)), "redirects elsewhere"),
        (Fault(200, HTML, (("Content-Type", "text/html"),)), "[lean-page] page 1: it is a web page"),
        (Fault(200, b'{"data": [{"a"'), "[lean-page] page 1: it is cut short, or not JSON"),
        (Fault(200, b'{"data": []}'), "[lean-page] page 1: it is not in the documented form"),
        (Fault(429, headers=(("Retry-After", "7200"),)), "[lean-busy] page 1: Lean responded 429 and asks"),
    ],
)
async def test_a_page_that_is_wrong_ends_the_run_with_its_number(
    lean: LeanApi, fault: Fault, why: str
) -> None:
    """What came before it stays."""
    lean.events = events(250)
    lean.intervene = on_page(1, fault)
    outcome = await run(lean)
    assert why in outcome.why
    assert outcome.taken == lean.events[:100]


@pytest.mark.parametrize(
    "fault", [Fault(429), Fault(500), Fault(503, HTML), Fault(200, b'{"data": [', cut=100)]
)
async def test_what_may_pass_is_asked_again(lean: LeanApi, fault: Fault) -> None:
    """With pauses that double, and the run ends as if nothing had been; or after the last with its reason."""
    lean.events = events(150)
    lean.intervene = on_page(1, *[fault] * RETRIES)
    outcome = await run(lean)
    assert outcome.error is None
    assert outcome.taken == lean.events
    assert outcome.waits == [0.2, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert len(outcome.said) == RETRIES
    lean.intervene = on_page(1, *[fault] * (RETRIES + 1))
    outcome = await run(lean)
    assert (
        f"page 1: {'Lean responded' if fault.status != 200 else 'the response was cut short'}" in outcome.why
    )
    assert outcome.taken == lean.events[:100]


async def test_retry_after_is_waited_for(lean: LeanApi) -> None:
    """In seconds or as a date; what is neither counts as absent."""
    lean.events = events(1)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    lean.intervene = on_page(
        0, *(Fault(429, headers=(("Retry-After", text),)) for text in ("7", date, *NEITHER))
    )
    outcome = await run(lean)
    assert outcome.error is None
    seconds, until, *none = outcome.waits
    assert (seconds, none) == (7.0, [4.0, 8.0, 16.0])
    assert 60 < until <= 90


async def test_a_server_that_is_not_there(lean: LeanApi) -> None:
    """Exit 5, and the host that did not answer."""
    outcome = await run(lean, api_url="http://127.0.0.1:1")
    assert outcome.error is not None
    assert outcome.why.startswith("[lean-unreachable] page 0: could not connect to 127.0.0.1")
    assert outcome.error.exit_code == 5


async def test_a_page_that_repeats_and_counts_that_are_wrong(lean: LeanApi) -> None:
    """Such a window is not complete, whatever was stored of it."""
    lean.events = events(250)

    def repeating(api: LeanApi, query: dict[str, str]) -> Fault | None:
        if query["page"] != "2":
            return None
        first = api.documented(query | {"page": "0"})
        return Fault(body=first.body.replace(b'"number": 0', b'"number": 2'))

    lean.intervene = repeating
    assert "page 2: it repeats events of pages before it" in (await run(lean)).why

    def growing(api: LeanApi, query: dict[str, str]) -> Fault | None:
        page = api.documented(query)
        return Fault(body=page.body.replace(b": 250", b": 251")) if query["page"] == "1" else page

    lean.intervene = growing
    assert "page 1: Lean counted 250 events before, and 251 now" in (await run(lean)).why

    def miscounting(api: LeanApi, query: dict[str, str]) -> Fault | None:
        return Fault(body=api.documented(query).body.replace(b": 250", b": 260"))

    lean.intervene = miscounting
    outcome = await run(lean)
    assert "page 2: Lean counts 260 events, and its pages have 250" in outcome.why
    assert len(outcome.taken) == 250
    assert event_id(249).encode() in outcome.taken[-1]

    def cut(api: LeanApi, query: dict[str, str]) -> Fault | None:
        return Fault(body=api.documented(query).body.replace(b'"total_pages": 3', b'"total_pages": 1'))

    lean.intervene = cut
    assert "page 0: Lean counts 250 events, and its pages have 100" in (await run(lean)).why
