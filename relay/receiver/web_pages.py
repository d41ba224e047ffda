"""What a web page may cause through a browser on this machine (`lean-relay help settings`).

Pure. A browser names its page in `Origin` or `Sec-Fetch-Site`, but for plain GETs to a name, which any
page's owner can have lead here; servers name neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from multidict import istr

ORIGIN = istr("Origin")
SEC_FETCH_SITE = istr("Sec-Fetch-Site")
HOST = istr("Host")

UNKNOWN_HOST = "unknown-host"
"""Why deliveries of a capture are parked whose Host is not one of ours."""


class Sites:
    """The rules of one reading of the settings."""

    def __init__(self, *, allow_cross_site: bool = False, urls: Iterable[str | None] = ()) -> None:
        """
        Args:
            allow_cross_site: lifts all of it.
            urls: those by which this relay is meant to be reached from elsewhere.
        """
        self._allowed = allow_cross_site
        self._names = {"localhost", *(urlsplit(url).hostname or "" for url in urls if url is not None)}

    def refuses(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser sent it for a web page."""
        if self._allowed:
            return False
        return ORIGIN in headers or headers.get(SEC_FETCH_SITE, "none") != "none"

    def parks(self, method: str, target: str, headers: Mapping[str, str]) -> bool:
        """Whether a web page may have made it without saying so, so that it goes no further by itself.

        A POST from a page has an `Origin`; without one it is a server's, whatever its Host: a tunnel's
        name stands there.
        """
        if self._allowed or method not in ("GET", "HEAD"):
            return False
        host = headers.get(HOST)
        if host is not None and not self._knows(host):
            return True
        return "://" in target[:8] and not self._knows(urlsplit(target).netloc.rpartition("@")[2])

    def _knows(self, host: str) -> bool:
        """Whether a Host is an address, or a name that leads here by the owner's will."""
        name = host.strip().lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name.removesuffix(".") in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
