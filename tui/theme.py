"""The dark and the light theme. Styles use roles such as `warning`; only this file defines colours."""

from __future__ import annotations

from textual.theme import Theme

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
    background="#101418",
    surface="#151a1f",
    panel="#1d242b",
    variables={
        "footer-key-foreground": "#5fb3a1",
        "block-cursor-text-style": "none",
        "dim": "#87939d",
        "row-cursor": "#1f4740",
        "row-cursor-blurred": "#232b33",
        "row-marked": "#1e2c40",
        "border": "#2c353e",
        "scrollbar": "#2f3942",
        "scrollbar-background": "#151a1f",
        "scrollbar-corner-color": "#151a1f",
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
    panel="#e9edf0",
    variables={
        "footer-key-foreground": "#0b6e5b",
        "block-cursor-text-style": "none",
        "dim": "#5d6871",
        "row-cursor": "#c9e4dd",
        "row-cursor-blurred": "#e1e7eb",
        "row-marked": "#dbe7f6",
        "border": "#c5ced6",
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
