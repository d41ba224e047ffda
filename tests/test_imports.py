"""What loading a part of the program brings in, seen by an interpreter that has loaded nothing yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ROOT

HEAVY = ("aiohttp", "textual", "rich", "sqlite_utils", "cryptography", "OpenSSL", "uvloop", "asyncio", "ssl")

OPENING = ("socket", "sqlite3", "asyncio", "aiohttp", "ssl", "subprocess", "threading")

PURE = ("relay.errors", "relay.models", "relay.text", "relay.filters", "relay.lean")


def loaded_by(code: str) -> set[str]:
    """The top-level and dotted names of all modules that a fresh interpreter has after running this."""
    script = f"import sys\n{code}\nimport json\njson.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def modules_of(package: str) -> list[str]:
    """The dotted names of a package's modules."""
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def test_version_loads_nothing_heavy() -> None:
    """`lean-relay --version` answers without a web server, a terminal library or a loop."""
    loaded = loaded_by("from relay.cli import run\nassert run(['--version']) == 0\nprint()")
    assert not loaded & set(HEAVY)


def test_relay_loads_no_terminal_library() -> None:
    """All of `relay` together brings in neither Textual nor Rich nor `tui`."""
    loaded = loaded_by("\n".join(f"import {name}" for name in modules_of("relay")))
    assert not loaded & {"textual", "rich", "tui"}


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_load_nothing_that_opens(name: str) -> None:
    """What is pure loads no socket, database, thread or loop, not even by way of another module."""
    own = [module for module in modules_of("relay") if module == name or module.startswith(f"{name}.")]
    before = loaded_by("")
    loaded = loaded_by("\n".join(f"import {module}" for module in own)) - before
    assert not loaded & set(OPENING)


@pytest.mark.parametrize("package", ["relay", "tui"])
def test_each_module_loads_first(package: str) -> None:
    """Any module may be the first to be imported: no ring of imports works by luck of order."""
    names = modules_of(package)
    loaded_by(
        f"from importlib import import_module\n"
        f"for name in {names!r}:\n"
        f"    for old in [old for old in sys.modules if old.partition('.')[0] in ('relay', 'tui')]:\n"
        f"        del sys.modules[old]\n"
        f"    import_module(name)"
    )


@pytest.mark.parametrize("package", ["relay", "tui"])
def test_typed(package: str) -> None:
    """Both packages say that they are typed."""
    assert Path(ROOT, package, "py.typed").is_file()
