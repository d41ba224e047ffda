"""Access to the page: for one browser, by a token that works once and then by a cookie.

Owns the checks of each request and the headers of each response. Knows neither pages nor processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from secrets import token_urlsafe

from aiohttp import web

COOKIE = "lean_relay"

NAMES = ("127.0.0.1", "localhost")
"""The names by which a browser may call this machine. Any other one that leads here belongs to a foreign
page, whose name server points it to this machine (DNS rebinding)."""

FROM_HERE = (None, "none", "same-origin")
"""Values of `Sec-Fetch-Site`: none from an old browser, typed, or from our own page."""


class Door:
    """The checks for one port, and the secrets of one run."""

    def __init__(self, port: int) -> None:
        self.path = f"/{token_urlsafe(12)}/"
        """The folder of the page. A browser sends cookies to every port of a machine, but only for their own
        path: one that cannot be guessed keeps ours from the other programs on loopback."""
        self.url = f"http://{NAMES[0]}:{port}"
        self._port = port
        self._hosts = {f"{name}:{port}" for name in NAMES}
        self._token: str | None = token_urlsafe(32)
        self._session = token_urlsafe(32)
        self.headers = _headers(f"ws://{host}" for host in sorted(self._hosts))
        """Of every response."""

    @property
    def address(self) -> str:
        """The URL that lets a browser in, once."""
        assert self._token is not None
        return f"{self.url}/?token={self._token}"

    def check(self, request: web.BaseRequest) -> None:
        """Let only requests pass that our own page sends, or that are typed.

        Raises:
            web.HTTPException: it may not; the text says why.
        """
        host = self._check_host(request)
        for name, allowed in (("Origin", (None, f"http://{host}")), ("Sec-Fetch-Site", FROM_HERE)):
            if request.headers.get(name) not in allowed:
                raise web.HTTPForbidden(text="This request comes from another web page.\n")
        if not _same(request.cookies.get(COOKIE, ""), self._session):
            raise web.HTTPForbidden(
                text="This browser has no access to the screen. Use the URL that `lean-relay web` printed, "
                "which works once; for another one, run the command again.\n"
            )

    def check_page(self, request: web.BaseRequest) -> None:
        """Let only our own page open a socket: a browser always says which page does.

        Raises:
            web.HTTPForbidden: it is another page, or none.
        """
        if "Origin" not in request.headers:
            raise web.HTTPForbidden(text="Only the page of the screen opens this.\n")

    def enter(self, request: web.BaseRequest) -> web.Response:
        """Exchange the token for a cookie.

        The browser goes on by itself to the page. A redirect would not do: along one that began at another
        site, such as a file, browsers hold back cookies that are `SameSite=Strict`.

        Raises:
            web.HTTPException: it is not the token, or was used before; the text says why.
        """
        self._check_host(request)
        if request.headers.get("Sec-Fetch-Mode") not in (None, "navigate") or "Origin" in request.headers:
            raise web.HTTPForbidden(text="This request comes from another web page.\n")
        if "Sec-Purpose" in request.headers:
            raise web.HTTPForbidden(text="The address works once, so it is not loaded ahead of time.\n")
        if self._token is None or not _same(request.query.get("token", ""), self._token):
            why = "was used already" if self._token is None else "is not valid"
            raise web.HTTPForbidden(text=f"This address {why}. Run `lean-relay web` again for another.\n")
        self._token = None
        response = web.Response(
            text='<!doctype html><meta charset="utf-8"><title>lean-relay</title>'
            f'<meta http-equiv="refresh" content="0; url={self.path}">'
            f'<a href="{self.path}">Open the screen</a>',
            content_type="text/html",
        )
        response.set_cookie(COOKIE, self._session, path=self.path, httponly=True, samesite="Strict")
        return response

    def _check_host(self, request: web.BaseRequest) -> str:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise web.HTTPMisdirectedRequest(
                text=f"The screen is at 127.0.0.1:{self._port} only. From another machine, forward the same "
                f"port: ssh -L {self._port}:127.0.0.1:{self._port} NAME\n"
            )
        return hosts[0]


def _same(given: str, ours: str) -> bool:
    return compare_digest(given.encode("utf-8", "surrogateescape"), ours.encode())


def _headers(sockets: Iterable[str]) -> Mapping[str, str]:
    """Headers of every response: no content from elsewhere, no cache, no frame, no referrer."""
    return {
        # The terminal sets the sizes and colours of its cells by style elements of its own.
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        f"font-src 'self'; img-src data:; connect-src {' '.join(sockets)}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "clipboard-read=(), camera=(), microphone=(), geolocation=()",
        "Server": "lean-relay",
    }
