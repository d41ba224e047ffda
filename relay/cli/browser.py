"""Opens an address in the user's browser without writing it into an argument list.

Every user of a machine can read the arguments of all its programs, and the address lets a browser in. So the
browser is given a file that only this user can read, whose page leads on to the address.
"""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress

from platformdirs import user_state_path

from relay import private_files
from relay.cli.context import PROGRAM


class BrowserPage:
    """The file that leads to the address."""

    def __init__(self) -> None:
        self._path = user_state_path(PROGRAM, appauthor=False) / f"browser-{os.getpid()}.html"

    def open(self, address: str) -> bool:
        """Write it and open the browser; return whether there is one to open.

        Raises:
            OSError: it could not be written, or the opener not started.
        """
        opener = _opener()
        if opener is None:
            return False
        address = html.escape(address)
        page = (
            f'<!doctype html><meta charset="utf-8"><title>{PROGRAM}</title>'
            f'<meta http-equiv="refresh" content="0; url={address}"><a href="{address}">Open the screen</a>'
        )
        private_files.make_folder(self._path.parent)
        private_files.replace(self._path, page.encode())
        browser = subprocess.Popen(
            [opener, self._path.as_uri()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("LEAN_")},
            start_new_session=True,
        )
        threading.Thread(target=browser.wait, name="browser", daemon=True).start()  # It leaves no zombie.
        return True

    def remove(self) -> None:
        """Remove the file, which is of no use once the address was opened."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _opener() -> str | None:
    """The program of the desktop that opens a file in the user's browser."""
    if sys.platform == "darwin":
        return shutil.which("open")
    on_a_desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if on_a_desktop else None
