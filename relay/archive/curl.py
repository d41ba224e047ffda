"""Requests in curl commands, as `export --format curl` and browsers write them.

Runs nothing, and opens no file that a command names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from relay.archive.shell_words import pipeline, printed
from relay.models import Headers

_AFTER_HOST = re.compile(r"[/?].*", re.DOTALL)
_PROMPT = re.compile(rb"\A\s*\$\s+")
_BEGINS = re.compile(rb"\s*(?:\$\s+)?(?:curl\s|printf\s|#)")

_DATA = frozenset({"-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--json"})
_FLAGS = (
    "-s -S -i -v -k -L -g -f -N -# -4 -6 --silent --show-error --include --verbose --insecure --location "
    "--globoff --fail --no-buffer --path-as-is --compressed --http1.1 --http1.0 -0 -I --head"
)
_OTHERS = "-m --max-time --connect-timeout -o --output -w --write-out --cacert --retry -x --proxy"
_READ = "-X --request -H --header -A --user-agent -b --cookie -e --referer --url --request-target"
_IGNORED = frozenset(_FLAGS.split())
"""Options without a value; those that change the request are looked for by name."""
_WITH_VALUE = frozenset(_OTHERS.split()) | frozenset(_READ.split()) | _DATA
_AS_HEADER = {
    "-A": "User-Agent",
    "--user-agent": "User-Agent",
    "-b": "Cookie",
    "--cookie": "Cookie",
    "-e": "Referer",
    "--referer": "Referer",
}

Request = tuple[str, str, str, Headers, bytes]
"""Method, target, HTTP version, headers, body."""


def begins(line: bytes) -> bool:
    """Whether a file that begins with this line is of curl commands."""
    return _BEGINS.match(line) is not None


def request(command: bytes) -> Request:
    """The request that a command sends.

    Raises:
        ValueError: it is not a curl command, or cannot be known without running it or reading a file.
    """
    *before, words = pipeline(_PROMPT.sub(b"", command))
    if words[:1] != [b"curl"]:
        raise ValueError("it is not a curl command")
    piped = None
    if before:
        if len(before) > 1 or len(before[0]) != 2 or before[0][0] != b"printf":
            raise ValueError("its body comes from a command, which is not run")
        piped = printed(before[0][1])
    options = list(_options([word.decode("latin-1") for word in words[1:]]))
    return _request(options, piped)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value, empty for one without; the URL as `--url`.

    Raises:
        ValueError: an option is not known.
    """
    left = iter(words)
    for word in left:
        if not word.startswith("-") or word == "-":
            yield "--url", word
        elif word in _IGNORED:
            yield word, ""
        elif word in _WITH_VALUE:
            value = next(left, None)
            if value is None:
                raise ValueError("an option of curl has no value")
            yield word, value
        elif not word.startswith("--") and word[:2] in _WITH_VALUE:
            yield word[:2], word[2:]
        elif not word.startswith("--") and all(f"-{letter}" in _IGNORED for letter in word[1:]):
            yield from ((f"-{letter}", "") for letter in word[1:])
        else:
            raise ValueError("an option of curl is not known here")


def _request(options: list[tuple[str, str]], piped: bytes | None) -> Request:
    method, target, version = "", "", "1.1"
    url = None
    headers: list[tuple[str, str]] = []
    removed = set()
    data: list[bytes] = []
    for name, value in options:
        if name in ("-X", "--request"):
            method = value
        elif name in ("-I", "--head"):
            method = method or "HEAD"
        elif name in ("-0", "--http1.0"):
            version = "1.0"
        elif name == "--url":
            if url is not None:
                raise ValueError("it has several URLs")
            url = value
        elif name == "--request-target":
            target = value
        elif name in ("-H", "--header"):
            header, is_value, text = value.partition(":")
            if is_value and text.strip(" \t"):
                headers.append((header, text.strip(" \t")))
            elif is_value:
                removed.add(header.lower())
            elif header.endswith(";"):
                headers.append((header[:-1], ""))
            else:
                raise ValueError("a header is not read: curl would take it from a file")
        elif name in _AS_HEADER:
            if _AS_HEADER[name] == "Cookie" and "=" not in value:
                raise ValueError("its cookies are in a file, which is not read")
            headers.append((_AS_HEADER[name], value))
        elif name in _DATA:
            data.append(_data(name, value, piped))
    if url is None:
        raise ValueError("it has no URL")
    there = {name.lower() for name, _ in headers}
    if data and "content-type" not in there | removed:
        json = any(name == "--json" for name, _ in options)
        headers.append(("Content-Type", "application/json" if json else "application/x-www-form-urlencoded"))
    return (
        method or ("POST" if data else "GET"),
        target or _path(url),
        version,
        tuple(headers),
        b"&".join(data),
    )


def _data(name: str, value: str, piped: bytes | None) -> bytes:
    if name != "--data-raw" and value.startswith("@"):
        if value != "@-" or piped is None:
            raise ValueError("its body is in a file, which is not read")
        # curl keeps line breaks and NULs of standard input for these two alone.
        return piped if name in ("--data-binary", "--json") else piped.translate(None, b"\r\n\0")
    return value.encode("latin-1")


def _path(url: str) -> str:
    """The request target that curl sends: path and query as written."""
    rest = url.partition("://")[2] if "://" in url else url
    found = _AFTER_HOST.search(rest.partition("#")[0])
    path = found[0] if found is not None else ""
    return path if path.startswith("/") else f"/{path}"
