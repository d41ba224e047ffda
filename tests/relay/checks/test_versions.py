"""Versions: Python, libraries, aiohttp's parser, SQLite."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from relay.checks import versions


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.40.1", "warning"),
        ("3.51.2", "warning"),
        ("3.51.3", "ok"),
        ("3.52.0", "ok"),
        ("4.0.0", "ok"),
        ("3.50.7", "ok"),
        ("3.50.6", "warning"),
        ("3.44.6", "ok"),
        ("3.44.5", "warning"),
        ("3.45.9", "warning"),
    ],
)
def test_sqlite_versions_with_the_wal_reset_fault(version: str, level: str) -> None:
    """SQLite below 3.51.3 is warned of, but for the two lines that have the correction."""
    finding = versions.sqlite_version(version)
    assert finding.level == level
    assert ("no danger here" in finding.text) == (level == "warning")


def test_versions_are_held_against_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old, missing or odd version of a library, or an old Python, is told from one that will do."""
    assert versions.python_version((3, 11, 0)).level == "ok"
    assert versions.python_version((3, 10, 9)).level == "fault"
    for version, level in (
        ("3.14.5", "ok"),
        ("3.14.10", "ok"),
        ("3.14.4", "fault"),
        ("4.0.0rc1", "ok"),
        ("3", "fault"),
    ):
        monkeypatch.setattr(metadata, "version", lambda name, version=version: version)
        assert versions.library("aiohttp", "3.14.5").level == level
    monkeypatch.undo()
    assert versions.library("no-such-library-here", "1").text == "no-such-library-here is not installed"


def test_floors_are_those_of_the_package() -> None:
    """The floors that are checked are the ones that installing asks for."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert tuple(map(int, project["requires-python"].removeprefix(">=").split("."))) == versions.PYTHON_FLOOR
    everywhere = [line for line in project["dependencies"] if ";" not in line]
    floors = versions.floors(project["dependencies"])
    assert len(floors) == len(everywhere)
    for name, floor in floors.items():
        (line,) = (line for line in everywhere if re.match(rf"{name}\b(?!-)", line))
        assert re.search(rf">={floor}(,|$)", line)
    assert versions.floors(["aiohttp<4,>=3.14.5", "web>=1; extra == 'web'"]) == {"aiohttp": "3.14.5"}


def test_aiohttp_without_its_c_parser_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser written in Python takes what the other refuses, so it will not do."""
    from aiohttp import http_parser

    assert versions.http_parser().level == "ok"
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    assert versions.http_parser().level == "fault"
