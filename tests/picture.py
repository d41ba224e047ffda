"""`python -m tests.picture`: the README's picture of the screen, drawn by the screen itself.

Everything in it is made up (`tests.support.morning`), and the file needs nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.program import ROOT
from tests.support.still import still
from tests.support.svg import standalone

FILE = ROOT / ".github/lean-relay.svg"
SIZE = (112, 32)


async def picture(folder: Path) -> str:
    """The screen with a payment whose amount came as a text, and the response to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        async with still(folder, patch, size=SIZE) as see:
            await see.press(*["k"] * 4)
            await see.shows("#11 ", '"250.00"')
            await see.pilot.pause(0.3)
            return standalone(see.pilot.app.export_screenshot(title="lean-relay"))


def main() -> int:
    """Draw it again."""
    with tempfile.TemporaryDirectory(prefix="lean-relay-picture-") as folder:
        drawn = asyncio.run(picture(Path(folder)))
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(drawn, encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)}: {len(drawn):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
