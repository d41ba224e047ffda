"""The program with less patience: an attempt without a response holds up the next for a fifth of a second."""

from __future__ import annotations

from relay.cli import main
from relay.delivery import attempt

attempt.HOLDS_UP_S = 0.2

if __name__ == "__main__":
    main()
