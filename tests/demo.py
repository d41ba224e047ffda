"""`make demo`: a relay between signed samples and a backend that fails now and then, without a Lean account.

Owns the processes that it starts, each ended by its own id, and a folder that is gone afterwards.
Runs the real commands and says each one before it runs it, so that a newcomer can repeat them.
Imports the standard library alone: `make demo` installs only what the program needs, none of the test tools.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SECRET = "demo-webhook-secret"
"""Made up: samples are signed with it, and the relay checks them by it."""

PATH = "/webhooks/lean"
"""Where the backend takes webhooks."""

HABITS = ("200", "200", "500", "200", "hang-up", "200")
"""The responses of the backend in turn; the last serves all further requests."""

STORY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("A customer connects a bank; Lean reports it:", ("entity.created", "results.ready")),
    ("A payment is made, and the backend fails on it:", ("payment.created", "payment.updated")),
    ("Another payment; this time the backend hangs up:", ("payment.updated",)),
)

WHILE_DOWN = (
    "payment_intent.created",
    "payment.created",
    "payment.updated",
    "--set",
    "payload.status=FAILED",
)

CLOSING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What was caught, and what became of it:", ("list",)),
    ("Where Lean would try again:", ("list", "verdict:retry")),
    ("Those once more, now that the backend is well:", ("forward", "verdict:retry", "--yes")),
    ("The newest one, whole:", ("show", "latest")),
)

BETWEEN_S = 1.2
"""Long enough to read a line."""

BACK_WITHIN_S = 20.0
"""The relay knocks at a backend that is down at least every 15 s."""


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
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_RUNTIME_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
            "LEAN_WEBHOOK_SECRET": SECRET,
            "LEAN_RELAY_DB": str(folder / "demo.db"),
        }

    def start(
        self, *arguments: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a command that stays."""
        return self.start_python("-m", "relay", *arguments, stdout=stdout, stderr=stderr)

    @contextlib.contextmanager
    def backend(self, port: int, *habits: str) -> Iterator[int]:
        """The backend, ready; gives the port that it listens on."""
        process = self.start_python("-m", "tests.support.backend", str(port), *habits, stdout=subprocess.PIPE)
        with ended(process):
            assert process.stdout is not None
            said = process.stdout.readline().split()
            if said[:1] != ["ready"]:
                raise SystemExit(f"the backend did not start (exit code {process.wait()})")
            yield int(said[1])

    def start_python(
        self, *arguments: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a program of this repository that stays."""
        return subprocess.Popen(
            [sys.executable, *arguments],
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

    def waiting(self) -> int:
        """The deliveries that wait for the backend, as `status` counts them."""
        process = self.start("status", "--json", stdout=subprocess.PIPE)
        with ended(process):
            status, _ = process.communicate()
        return sum(target["waiting"] for target in json.loads(status).get("targets", ()))

    def summary(self) -> str:
        """The contents of the database at the end, in a line."""
        process = self.start("list", "--all", "--json", stdout=subprocess.PIPE)
        with ended(process):
            listed, _ = process.communicate()
        captures = [json.loads(line) for line in listed.splitlines()]
        verdicts = [delivery["verdict"] for capture in captures for delivery in capture["deliveries"]]
        return (
            f"{len(captures)} captures, each answered 200 and kept; {len(verdicts)} deliveries to the backend"
            f", {verdicts.count('delivered')} taken, {verdicts.count('retry')} that Lean would have repeated."
        )


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
    with contextlib.ExitStack() as stack:
        with demo.backend(0, *HABITS) as port:
            target = f":{port}{PATH}"
            say(f"A small backend listens on port {port} in place of yours; it fails now and then.\n")
            say(f"$ lean-relay listen --port 0 --forward-to {target}")
            print("  (--port 0 is any free one; without it, 5326)", flush=True)
            listener = demo.start("listen", "--port", "0", "--forward-to", target, stdout=subprocess.PIPE)
            stack.enter_context(ended(listener))
            assert listener.stdout is not None
            url = listener.stdout.readline().strip()
            if not url:
                raise SystemExit(f"the relay did not start (exit code {listener.wait()})")
            print(url, flush=True)
            for words, arguments in STORY:
                say(f"\n{words}")
                demo.run("trigger", *arguments)
                time.sleep(pause_s)
        say("\nThe backend is stopped, as for a lunch break. Webhooks come all the same:")
        demo.run("trigger", *WHILE_DOWN)
        time.sleep(pause_s)
        say("\nLean has its 200, and nothing is lost:")
        demo.run("status")
        time.sleep(pause_s)
        say("\nThe backend is started again:")
        stack.enter_context(demo.backend(port))
        deadline = time.monotonic() + BACK_WITHIN_S
        while demo.waiting() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(pause_s)
        for words, arguments in CLOSING:
            say(f"\n{words}")
            demo.run(*arguments)
            time.sleep(pause_s)
        say(f"\n{demo.summary()}")


def main() -> int:
    """Tell it; Ctrl-C, SIGTERM or a terminal that closes ends it early. Nothing is left behind either way."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    quick = "--quick" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="lean-relay-demo-") as folder:
        try:
            tell(Demo(Path(folder)), pause_s=0.3 if quick else BETWEEN_S)
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):  # The terminal may be closed.
                say("\nended early; nothing was kept")
            return 130
        except BrokenPipeError:  # The reader (`| head`) has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
    say("\nThat was it; nothing of it was kept. Now yours: make run, with your own backend for --forward-to.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
