"""Reads the throwaway secrets that came with imported files."""

from __future__ import annotations

from collections.abc import Mapping

from relay.models import Capture
from relay.models.imports import BUNDLE
from relay.store.read.reader import Reader


def bundle_secrets(reader: Reader) -> dict[str, bytes]:
    """All of them, by name: `bundle:NAME`."""
    found = reader.rows(
        "SELECT name, value FROM facts WHERE name >= ? AND name < ?", (BUNDLE, f"{BUNDLE}\U0010ffff")
    )
    return {name: value.encode() for name, value in found}


def secrets_of(
    capture: Capture, secrets: Mapping[str, bytes], bundles: Mapping[str, bytes]
) -> Mapping[str, bytes]:
    """The secrets that may check and sign a capture: its bundle's only if it came in that bundle."""
    name = capture.source.bundle if capture.source is not None else None
    return {**secrets, name: bundles[name]} if name is not None and name in bundles else secrets
