"""Asks Lean's API for a token and for pages of events, one request at a time.

Owns the requests, which answers are worth another one and when, and what each failure means. Token and secret
are in memory only, go to the configured hosts alone, and appear in no message; no redirect is followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

import aiohttp
import msgspec

from relay.errors import RelayError, Unreachable, UsageError
from relay.lean import events_api
from relay.lean.events_api import Page, Window

TIMEOUT_S = 60.0
"""For one request with its whole response."""

MOST_PAGE_BYTES = 64 * 1024 * 1024
MOST_ANSWER_BYTES = 64 * 1024
"""Of a token, and of the text of an error."""

RETRIES = 6
"""Further requests after one that failed in a way that may pass."""

FIRST_WAIT_S, MOST_WAIT_S = 1.0, 60.0
"""The wait before another request doubles from the first to the most."""

MOST_ASKED_WAIT_S = 600.0
"""A longer `Retry-After` ends the run: a person waits for it."""

RENEW_BEFORE_S = 60.0
"""A token is renewed this long before it expires."""

DEFAULT_LIFE_S = 3599
MOST_WORDS = 200
"""Characters of Lean's own words that a message quotes."""


@dataclass(frozen=True, slots=True)
class Access:
    """The hosts to ask, and the credentials."""

    auth_url: str
    api_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = DEFAULT_LIFE_S


class _Said(msgspec.Struct):
    """The forms of errors that Lean documents."""

    message: str | None = None
    error: str | None = None
    error_description: str | None = None


_token = msgspec.json.Decoder(_Token).decode
_said = msgspec.json.Decoder(_Said).decode


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str | None


class SizeRefused(Exception):
    """Lean says 400 to this size of a page, perhaps because of it."""


