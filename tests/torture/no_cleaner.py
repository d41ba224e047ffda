"""The program with a planted fault: untrusted text goes to the terminal as it came. For a control alone."""

from __future__ import annotations

import sys

from relay.text import safe


def _as_it_came(text: str) -> str:
    return text


if __name__ == "__main__":
    # Before the modules that take these by name are loaded.
    setattr(safe, "visible", _as_it_came)  # noqa: B010 - mypy forbids assigning to a module's function
    setattr(safe, "visible_block", _as_it_came)  # noqa: B010
    from relay.cli import run

    sys.exit(run(sys.argv[1:]))
