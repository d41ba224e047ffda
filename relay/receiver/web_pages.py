"""Protects against requests that web pages send through a browser on this machine (see help settings).

Pure. A browser adds `Origin` or `Sec-Fetch-Site`, and servers add neither. The exception is a plain GET to a
host name, which the owner of any page can point here (DNS rebinding).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from multidict import istr

ORIGIN = istr("Origin")
SEC_FETCH_SITE = istr("Sec-Fetch-Site")
HOST = istr("Host")

# Not `urlsplit`, which raises for hosts that the parser of requests accepts.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")

UNKNOWN_HOST = "unknown-host"
"""Reason for parking the deliveries of a capture whose Host is not one of ours."""


class WebPageGuard:
    """The rules, for one set of settings."""

    def __init__(self, *, allow_cross_site: bool = False, urls: Iterable[str | None] = ()) -> None:
        """
        Args:
            allow_cross_site: turns the protection off.
            urls: the relay's public URLs.
        """
        self._allowed = allow_cross_site
        self._names = {"localhost", *(urlsplit(url).hostname or "" for url in urls if url is not None)}

    def also_at(self, url: str | None) -> WebPageGuard:
        """The same rules, with one more public URL."""
        guard = WebPageGuard(allow_cross_site=self._allowed, urls=[url])
        guard._names |= self._names
        return guard

    def refuses(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser sent it for a web page, by its headers."""
        if self._allowed:
            return False
        return ORIGIN in headers or headers.get(SEC_FETCH_SITE, "none") != "none"

    def parks(self, method: str, target: str, headers: Mapping[str, str]) -> bool:
        """Whether a web page may have sent it without these headers, so it must not be forwarded by itself.

        A POST from a page has an `Origin`; without one a server sent it, whatever its Host, which may be a
        tunnel's name.
        """
        if self._allowed or method not in ("GET", "HEAD"):
            return False
        host = headers.get(HOST)
        if host is not None and not self._knows(host):
            return True
        absolute = _ABSOLUTE.match(target)
        return absolute is not None and not self._knows(absolute[1].rpartition("@")[2])

    def _knows(self, host: str) -> bool:
        """Whether a Host is an address or one of our names."""
        name = host.strip().lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if name.removesuffix(".") in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
