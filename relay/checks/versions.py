"""The checks of versions: Python, the libraries, aiohttp's parser, SQLite."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

from relay.checks.findings import Finding, fault, ok, warning

PACKAGE = "lean-relay"

_FLOOR = re.compile(r"(?P<name>[\w.-]+)[^;]*>=(?P<version>[\d.]+)[^;]*", re.ASCII)
"""A requirement without a marker: one that every platform needs, and no extra adds."""


def floors(requirements: Iterable[str]) -> dict[str, str]:
    """Library -> the oldest version that works, of requirements as `aiohttp<4,>=3.14.5`."""
    found = (_FLOOR.fullmatch(each) for each in requirements)
    return {each["name"]: each["version"] for each in found if each is not None}


PYTHON_FLOOR = (3, 11)


def every() -> Iterator[Finding]:
    """Every check of a version; none needs settings."""
    yield python_version(sys.version_info[:3])
    for name, floor in floors(metadata.requires(PACKAGE) or ()).items():
        yield library(name, floor)
    yield http_parser()
    yield sqlite_version(sqlite3.sqlite_version)


def python_version(running: tuple[int, ...]) -> Finding:
    text = f"Python {'.'.join(map(str, running))}"
    if running >= PYTHON_FLOOR:
        return ok("python", text)
    return fault("python", f"{text} is too old", "install Python 3.11 or newer")


def library(name: str, floor: str) -> Finding:
    """Whether a library is installed, in a version that works."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return fault("library", f"{name} is not installed", f"install {name} {floor} or newer")
    if _numbers(version) < _numbers(floor):
        return fault("library", f"{name} {version} is older than {floor}", f"install {name} {floor} or newer")
    return ok("library", f"{name} {version}")


def _numbers(version: str) -> list[int]:
    """The leading numbers of a version: `4.2.1.dev3` -> [4, 2, 1]."""
    numbers = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return numbers


def http_parser() -> Finding:
    """Whether aiohttp parses requests with its C parser, which is strict and fast."""
    from aiohttp import http_parser as parser

    if parser.HttpRequestParser is not parser.HttpRequestParserPy:
        return ok("parser", "aiohttp's C parser")
    return fault(
        "parser",
        "aiohttp is running without its C parser",
        "install aiohttp from a wheel, and unset AIOHTTP_NO_EXTENSIONS",
    )


def sqlite_version(version: str) -> Finding:
    """Whether SQLite has the WAL-reset bug (3.7.0 to 3.51.2; fixed in 3.51.3, 3.50.7 and 3.44.6)."""
    numbers = _numbers(version)
    backported = any(numbers[:2] == fixed[:2] and numbers >= fixed for fixed in ([3, 50, 7], [3, 44, 6]))
    if numbers >= [3, 51, 3] or backported:
        return ok("sqlite", f"SQLite {version}")
    return warning(
        "sqlite",
        f"SQLite {version} has the WAL-reset bug: two connections that write and checkpoint at once can "
        "lose data; no danger here, since a single connection does both",
        "open the database read-only in other programs, or update SQLite to 3.51.3",
    )