class EventsApi:
    """A client of Lean's Events API; made by `connected`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        access: Access,
        told: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._session = session
        self._access = access
        self._told = told
        self._sleep = sleep
        self._token: str | None = None
        self._renew_at = 0.0

    async def page(self, number: int, size: int, window: Window, event_type: str | None) -> Page:
        """Fetch one page of a window; the first is 0.

        Raises:
            SizeRefused: Lean refused the request, and a smaller size may help.
            RelayError: the page could not be read; the message has its number and the reason.
        """
        what = f"page {number}"
        query = {
            "page": str(number),
            "size": str(size),
            "from": events_api.date_time(window.start),
            "to": events_api.date_time(window.end),
        }
        if event_type is not None:
            query["type"] = event_type

        async def ask() -> _Answer:
            token = await self._valid_token()
            answer = await self._events(query, token, what)
            if answer.status == 401:
                self._token = None
                answer = await self._events(query, await self._valid_token(), what)
            return answer

        answer = await ask()
        if answer.status == 400 and size != events_api.SIZES[-1]:
            raise SizeRefused
        if answer.status == 401:
            raise RelayError(
                f"{what}: Lean refused a new token, so the client id or secret is not for "
                f"{self._access.api_url}; check environment and region{self._quoted(answer)}",
                word="lean-refused",
            )
        if answer.status == 403:
            raise RelayError(
                f"{what}: Lean does not allow this application to read events{self._quoted(answer)}",
                word="lean-refused",
            )
        self._require_ok(answer, what, self._access.api_url, "api_url")
        try:
            return events_api.read_page(answer.body, number)
        except ValueError as error:
            raise RelayError(f"{what}: {error}; the earlier pages are stored", word="lean-page") from None

    async def _events(self, query: dict[str, str], token: str, what: str) -> _Answer:
        url = f"{self._access.api_url}{events_api.EVENTS_PATH}"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return await self._patiently(
            what,
            lambda: self._session.get(url, params=query, headers=headers, allow_redirects=False),
            MOST_PAGE_BYTES,
        )

    # -- tokens --------------------------------------------------------------------------------

    async def _valid_token(self) -> str:
        if self._token is None or monotonic() >= self._renew_at:
            self._token = await self._new_token()
        return self._token

    async def _new_token(self) -> str:
        url = f"{self._access.auth_url}{events_api.TOKEN_PATH}"
        form = {
            "client_id": self._access.client_id,
            "client_secret": self._access.client_secret,
            "grant_type": "client_credentials",
            "scope": events_api.SCOPE,
        }
        asked_at = monotonic()
        answer = await self._patiently(
            "the token", lambda: self._session.post(url, data=form, allow_redirects=False), MOST_ANSWER_BYTES
        )
        if answer.status in (400, 401, 403):
            raise RelayError(
                f"{self._access.auth_url} refused the client id or secret; check both, and environment and "
                f"region{self._quoted(answer)}",
                word="lean-refused",
            )
        self._require_ok(answer, "the token", self._access.auth_url, "auth_url")
        try:
            found = _token(answer.body)
            token = found.access_token
            if not token or not token.isascii() or not token.isprintable():
                raise ValueError
        except (ValueError, RecursionError):
            raise RelayError(
                f"the token: the response of {self._access.auth_url} has none; check auth_url",
                word="lean-page",
            ) from None
        self._renew_at = asked_at + max(found.expires_in - RENEW_BEFORE_S, found.expires_in / 2)
        return token

    # -- one request ---------------------------------------------------------------------------

    async def _patiently(
        self,
        what: str,
        request: Callable[[], aiohttp.client._RequestContextManager],
        most_bytes: int,
    ) -> _Answer:
        """Send a request, again after each failure that may pass, at most `RETRIES` times."""
        wait_s = FIRST_WAIT_S
        for left in range(RETRIES, -1, -1):
            try:
                answer = await _answer(request, most_bytes)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = _why(error)
                if not left:
                    raise Unreachable(
                        f"{what}: {reason}, {RETRIES + 1} times; run it again later", word="lean-unreachable"
                    ) from None
                asked = None
            else:
                if answer.status != 429 and answer.status < 500:
                    return answer
                reason = f"Lean responded {answer.status}"
                if not left:
                    raise RelayError(
                        f"{what}: {reason}, {RETRIES + 1} times; run it again later{self._quoted(answer)}",
                        word="lean-busy" if answer.status == 429 else "lean-failing",
                    )
                asked = _asked_wait_s(answer.retry_after)
            if asked is not None and asked > MOST_ASKED_WAIT_S:
                raise RelayError(
                    f"{what}: {reason} and asks to wait {asked:.0f} s; run it again then", word="lean-busy"
                )
            pause_s = wait_s if asked is None else asked
            self._told(f"{what}: {reason}; the next request in {pause_s:g} s")
            await self._sleep(pause_s)
            wait_s = min(wait_s * 2, MOST_WAIT_S)
        raise AssertionError("the last round returns or raises")

    def _require_ok(self, answer: _Answer, what: str, url: str, setting: str) -> None:
        if 300 <= answer.status < 400:
            raise RelayError(
                f"{what}: {url} redirects elsewhere, which is not followed; check {setting}", word="lean-page"
            )
        if answer.status != 200:
            raise RelayError(
                f"{what}: {url} responded {answer.status}; check {setting}{self._quoted(answer)}",
                word="lean-page",
            )

    def _quoted(self, answer: _Answer) -> str:
        """Lean's words about an error, without anything of ours that they repeat."""
        try:
            said = _said(answer.body[:MOST_ANSWER_BYTES])
        except (ValueError, RecursionError):
            return ""
        words = said.message or said.error_description or said.error
        if not words:
            return ""
        for ours in (self._access.client_secret, self._access.client_id, self._token):
            if ours:
                words = words.replace(ours, "***")
        return f"; it says: {words[:MOST_WORDS]}"


@asynccontextmanager
async def connected(
    access: Access,
    *,
    told: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[EventsApi]:
    """A client for as long as the context lasts.

    Args:
        told: called with the reason for each wait.
    """
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "lean-relay"},
        trust_env=False,
    ) as session:
        yield EventsApi(session, access, told, sleep)


def text_of(secret: bytes, what: str) -> str:
    """A secret as text.

    Raises:
        UsageError: it is not UTF-8.
    """
    try:
        return secret.decode()
    except UnicodeDecodeError:
        raise UsageError(f"the {what} is not UTF-8 text") from None


async def _answer(request: Callable[[], aiohttp.client._RequestContextManager], most_bytes: int) -> _Answer:
    async with request() as response:
        body = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > most_bytes:
                raise RelayError(
                    f"a response of {response.url.host} has more than {most_bytes // 1024} KiB",
                    word="lean-page",
                )
        return _Answer(response.status, bytes(body), response.headers.get("Retry-After"))


def _asked_wait_s(text: str | None) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3); None without one that can be read."""
    if text is None:
        return None
    if text.strip().isdecimal() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # The latter for a year or an offset of many digits.
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)


def _why(error: Exception) -> str:
    """A failure in our own words."""
    match error:
        case TimeoutError():
            return f"no whole response within {TIMEOUT_S:.0f} s"
        case aiohttp.ClientPayloadError():
            return "the response was cut short"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "the server's certificate or TLS is not accepted"
        case aiohttp.ClientConnectorError():
            return f"could not connect to {error.host}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without a response"
        case _:
            return "the connection failed"
