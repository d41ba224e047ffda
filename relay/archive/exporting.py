"""Captures as the bytes of an export: NDJSON, curl lines, HTTP requests, or bodies as files.

Reads a page of captures at a time, so that a million of them need no more memory than a few. Owns what each
format holds; `relay.archive.redaction` replaces what is personal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import msgspec

from relay.archive.ndjson import VERSION, ExportEndLine, ExportLine, Redacted
from relay.archive.outputs import open_output
from relay.control.exchange import own_version
from relay.models import NOT_COMPARED, Attempt, Capture, iso
from relay.private_files import make_folder
from relay.store.read.attempts import of_capture
from relay.store.read.reader import Reader
from relay.text.export import curl_line, http_bytes, printf
from relay.text.safe import mask_attempt, mask_capture, visible_block


class Format(StrEnum):
    """The form of an export."""

    NDJSON = "ndjson"
    CURL = "curl"
    HTTP = "http"
    BODIES = "bodies"


class Redaction(Protocol):
    """Replaces what is personal in a capture."""

    @property
    def line(self) -> Redacted: ...
    @property
    def secret(self) -> str: ...
    def __call__(self, capture: Capture) -> Capture: ...


class Export:
    """One export: what it holds of each capture, and how many it has written."""

    def __init__(
        self,
        form: Format,
        *,
        at: datetime,
        reveal: bool = False,
        mask: Sequence[str] = (),
        url: str = "",
        redaction: Redaction | None = None,
    ) -> None:
        """
        Args:
            at: aware: the time of the export.
            reveal: whether the values of secret headers are in it.
            mask: names of further secret headers.
            url: where curl lines send to.
        """
        self.captures = 0
        """Number written until now."""
        self._form = form
        self._at = at
        self._reveal = reveal
        self._mask = mask
        self._url = url
        self._redaction = redaction

    def data(self, reader: Reader, captures: Iterable[Capture]) -> Iterator[bytes]:
        """The bytes of a file with these captures, in pieces."""
        if self._form is Format.NDJSON:
            yield json_line(self.head())
        elif self._form is Format.CURL:
            yield b"# " + json_line(self.head())
        for capture in captures:
            self.captures += 1
            yield from self._written(reader, capture)
        if self._form is Format.NDJSON:
            yield json_line(ExportEndLine(captures=self.captures))

    def head(self) -> ExportLine:
        """The first line of a file."""
        redaction = self._redaction
        headers = "redacted" if redaction else "revealed" if self._reveal else "masked"
        return ExportLine(
            version=VERSION,
            program=f"lean-relay {own_version()}",
            exported_at=iso(self._at),
            headers=headers,
            redacted=redaction.line if redaction else None,
            secret=redaction.secret if redaction else None,
        )

    def _written(self, reader: Reader, capture: Capture) -> Iterator[bytes]:
        shown = self._shown(capture)
        match self._form:
            case Format.NDJSON:
                yield json_line(shown.as_json())
                if self._redaction is None and any(each.attempts for each in capture.deliveries):
                    for attempt in of_capture(reader, capture.id):
                        yield json_line(self._attempt(attempt).as_json() | dict(NOT_COMPARED))
            case Format.CURL:
                line = curl_line(shown, shown.headers, self._url, lambda: printf(shown.body))
                yield visible_block(line).encode() + b"\n"
            case Format.HTTP:
                yield http_bytes(shown, shown.headers)
            case Format.BODIES:
                yield shown.body

    def _shown(self, capture: Capture) -> Capture:
        if self._redaction is not None:
            return self._redaction(capture)
        return capture if self._reveal else mask_capture(capture, self._mask)

    def _attempt(self, attempt: Attempt) -> Attempt:
        return attempt if self._reveal else mask_attempt(attempt, self._mask)

    def write_bodies(self, captures: Iterable[Capture], folder: Path) -> None:
        """Write each body to a file of its own, named after the capture's id: `12.json`.

        Raises:
            OSError: a file cannot be written.
        """
        make_folder(folder)
        for capture in captures:
            self.captures += 1
            with open_output(folder / f"{capture.id}.json") as file:
                file.write(self._shown(capture).body)


def json_line(line: dict[str, Any] | msgspec.Struct) -> bytes:
    """One line, in ASCII."""
    return json.dumps(line if isinstance(line, dict) else msgspec.to_builtins(line)).encode() + b"\n"


def is_one_of(path: str | os.PathLike[str], files: Iterable[Path]) -> bool:
    """Whether a path leads to one of these files."""
    for file in files:
        try:
            if os.path.samefile(path, file):
                return True
        except OSError:
            continue
    return False
