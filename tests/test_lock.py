"""The locked versions belong to pyproject.toml, name hashes and leave nothing open; read offline."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? \\")
HASHED = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def locked(name: str) -> dict[str, str]:
    """The packages of one lock file and their versions; each of its lines is checked on the way."""
    found: dict[str, str] = {}
    hashes = 0
    for line in (ROOT / ".ci" / "lock" / f"{name}.txt").read_text().splitlines():
        if pinned := PINNED.fullmatch(line):
            assert hashes or not found, f"{list(found)[-1]} has no hash"
            assert pinned["name"] not in found, f"{pinned['name']} is locked twice"
            found[pinned["name"]] = pinned["version"]
            hashes = 0
        elif HASHED.fullmatch(line):
            hashes += 1
        else:
            assert line.lstrip().startswith("#"), f"neither a version, a hash nor a comment: {line}"
    assert hashes, f"the last package of {name}.txt has no hash"
    return found


def group(name: str) -> list[str]:
    """The requirements of a dependency group, with those of the groups that it includes."""
    entries: list[Any] = PROJECT["dependency-groups"][name]
    plain = [entry for entry in entries if isinstance(entry, str)]
    return plain + [
        one for entry in entries if isinstance(entry, dict) for one in group(entry["include-group"])
    ]


RUN = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"], *group("build")]
"""The requirements that `make run` installs."""


@pytest.mark.parametrize(("name", "wanted"), [("run", RUN), ("dev", RUN + group("dev"))], ids=["run", "dev"])
def test_requirements_are_locked(name: str, wanted: list[str]) -> None:
    """Each requirement of pyproject.toml is locked to a version that satisfies it."""
    versions = locked(name)
    for requirement in map(Requirement, wanted):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {name}.txt; run `make lock`"
        assert requirement.specifier.contains(version), (
            f"{name}.txt locks {requirement.name} to {version}, pyproject.toml wants {requirement.specifier}"
        )


def test_both_files_agree() -> None:
    """The tools come on top of the program's own versions and change none of them."""
    run, dev = locked("run"), locked("dev")
    assert {package: dev.get(package) for package in run} == run


@pytest.mark.parametrize("name", ["run", "dev"])
def test_requirements_of_requirements_are_locked(name: str) -> None:
    """A locked package needs nothing that is not locked, as far as it is installed here."""
    versions = locked(name)
    seen = 0
    for package in versions:
        try:
            needs = metadata.requires(package) or []
        except metadata.PackageNotFoundError:
            continue  # Another platform's, or an older Python's.
        seen += 1
        for requirement in map(Requirement, needs):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in versions, f"{package} needs {requirement}"
    assert seen >= len(PROJECT["project"]["dependencies"])
