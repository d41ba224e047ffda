"""The programs in the manual work as they are written: fixture, test, workflow and loop."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest

from relay.docs.pages import page
from tests.support.backends import Backend, backend, replies
from tests.support.program import Process, environment, lean_relay, running, working_folder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PAGE = page("replay")


def block(language: str, number: int = 0) -> str:
    """A block of the page."""
    return str(re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE)[number])


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def there() -> Iterator[Backend]:
    with backend(replies()) as answering:
        yield answering


@pytest.fixture
def variables(tmp_path: Path, there: Backend) -> Mapping[str, str]:
    """A PATH where `lean-relay` is the one under test, and a backend."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "lean-relay", f'#!/bin/sh\nexec {sys.executable} -m relay "$@"\n')
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return environment(tmp_path, PATH=path, BACKEND=f"http://localhost:{there.port}/webhooks/lean")


def test_the_fixture_and_its_test(tmp_path: Path, variables: Mapping[str, str], there: Backend) -> None:
    """pytest collects both as they are, and the webhook reaches the backend twice."""
    work = working_folder(tmp_path)
    (work / "conftest.py").write_text(block("python"))
    (work / "test_payments.py").write_text(block("python", 1))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", str(work)],
        cwd=work,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert len(there.requests) == 2


def test_the_fixture_is_short() -> None:
    """It is no longer than what somebody reads before pasting it."""
    assert len(block("python").splitlines()) <= 30


def test_the_workflow(tmp_path: Path, variables: Mapping[str, str], there: Backend) -> None:
    """Its script replays a redacted file, signed for this backend, and writes a report."""
    work = working_folder(tmp_path)
    (work / "tests").mkdir()
    with running(tmp_path / "elsewhere", secret="another") as relay:
        folder, db = relay.folder, str(relay.db)
        assert lean_relay(folder, "trigger", "payment.created", "entity.created", "--db", db).returncode == 0
        wait_until(lambda: len(lean_relay(folder, "list", "--db", db).stdout.splitlines()) == 2, "both")
        done = lean_relay(folder, "export", "--redact", "-o", str(work / "tests/webhooks.ndjson"), "--db", db)
        assert done.returncode == 0, done.stderr
    program(work / "start-backend", "#!/bin/sh\n")
    script = dedent(block("yaml").partition("- run: |\n")[2])
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=work, env=variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ElementTree.parse(work / "report.xml").getroot().tag == "testsuites"
    assert sum(request.startswith(b"POST /webhooks/lean ") for request in there.requests) >= 2


def test_the_loop(tmp_path: Path, variables: Mapping[str, str]) -> None:
    """It runs a command with each webhook that matches, as it comes."""
    with running(tmp_path) as relay:
        work = working_folder(tmp_path)
        program(work / "on-payment", "#!/bin/sh\ncat >> payments\n")
        env = {**variables, "LEAN_RELAY_DB": str(relay.db)}
        with Process[str](
            ["bash", "-c", block("bash")], cwd=work, env=env, start_new_session=True
        ) as process:
            payments = work / "payments"

            def came() -> bool:
                lean_relay(tmp_path, "trigger", "payment.updated", "--db", str(relay.db))
                return payments.exists() and b'"type": "payment.updated"' in payments.read_bytes()

            wait_until(came, "a payment")
            os.killpg(process.pid, signal.SIGTERM)
        assert relay.stop() == 0
