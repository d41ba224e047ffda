"""Results of `make torture`: of each part what was tried and failed, and of a whole run one line."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

ROUNDS = float(os.environ.get("ROUNDS") or 1)
"""How many times the usual number of rounds: `make torture ROUNDS=10`."""


def rounds(usual: int) -> int:
    """The rounds of one test; one at least."""
    return max(1, round(usual * ROUNDS))


@dataclass(slots=True)
class Figures:
    """Sums; those of negative controls are not in them."""

    acked: int = 0
    lost: int = 0
    kills: int = 0
    power_cuts: int = 0
    malformed: int = 0
    hostile: int = 0
    p99_ms: float = 0.0
    """The largest of those that were measured under load; 0 where none was."""
    peak_bytes: int = 0

    def add(self, other: Figures) -> None:
        """Add what another part came to."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            is_peak = each.name in ("p99_ms", "peak_bytes")
            setattr(self, each.name, max(mine, theirs) if is_peak else mine + theirs)

    def line(self) -> str:
        """`acked A, found A, lost 0; kills K; ...`; what no test measured is left out."""
        found = self.acked - self.lost
        words = [f"acked {self.acked:,}, found {found:,}, lost {self.lost:,}"] if self.acked else []
        counts = {
            "kills": self.kills,
            "power cuts": self.power_cuts,
            "malformed": self.malformed,
            "hostile strings": self.hostile,
        }
        words += [f"{name} {count:,}" for name, count in counts.items() if count]
        if self.p99_ms:
            words.append(f"p99 {self.p99_ms:.1f} ms")
        if self.peak_bytes:
            words.append(f"peak memory {self.peak_bytes / 2**20:.0f} MiB")
        return "; ".join(words)


@dataclass(slots=True)
class Part:
    """Results of one test; it travels from the worker that ran it to the process that prints."""

    tried: int = 0
    failed: int = 0
    figures: Figures = field(default_factory=Figures)
    said: list[str] = field(default_factory=list)
    """More about it."""
    controls: list[str] = field(default_factory=list)

    def count(self, tried: int, failed: int = 0, **figures: float) -> None:
        """Add to what was tried and failed, and to the figures."""
        self.tried += tried
        self.failed += failed
        self.figures.add(Figures(**figures))  # type: ignore[arg-type]

    def say(self, *words: object) -> None:
        """Print it below the part's line."""
        self.said += map(str, words)

    def control(self, what: str, tried: int, failed: int) -> None:
        """Note the negative control, which has to fail."""
        self.controls.append(f"control, {what}: {tried:,} tried, {failed:,} failed, as it has to")

    def plain(self) -> dict[str, Any]:
        """For a report that is sent between processes."""
        return asdict(self)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Part:
        """The part that `plain` was made of."""
        return cls(**{**plain, "figures": Figures(**plain["figures"])})

    def lines(self, name: str, outcome: str, seconds: float) -> list[str]:
        """The lines that are printed of it."""
        heading = f"{name}: {self.tried:,} tried, {self.failed:,} failed"
        if outcome != "passed":
            heading += f"; {outcome.upper()}"
        figures = self.figures.line()
        return [
            f"{heading} ({seconds:.0f} s){f': {figures}' if figures else ''}",
            *(f"    {line}" for words in (*self.said, *self.controls) for line in words.splitlines()),
        ]


@dataclass(slots=True)
class Row:
    """Tests outside of `tests/torture` that are counted together."""

    tried: int = 0
    failed: int = 0


@dataclass(slots=True)
class Totals:
    """Results of a whole run."""

    figures: Figures = field(default_factory=Figures)
    rows: dict[str, Row] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    """What -> why."""

    def lines(self) -> list[str]:
        """The last lines of a run."""
        rows = [
            f"{name}: {row.tried:,} tests tried, {row.failed:,} failed" for name, row in self.rows.items()
        ]
        closing = [self.figures.line()] if self.figures != Figures() else []
        return [*rows, *closing, *(f"not run: {what}: {why}" for what, why in self.not_run.items())]
