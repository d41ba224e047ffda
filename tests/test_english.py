"""Messages and help are plain English: a list of phrases that they must not contain.

Looks at the string literals of both packages. Docstrings count only where click prints them as help.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PLAIN = {
    r"(?<![Tt]here )\bis no (?!longer\b|more\b)": "is not a valid ..., is not ...",
    r"\banew\b": "again",
    r"\bbeside\b": "next to, with, while",
    r"\bheld against\b": "compared with, checked against",
    r"\bbefell\b": "happened",
    r"\bshall\b": "must, will",
    r"\bconfess": "mark",
    r"\b[Nn]obody\b": "no process, no one; or another sentence",
    r"\b[Ww]hoever\b": "anybody who",
    r"\b(?:lets?|letting) go\b": "ends, releases, resumes",
    r"\bsen[dt]s? (?:it |them )?on(?: to)?\b(?! )": "forward",
    r"\bso (?:many|long) (?:seconds|bytes)\b": "this many, this long",
    r"\bone after the other\b": "sequentially, one at a time",
    r"\bsecrets? of now\b|\btargets of now\b": "current",
    r"^What (?:is|was|were|are) [^?]*$": "a noun phrase, or a sentence with subject and verb",
}
"""Pattern -> what to write instead."""

PACKAGES = ("relay", "tui")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module that people may read, with their lines; docstrings only of commands."""
    tree = ast.parse(path.read_text("utf-8"))
    silent: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or (isinstance(node, ast.FunctionDef) and _is_command(node)):
            continue
        # A string that is a statement is a docstring, of the module, a class, a function or the name before.
        silent |= {id(part.value) for part in body if isinstance(part, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value


def _is_command(function: ast.FunctionDef) -> bool:
    names = {
        part.attr
        for each in function.decorator_list
        for part in ast.walk(each)
        if isinstance(part, ast.Attribute)
    }
    return bool(names & {"command", "group"})


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_and_help_are_plain(package: str) -> None:
    """No message or help text has one of the phrases that a colleague would not say."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()[:90]!r} -> {instead}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in texts(path)
        for pattern, instead in PLAIN.items()
        if re.search(pattern, text)
    ]
    assert not found, "\n".join(found)


def test_the_phrases_are_found(tmp_path: Path) -> None:
    """The control: messages, f-strings and the help of commands are searched, docstrings are not."""
    module = tmp_path / "module.py"
    module.write_text(
        '"""It is no docstring of a command."""\n'
        'raise ValueError(f"{text!r} is no size")\n'
        "@click.command()\n"
        "def wait():\n"
        '    """Begin anew."""\n'
    )
    found = {text for _, text in texts(module) if any(re.search(each, text) for each in PLAIN)}
    assert found == {" is no size", "Begin anew."}
