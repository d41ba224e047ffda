"""What a whole run of `make torture` came to, in one line."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

ROUNDS = float(os.environ.get("ROUNDS") or 1)
"""How many times the usual number of rounds: `make torture ROUNDS=10`."""


def rounds(usual: int) -> int:
    """The rounds of one test; one at least."""
    return max(1, round(usual * ROUNDS))


@dataclass(slots=True)
class Totals:
    """Sums over all tests; those of negative controls are not in them."""

    acked: int = 0
    lost: int = 0
    kills: int = 0
    power_cuts: int = 0
    malformed: int = 0
    hostile: int = 0
    p99_ms: list[float] = field(default_factory=list)
    """Of each test that measured one while it pressed."""
    peak_bytes: int = 0
    not_run: dict[str, str] = field(default_factory=dict)
    """Test -> why."""

    def add(self, *, acked: int = 0, lost: int = 0, kills: int = 0, power_cuts: int = 0) -> None:
        """Count what one test came to."""
        self.acked += acked
        self.lost += lost
        self.kills += kills
        self.power_cuts += power_cuts

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
            words.append(f"p99 {max(self.p99_ms):.1f} ms")
        if self.peak_bytes:
            words.append(f"peak memory {self.peak_bytes / 2**20:.0f} MiB")
        return "; ".join(words)


TOTALS = Totals()
