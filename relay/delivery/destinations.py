"""Where targets are and how TLS is spoken there: one maker, whoever sends.

Owns how settings, and what a command says itself, become destinations. Reads no file and resolves no name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from relay.config import Settings
from relay.delivery.http.request import Destination, destination


class TargetTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one command says of TLS to its targets, in place of the settings; paths are absolute."""

    insecure: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def over(self, settings: Settings) -> Settings:
        """The settings with these in place of theirs; what is not said stays as they have it."""
        changed = settings
        if self.insecure or self.ca is not None:
            changed = replace(changed, insecure=self.insecure, target_ca=_path(self.ca))
        if self.cert is not None:
            changed = replace(changed, target_cert=Path(self.cert), target_key=_path(self.key))
        elif self.key is not None:
            changed = replace(changed, target_key=Path(self.key))
        return changed


def destinations(targets: Iterable[str], settings: Settings) -> dict[str, Destination]:
    """Destinations by the targets' names, in that order.

    Raises:
        ValueError: one is no target, with what to write instead.
    """
    tls = settings.target_tls
    return {target: destination(target, **tls) for target in targets}


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
