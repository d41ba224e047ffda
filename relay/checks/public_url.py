"""The check of the public URL setting."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from relay.checks.findings import Finding, ok, warning
from relay.config import Settings


def configured(settings: Settings) -> Iterator[Finding]:
    """Whether a public URL is set, and uses https."""
    url = settings.public_url
    if url is None:
        yield warning(
            "public URL",
            "no public URL is set, so it is unknown whether Lean can reach this relay",
            "start a tunnel and set public_url; see `lean-relay help public-url`",
        )
    elif urlsplit(url).scheme != "https":
        text = f"{url} is not https: bank data would cross the network unencrypted"
        yield warning("public URL", text, "use a tunnel or server with https")
    else:
        yield ok("public URL", url)
