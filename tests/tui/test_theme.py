"""Colours: readable on every surface, and surfaces that stay apart in a terminal with 256 colours."""

from __future__ import annotations

from itertools import combinations

import pytest
from rich.color import Color as TerminalColor
from rich.color import ColorSystem
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from tui.theme import DARK, LIGHT, THEMES

SURFACES = ("background", "surface", "panel", "row-cursor", "row-cursor-blurred", "row-marked")
TEXTS = ("foreground", "dim", "text-success", "text-error", "text-warning", "text-accent")
LEAST = 4.5
"""Contrast of text by WCAG 2, level AA."""


def colours(theme: Theme) -> dict[str, str]:
    app: App[None] = App()
    for each in THEMES:
        app.register_theme(each)
    app.theme = theme.name
    return app.get_css_variables()


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def in_256(colour: str) -> int:
    number = TerminalColor.parse(colour).downgrade(ColorSystem.EIGHT_BIT).number
    assert number is not None
    return number


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_is_readable_on_every_surface(theme: Theme) -> None:
    """Each tone has a contrast of at least 4.5 to 1, on rows under the cursor and marked ones too."""
    found = colours(theme)
    pairs = [(text, surface) for text in TEXTS for surface in SURFACES]
    pairs += [("text-error", "error-muted"), ("text-warning", "warning-muted")]
    weak = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in pairs}
    assert {pair: value for pair, value in weak.items() if value < LEAST} == {}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_surfaces_survive_256_colours(theme: Theme) -> None:
    """Rounded to the 256 colours of a plain terminal, no two surfaces are one, and none becomes black."""
    found = {name: in_256(colours(theme)[name]) for name in (*SURFACES, "border")}
    same = [pair for pair in combinations(found, 2) if found[pair[0]] == found[pair[1]]]
    assert same == []
    greys = ("background", "surface", "panel", "row-cursor-blurred", "border")
    assert [name for name in greys if found[name] < 231] == []


def test_tones_of_the_light_theme_have_hues() -> None:
    """Error, warning, success and accent differ from black and from each other by more than brightness."""
    found = colours(LIGHT)
    for name in ("text-error", "text-warning", "text-success", "text-accent"):
        parts = [int(found[name][at : at + 2], 16) for at in (1, 3, 5)]
        assert max(parts) - min(parts) >= 0x50, name
    assert DARK.variables["dim"] != LIGHT.variables["dim"]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_cursor_is_seen_without_colours(theme: Theme) -> None:
    """In the shades of grey of NO_COLOR the row under the cursor stands out, and so does a broken value."""
    found = {
        name: Color.parse(value).monochrome.r for name, value in colours(theme).items() if value[:1] == "#"
    }
    for row in ("row-cursor", "row-cursor-blurred"):
        assert abs(found[row] - found["background"]) >= 12, row
