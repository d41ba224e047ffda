"""Parses targets as people write them: `:3000`, `localhost:3000/hook`, or a full URL.

Owns the error messages. Resolves and opens nothing.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

_SHORT = re.compile(r"(?:[A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}(?:[/?]\S*)?", re.ASCII)
_HOST_ALONE = re.compile(r"[A-Za-z0-9_.-]+(?:/\S*)?", re.ASCII)
_PORT_ALONE = re.compile(r"[0-9]{1,5}(?:/\S*)?", re.ASCII)

# Characters that a URL may contain unchanged; others are percent-encoded, and nothing is decoded.
_KEPT = "%:/?#[]@!$&'()*+,;=~"


def target_url(text: str) -> str:
    """The full URL of a target; an ASCII path and query stay unchanged.

    The default scheme is `http`, the default host `localhost`, the default path `/`.

    Raises:
        ValueError: not valid; the message shows valid forms, and never quotes a URL with a user name.
    """
    whole = _whole(text)
    if "@" in re.split("[/?#]", whole.partition("://")[2], maxsplit=1)[0]:
        raise ValueError("a target cannot contain a user name or password; send those as headers")
    try:
        parts = urlsplit(whole)
        port = parts.port
    except ValueError:
        raise ValueError(f"{text!r} is not a valid target: its port is not a number up to 65535") from None
    if not text.isprintable() or " " in text:
        raise ValueError(f"{text!r} is not a valid target: it contains a space or a control character")
    if "://" in text:
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{text!r} is not a valid target: a URL starts with http:// or https:// and a host"
            )
    elif not _SHORT.fullmatch(text):
        near = f"; did you mean https://{text}?" if _HOST_ALONE.fullmatch(text) else ""
        if _PORT_ALONE.fullmatch(text):
            near = f"; did you mean :{text}?"
        raise ValueError(f"{text!r} is not a valid target; use :3000, localhost:3000/hook or a URL{near}")
    if parts.fragment:
        raise ValueError(f"{text!r} is not a valid target: the part after # is never sent")
    if port == 0:
        raise ValueError(f"{text!r} is not a valid target: nothing can listen on port 0")
    path = quote(parts.path or "/", safe=_KEPT)
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{path}{query}"


def names_a_path(text: str) -> bool:
    """Whether a target has its own path or query: `:3000/` does, `:3000` does not.

    Args:
        text: as for `target_url`.
    """
    parts = urlsplit(_whole(text))
    return bool(parts.path or parts.query)


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is loopback by its name alone.

    `localhost` is; other names are not, as they may resolve to anything.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _whole(text: str) -> str:
    return text if "://" in text else f"http://{'localhost' if text.startswith(':') else ''}{text}"


def target_name(text: str) -> str:
    """The same name for every spelling of a target: its full URL, without a path if it has none.

    Raises:
        ValueError: not valid; the message shows valid forms.
    """
    url = target_url(text)
    has_path = "/" in text.partition("://")[2] if "://" in text else "/" in text
    return url if has_path else url.removesuffix("/")


def leads_to(target: str, host: str, port: int) -> bool:
    """Whether a target is the listener at `host` and `port`, by names alone, without resolving them."""
    parts = urlsplit(target)
    if (parts.port or {"http": 80, "https": 443}[parts.scheme]) != port:
        return False
    name = (parts.hostname or "").lower()
    return name in {host.lower(), "0.0.0.0", "::"} or is_loopback(name)  # noqa: S104 - compared
