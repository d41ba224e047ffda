"""`shapes export` through the generators that people use: real ones, on the lines of the manual.

Skipped, in words, where they cannot be installed.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relay.docs.pages import page
from relay.lean.catalogue import catalogue
from relay.lean.samples import Sampler
from tests.support.factories import NOON
from tests.support.program import ROOT

MANUAL = page("shapes")


def manual_line(tool: str) -> list[str]:
    """The line of the manual that starts so, as words."""
    return next(line for line in MANUAL.splitlines() if line.startswith(tool)).split("  #")[0].split()


def called(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds the exported schema, and a sample of each type."""
    export = [sys.executable, "-m", "relay", "shapes", "export", "-o", str(tmp_path / "lean.schema.json")]
    assert called(export, ROOT).returncode == 0
    sampler = Sampler(random.Random(1), lambda: NOON, "UAE")
    samples = [json.loads(sampler.body(event.type)) for event in catalogue().events]
    (tmp_path / "samples.json").write_text(json.dumps(samples))
    return tmp_path


def test_pydantic(folder: Path) -> None:
    """The models take a sample of each type, and refuse a drift."""
    venv = folder / "venv"
    assert called([sys.executable, "-m", "venv", str(venv)], folder).returncode == 0
    made = called([str(venv / "bin/pip"), "install", "-q", "datamodel-code-generator", "pydantic"], folder)
    if made.returncode:
        pytest.skip(f"datamodel-code-generator cannot be installed here: {made.stderr[-200:]}")
    tool, *arguments = manual_line("datamodel-codegen ")
    done = called([str(venv / "bin" / tool), *arguments], folder)
    assert done.returncode == 0, done.stderr
    (folder / "use.py").write_text(
        "import json\n"
        "from lean_events import LeanEvent, PaymentUpdatedPayload\n"
        "for sample in json.load(open('samples.json')):\n"
        "    event = LeanEvent.model_validate(sample).root\n"
        "    assert event.type == sample['type']\n"
        "try:\n"
        "    PaymentUpdatedPayload.model_validate({'id': 5})\n"
        "except ValueError:\n"
        "    print('refused')\n"
    )
    used = called([str(venv / "bin/python"), "use.py"], folder)
    assert used.stdout == "refused\n", used.stderr


def test_typescript(folder: Path) -> None:
    """The types compile in strict mode, and tell the types of events apart."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed here")
    made = called(["npm", "install", "--silent", "json-schema-to-typescript", "typescript"], folder)
    if made.returncode:
        pytest.skip(f"json-schema-to-typescript cannot be installed here: {made.stderr[-200:]}")
    done = called(manual_line("npx json-schema-to-typescript "), folder)
    assert done.returncode == 0, done.stderr
    (folder / "use.ts").write_text(
        'import type { LeanEvent } from "./lean-events";\n'
        "export function amount(event: LeanEvent): number | null {\n"
        '  return event.type === "payment.updated" ? event.payload.amount : null;\n'
        "}\n"
    )
    compiled = called(["npx", "tsc", "--noEmit", "--strict", "use.ts"], folder)
    assert compiled.returncode == 0, compiled.stdout
    wrong = (folder / "use.ts").read_text().replace(": number | null", ": string | null")
    (folder / "use.ts").write_text(wrong)
    assert called(["npx", "tsc", "--noEmit", "--strict", "use.ts"], folder).returncode != 0
