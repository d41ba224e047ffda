"""The result of a check: ok, a warning or a fault, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    check: str
    level: Level
    text: str
    next_step: str | None = None
    """The remedy; None where none is needed."""

    def as_json(self) -> dict[str, str | None]:
        return check_as_json(self.check, self.level, self.text, self.next_step)


def check_as_json(check: str, level: str, text: str, next_step: str | None) -> dict[str, str | None]:
    """The JSON line of a check; `level` is `ok`, `warning` or `fault`."""
    return {"kind": "check", "check": check, "level": level, "text": text, "next_step": next_step}


def ok(check: str, text: str) -> Finding:
    return Finding(check=check, level="ok", text=text)


def warning(check: str, text: str, next_step: str) -> Finding:
    return Finding(check=check, level="warning", text=text, next_step=next_step)


def fault(check: str, text: str, next_step: str) -> Finding:
    return Finding(check=check, level="fault", text=text, next_step=next_step)
