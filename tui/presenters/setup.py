"""The first screen: what is set up, what is missing, and the line to type for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from relay.checks.findings import Finding
from relay.control.messages import TargetStatus
from relay.text.safe import visible
from tui.keyboard.keymap import Keymap
from tui.presenters.format import Piece, Tone, wrapped
from tui.presenters.status import Status

State = Literal["done", "open", "wrong"]

_GLYPHS: dict[State, Piece] = {"done": ("✓", "good"), "open": ("○", "warn"), "wrong": ("✗", "bad")}

_STATES: dict[str, State] = {"ok": "done", "warning": "open", "fault": "wrong"}

NAME_CELLS = 12

LEAST_CELLS = 20
"""Cells of a text, however narrow the window is."""

RELOAD = "then: lean-relay reload"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the setup: secret, backend, public URL or database."""

    name: str
    state: State
    text: str
    step: str = ""
    """A command to type, or another step to do; shown where it is not done."""


def part(name: str, findings: Sequence[Finding], *, reload: bool = False) -> Part:
    """The worst finding of a check, the last one among equals, as a part.

    Args:
        reload: a running engine reads its settings again only after `lean-relay reload`.
    """
    worst = max(reversed(findings), key=lambda each: list(_STATES).index(each.level))
    step = worst.next_step or ""
    if step and reload:
        step = f"{step}, {RELOAD}"
    return Part(name, _STATES[worst.level], worst.text, step)


def backend(targets: Sequence[TargetStatus]) -> Part:
    """Where the running engine forwards to."""
    name = "backend"
    if not targets:
        step = (
            "start again with --forward-to :3000/webhooks/lean; or set `forward` in the settings, " + RELOAD
        )
        return Part(name, "open", "none: webhooks are stored and not forwarded", step)
    down = [each for each in targets if each.state == "down"]
    if down:
        text = f"{down[0].target} is down: {down[0].reason or 'no reason known'}"
        return Part(name, "wrong", text, "start your backend; webhooks wait for it")
    return Part(name, "done", ", ".join(f"{each.target} ({each.state})" for each in targets))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The parts of the setup; none before the first look."""

    parts: tuple[Part, ...] = ()
    signs: bool = False
    """A webhook secret is set, so that samples are signed."""


def steps(setup: Setup, status: Status, url: str, keys: Keymap, width: int) -> Iterator[Piece]:
    """The first screen.

    Args:
        url: where the relay listens, or would.
        width: cells.
    """
    if status.node is not None and status.team is None:
        yield "Webhooks are shared with the team and not stored here; --follow shows them.\n\n", "strong"
    else:
        yield "No webhooks received yet.\n\n", "strong"
    if status.public_url:
        yield "Lean posts to  ", "dim"
        yield f"{visible(status.public_url)}\n", "accent"
    yield "Listening on   ", "dim"
    yield f"{visible(url)}", "accent"
    yield f"   {keys.written('relay.copy_url')} copies the URL to give Lean\n\n", "dim"
    yield keys.written("relay.trigger"), "accent"
    signed = "signed as Lean would" if setup.signs else "unsigned, because no webhook secret is set"
    yield f" posts a sample, {signed}   ", "plain"
    yield keys.written("help"), "accent"
    yield " shows all keys\n\n", "plain"
    for each in setup.parts:
        yield from _part(each, width)


def _part(each: Part, width: int) -> Iterator[Piece]:
    glyph, tone = _GLYPHS[each.state]
    yield f"{glyph} ", tone
    yield each.name.ljust(NAME_CELLS), "strong"
    indent = " " * (NAME_CELLS + 2)
    room = max(width - len(indent), LEAST_CELLS)
    shown: list[tuple[str, Tone]] = [(line, "plain") for line in wrapped(visible(each.text), room)]
    if each.state != "done":
        shown += [(line, "dim") for line in wrapped(visible(each.step), room)]
    for at, (line, line_tone) in enumerate(shown):
        yield f"{indent if at else ''}{line}\n", line_tone
