"""`make demo`: a relay, a stream of signed samples and what it caught, without a Lean account.

Owns the processes that it starts, each ended by its own id, and a folder that is gone afterwards.
Runs the real commands and says each one before it runs it, so that a newcomer can repeat them.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.running import ROOT

SECRET = "demo-webhook-secret"
"""Made up: samples are signed with it, and the relay checks them by it."""

STORY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("A customer connects a bank; Lean reports it:", ("entity.created", "results.ready")),
    (
        "A payment is made, and the bank accepts it:",
        ("payment_intent.created", "payment.created", "payment.updated"),
    ),
    ("Another one fails:", ("payment.updated", "--set", "payload.status=FAILED")),
)

CLOSING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What was caught:", ("list",)),
    ("Only failed payments:", ("list", "body.payload.status:FAILED")),
    ("The newest one, whole:", ("show", "latest")),
)

BETWEEN_S = 1.2
"""Long enough to read a line."""


class Demo:
    """The demo's folder, environment and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("LEAN_")
        } | {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_RUNTIME_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
            "LEAN_WEBHOOK_SECRET": SECRET,
            "LEAN_RELAY_DB": str(folder / "demo.db"),
        }

    def start(
        self, *arguments: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a command that stays."""
        return subprocess.Popen(
            [sys.executable, "-m", "relay", *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            # Ctrl-C reaches this process alone, which then ends the others in order.
            start_new_session=True,
        )

    def run(self, *arguments: str) -> None:
        """Say a command and run it to its end."""
        say(f"$ lean-relay {shlex.join(arguments)}")
        process = self.start(*arguments)
        with ended(process):
            process.wait()


def say(text: str) -> None:
    """A line of the demo's own, set apart where the terminal can."""
    styled = f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else text
    print(styled, flush=True)


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """The process is gone when the context is."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(6)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def tell(demo: Demo, *, pause_s: float) -> None:
    """The whole demo, once."""
    say("$ lean-relay listen --port 0        (the port is any free one; without it, 5326)")
    listener = demo.start("listen", "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with ended(listener):
        assert listener.stdout is not None
        url = listener.stdout.readline().strip()
        if not url:
            raise SystemExit(f"the relay did not start (exit code {listener.wait()})")
        print(f"{url}\n", flush=True)
        say("$ lean-relay tail                   (in another terminal: captures as they come)\n")
        with ended(demo.start("tail")):
            time.sleep(pause_s)
            for words, arguments in STORY:
                say(f"\n{words}")
                demo.run("trigger", *arguments)
                time.sleep(pause_s)
        for words, arguments in CLOSING:
            say(f"\n{words}")
            demo.run(*arguments)
            time.sleep(pause_s)


def main() -> int:
    """Tell it; Ctrl-C ends it early. Nothing is left behind either way."""
    quick = "--quick" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="lean-relay-demo-") as folder:
        try:
            tell(Demo(Path(folder)), pause_s=0.3 if quick else BETWEEN_S)
        except KeyboardInterrupt:
            say("\nended early; nothing was kept")
            return 130
        except BrokenPipeError:  # The reader (`| head`) has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
    say("\nThat was it; nothing of it was kept. Now yours: make run, and give Lean a URL (README).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
