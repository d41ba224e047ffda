"""Warnings about secrets that cannot be the one in Lean's dashboard; they never contain the secret.

The secret is used as it is all the same, as only its owner knows it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category

_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}

_ASSIGNED = re.compile(r"\s*(?:export\s+|set\s+|\$env:)?[A-Za-z_][A-Za-z0-9_]+\s*=(?!=*\s*$)", re.ASCII)
"""`NAME=value`, as a line of an .env file has it. A text that ends in `=` is base64."""


def problems(secret: bytes) -> Iterator[str]:
    """Problems of a secret: `is in quotes, which count as part of the secret; leave them out`."""
    if secret.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in secret:
        yield "contains NUL bytes or a UTF-16 mark, as Windows saves text, which count; save it as UTF-8"
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
        yield "has several lines, which all count as part of the secret; keep the right one"
    elif any(category(c) in ("Cc", "Cf", "Co", "Cn") or (category(c) == "Zs" and c != " ") for c in text):
        yield "contains invisible characters, which count as part of the secret; copy it again"
