"""Secrets that cannot be what Lean shows in its dashboard: what is odd about one, never the secret.

Owns the words for each. A secret is used as it stands, as only its owner knows it; these are warnings. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category

_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}

_ASSIGNED = re.compile(r"\s*(?:export\s+|set\s+|\$env:)?[A-Za-z_][A-Za-z0-9_]+\s*=(?!=*\s*$)", re.ASCII)
"""`NAME=value`, as a line of an .env file has it. What ends in `=` is base64."""


def doubts(secret: bytes) -> Iterator[str]:
    """What is odd about a secret: `is in quotes, which count as part of the secret; leave them out`."""
    if secret.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in secret:
        yield "has NUL bytes or a UTF-16 mark in it, as Windows saves text, which count; save it as UTF-8"
        return
    if secret.startswith(b"\xef\xbb\xbf"):
        yield "begins with a byte order mark, which counts as part of the secret; save it without one"
        secret = secret[3:]
    text = secret.decode("utf-8", "replace")
    if text != text.strip():
        yield "begins or ends with white space, which counts as part of the secret; leave it out"
        text = text.strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        yield "is in quotes, which count as part of the secret; leave them out"
        text = text[1:-1]
    if _ASSIGNED.match(text):
        yield "begins with a name and `=`, as in an .env file, which count as well; keep what follows the `=`"
    if "\n" in text or "\r" in text:
        yield "has several lines, which all count as the secret; keep the one that it is"
    elif any(category(c) in ("Cc", "Cf", "Co", "Cn") or (category(c) == "Zs" and c != " ") for c in text):
        yield "has invisible characters in it, which count as part of the secret; copy it again"
