"""What loading a part of the program brings in, seen by an interpreter that has loaded nothing yet."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
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


def modules_of(package: str) -> dict[str, Path]:
    """The modules of a package by their dotted names."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__":
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_version_loads_nothing_heavy() -> None:
    """`lean-relay --version` answers without a web server, a terminal library or a loop."""
    loaded = loaded_by("from relay.cli import run\nassert run(['--version']) == 0\nprint()")
    assert not loaded & set(HEAVY)


def test_commands_load_no_engine() -> None:
    """Commands that ask a running engine start without loading one."""
    names = ("annotate", "forward", "replay.command", "status", "stop", "verify", "shapes.command")
    loaded = loaded_by("\n".join(f"import relay.cli.{name}" for name in names))
    assert not loaded & {"relay.engine.engine", "relay.receiver.receiver", "sqlite_utils", "h11"}


def test_relay_loads_no_terminal_library() -> None:
    """All of `relay` can be loaded, and brings in neither Textual, Rich and `tui` nor the extra asyncpg."""
    loaded = loaded_by("\n".join(f"import {name}" for name in modules_of("relay")))
    assert not loaded & {"textual", "rich", "tui", "asyncpg"}


def test_the_screen_starts_without_what_opens_later() -> None:
    """The first screen needs no Markdown, no web server and no rehearsal: they load when asked for."""
    loaded = loaded_by("import relay.cli.tui, tui.app")
    assert not loaded & {"markdown_it", "aiohttp", "urllib.request", "relay.rehearsal.conductor"}


def test_all_of_the_screen_loads() -> None:
    """Each module of `tui` can be loaded."""
    assert loaded_by("\n".join(f"import {name}" for name in modules_of("tui"))) >= modules_of("tui").keys()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_load_nothing_that_opens(name: str) -> None:
    """What is pure loads no socket, database, thread or loop, not even by way of another module."""
    own = [module for module in modules_of("relay") if module == name or module.startswith(f"{name}.")]
    before = loaded_by("")
    loaded = loaded_by("\n".join(f"import {module}" for module in own)) - before
    assert not loaded & set(OPENING)


def late_types(text: str) -> list[int]:
    """Lines of a module at which msgspec may see a type of ours for the first time while threads run."""
    return [
        call.lineno
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("json.decode")
        if any(each.arg == "type" and ast.unparse(each.value) != "msgspec.Raw" for each in call.keywords)
    ]


def test_types_are_known_before_threads_run() -> None:
    """JSON is read by decoders that a module makes while it loads.

    msgspec 0.22 crashes where two threads use a type for the first time; so ended an engine.
    """
    found = {
        name: late_types(path.read_text("utf-8"))
        for package in ("relay", "tui")
        for name, path in modules_of(package).items()
    }
    assert not {name: lines for name, lines in found.items() if lines}
    assert late_types("def f(data):\n    return msgspec.json.decode(data, type=Mine)") == [2]  # The control.


def imported_at_the_top(path: Path) -> Iterator[str]:
    """What a module imports when it is loaded: dotted names, of modules or of names in them."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                waiting.extend(node.orelse)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                waiting.append(node)


def import_graph(paths: Mapping[str, Path]) -> dict[str, set[str]]:
    """Module -> the modules of ours that load with it; a package's `__init__` loads before what is in it."""
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        found = {each if each in paths else each.rpartition(".")[0] for each in imported_at_the_top(path)}
        around = {each.rsplit(".", up)[0] for each in found for up in range(1, each.count(".") + 1)}
        inside = {each for each in around if name == each or name.startswith(f"{each}.")}
        graph[name] = ((found | around) - inside - {name}) & paths.keys()
    return graph


def test_no_ring_of_imports() -> None:
    """No modules import each other in a ring, so any of them may be the first to be loaded."""
    paths = {name: path for package in ("relay", "tui") for name, path in modules_of(package).items()}
    TopologicalSorter(import_graph(paths)).prepare()


def test_a_ring_is_found(tmp_path: Path) -> None:
    """The control: imports in functions or for types alone make no ring, others do."""
    paths = {}
    for name, text in {
        "a": "import b",
        "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\ndef late():\n    import a",
        "c": "class Inside:\n    from d import e",
        "d": "try:\n    import c\nexcept ImportError:\n    pass",
    }.items():
        paths[name] = tmp_path / f"{name}.py"
        paths[name].write_text(text)
    TopologicalSorter(import_graph({name: paths[name] for name in "ab"})).prepare()
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph({name: paths[name] for name in "cd"})).prepare()


@pytest.mark.parametrize("package", ["relay", "tui"])
def test_typed(package: str) -> None:
    """Both packages say that they are typed."""
    assert Path(ROOT, package, "py.typed").is_file()
