"""The URL to give Lean while the engine runs: a tunnel's, or that of the settings.

Owns that the receiver knows its host as one of its own names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from relay.config import Settings
from relay.engine.receiver import BoundReceiver
from relay.engine.tasks import background
from relay.engine.tunnels import EngineTunnel, local_address
from relay.receiver.web_pages import WebPageGuard
from relay.store.write.client import Writer


class PublicUrl:
    """The public URL of an engine, and its tunnel where the settings name one."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """
        Args:
            settings: returns those in force.
        """
        self._settings = settings
        self.tunnel: EngineTunnel | None = None
        self._bound: BoundReceiver | None = None
        self._sites: WebPageGuard
        """Of the settings; the receiver's own knows the tunnel too."""

    @property
    def url(self) -> str | None:
        """The URL to give Lean; None while it is not known."""
        return self._settings().public_url if self.tunnel is None else self.tunnel.url

    @asynccontextmanager
    async def reaching(
        self, writer: Writer, bound: BoundReceiver, sites: WebPageGuard
    ) -> AsyncIterator[None]:
        """Lead the URL to a receiver while the context lasts; this starts the tunnel of the settings.

        Args:
            sites: the receiver's rules for web pages, by its settings.
        """
        self._bound = bound
        self._sites = sites
        settings = self._settings()
        if (choice := settings.tunnel) is None:
            yield
            return
        local = local_address(settings, bound.port, secure=bound.url.startswith("https:"))
        self.tunnel = EngineTunnel(writer, self._settings, choice, local, url_changed=self._update_names)
        async with background(self.tunnel.run(), self.tunnel.report()):
            yield

    def settings_changed(self, sites: WebPageGuard) -> None:
        """Take the rules for web pages of new settings, which are in force by now."""
        self._sites = sites
        self._update_names()

    def _update_names(self) -> None:
        if self._bound is not None:
            self._bound.receiver.sites = self._sites.also_at(self.url)
