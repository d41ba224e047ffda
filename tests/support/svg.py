"""Pictures of the screen as SVG that stands alone: nothing in it is fetched from elsewhere."""

from __future__ import annotations

import re

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TEXT = re.compile(
    r'(<text [^>]*?x=")([\d.]+)(" [^>]*?textLength=")([\d.]+)("[^>]*>)'
    r"((?:&#160;)+)([^<]*?)((?:&#160;)*)(</text>)"
)
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_FAMILY = "ui-monospace, 'SFMono-Regular', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def standalone(svg: str) -> str:
    """An exported picture without web fonts and comments.

    Blanks at the beginning of a text become its place: some programs leave them out.
    """
    svg = _COMMENT.sub("", _FONTS.sub("", svg))
    svg = re.sub(r"font-family: ?[^;\"]+;", f"font-family: {_FAMILY};", svg)
    return _TEXT.sub(_placed, svg)


def _placed(found: re.Match[str]) -> str:
    before, x, between, length, tag, blanks, text, after, end = found.groups()
    if not text:
        return ""
    cells = (len(blanks) + len(after)) // len("&#160;") + len(re.sub(r"&[^;]+;", " ", text))
    cell = float(length) / cells
    left, right = len(blanks) // len("&#160;"), len(after) // len("&#160;")
    x = f"{float(x) + left * cell:.1f}"
    return f"{before}{x}{between}{float(length) - (left + right) * cell:.1f}{tag}{text}{end}"
