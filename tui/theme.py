"""The dark and the light theme. Styles use roles such as `warning`; only this file defines colours."""

from __future__ import annotations

from textual.theme import Theme

# Greys have next to no hue: only those stay greys, and not black, where a terminal rounds to 256 colours.
DARK = Theme(
    name="lean-dark",
    dark=True,
    primary="#5fb3a1",
    secondary="#7aa2c9",
    accent="#8fb8f0",
    success="#7fc98b",
    warning="#e2b562",
    error="#ee7b7b",
    foreground="#d5dbe0",
    background="#111315",
    surface="#1b1e20",
    panel="#262a2d",
    variables={
        "footer-key-foreground": "#5fb3a1",
        "block-cursor-text-style": "none",
        "dim": "#a6afb6",
        "error-muted": "#5a2a2c",
        "row-cursor": "#1f4740",
        "row-cursor-blurred": "#303438",
        "row-marked": "#1e2c40",
        "border": "#4a5056",
        "scrollbar": "#565c62",
        "scrollbar-background": "#1b1e20",
        "scrollbar-corner-color": "#1b1e20",
    },
)

LIGHT = Theme(
    name="lean-light",
    dark=False,
    primary="#0b6e5b",
    secondary="#37618e",
    accent="#1f5fae",
    success="#1b7a35",
    warning="#8a5a00",
    error="#b3261e",
    foreground="#1c2227",
    background="#f6f7f8",
    surface="#ffffff",
    panel="#eaecee",
    variables={
        "footer-key-foreground": "#0b6e5b",
        "block-cursor-text-style": "none",
        "dim": "#56616a",
        "text-success": "#146c2e",
        "text-error": "#b3261e",
        "text-warning": "#8a4b00",
        "text-accent": "#1f5fae",
        "text-primary": "#0b6e5b",
        "error-muted": "#f6d5d2",
        "warning-muted": "#f3e3c0",
        "row-cursor": "#bfe6d9",
        "row-cursor-blurred": "#dde1e4",
        "row-marked": "#dbe7f6",
        "border": "#c1c6ca",
        "scrollbar": "#c2cad1",
        "scrollbar-background": "#f0f2f4",
        "scrollbar-corner-color": "#f0f2f4",
    },
)

THEMES = (DARK, LIGHT)

TONES: dict[str, str] = {
    "plain": "",
    "dim": "$dim",
    "strong": "bold",
    "good": "$text-success",
    "bad": "bold $text-error",
    "warn": "$text-warning",
    "accent": "$text-accent",
}
"""Tone -> style of a piece of text."""
