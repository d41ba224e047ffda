"""Reads what `import` takes: exports, curl lines, events, and what Lean's webhook log and Events API hold.

Streams: at most one line, one curl command or one document is in memory. Owns how to tell the forms apart,
and that what cannot be read is named by its line and costs nothing else. Believes nothing that it can work
out (`relay.archive.imported`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import BinaryIO

import msgspec

from relay.archive import curl
from relay.archive.imported import MOST_ATTEMPTS, MOST_BYTES, Checker, of_event, of_line, of_request
from relay.archive.lines import MOST_LINE_BYTES, lines
from relay.archive.ndjson import (
    VERSION,
    AttemptLine,
    CaptureLine,
    ExportLine,
    attempt_of,
    capture_of,
    end_of,
    export_of,
    kind_of,
)
from relay.archive.shell_words import commands
from relay.lean.records import BARE, Wrapping, unwrapped
from relay.models.imports import BundleSecret, ImportedCapture

MOST_DOCUMENT_BYTES = 64 * 1024 * 1024
"""Largest file that is one JSON value over several lines."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was passed over."""

    number: int
    """1 for the first line of the file."""
    reason: str
    """Our own words; quotes nothing of the line."""


Item = ImportedCapture | BadLine | BundleSecret
"""A secret comes before the captures that it signed."""

NameBundle = Callable[[str], str]
"""Finds the name of a bundle in this database, by its secret."""


class ImportFile:
    """One file, or standard input."""

    def __init__(
        self, file: BinaryIO, name: str, secrets: Mapping[str, bytes], name_bundle: NameBundle
    ) -> None:
        """
        Args:
            name: of the file, as sources will have it.
            secrets: of the settings.
        """
        self._file = file
        self._name = name
        self._secrets = secrets
        self._name_bundle = name_bundle
        self._checker = Checker(name, secrets)
        self._in_export: int | None = None
        """Captures since an export's first line; None outside of one."""
        self._number = 0
        """Of the line that is being read."""

    def items(self) -> Iterator[Item]:
        """The captures, secrets and bad lines of the file, in order."""
        first = next(iter(lines(self._file)), None)
        if first is None:
            yield BadLine(1, "the file is empty")
            return
        number, line = first
        if line is not None:
            line = line.removeprefix(_BOM)
            if curl.begins(line):
                yield from self._of_curl(line)
                return
            if line and not _is_json(line):
                yield from self._of_document(line)
                return
        yield from self._of_lines(chain([(number, line)], lines(self._file, after=number)))

    # -- one JSON value over several lines -----------------------------------------------------

    def _of_document(self, first: bytes) -> Iterator[Item]:
        start = b"".join((first, b"\n", self._file.read(MOST_DOCUMENT_BYTES)))
        if _is_json(start):
            self._number = 1
            yield from self._of_events(start)
            return
        found = False
        bad: list[BadLine] = []
        start += self._file.readline(MOST_LINE_BYTES)  # to the end of a line
        for item in self._of_lines(chain(lines(BytesIO(start)), lines(self._file, after=start.count(b"\n")))):
            if isinstance(item, BadLine) and not found:
                bad = bad or [BadLine(1, "it is not in a form that import reads")]
                continue
            if not found:
                found = True
                yield from bad
            yield item
        if not found:
            yield from bad

    # -- JSON lines ----------------------------------------------------------------------------

    def _of_lines(self, numbered: Iterator[tuple[int, bytes | None]]) -> Iterator[Item]:
        capture: CaptureLine | None = None
        attempts: list[AttemptLine] = []
        at = size = 0
        for number, line in numbered:
            self._number = number
            if line is None:
                yield BadLine(number, "the line is too long")
                continue
            if not line.strip():
                continue
            try:
                kind = kind_of(line).kind
            except (ValueError, RecursionError):
                kind = None
            if kind == "attempt":
                try:
                    attempt = attempt_of(line)
                    if capture is None or attempt.capture_id != capture.id:
                        raise ValueError("the attempt belongs to no capture before it")
                    size += len(line)
                    if len(attempts) >= MOST_ATTEMPTS or size > MOST_BYTES:
                        raise ValueError("the capture before it has too many attempts, or too large ones")
                    attempts.append(attempt)
                except (ValueError, RecursionError) as error:
                    yield BadLine(number, _why(error))
                continue
            if capture is not None:
                yield self._finished(at, capture, attempts)
                capture, attempts = None, []
            if kind == "capture":
                try:
                    capture, at, size = capture_of(line), number, len(line)
                except (ValueError, RecursionError) as error:
                    yield BadLine(number, _why(error))
                if self._in_export is not None:
                    self._in_export += 1
            elif kind == "export":
                yield from self._begin_export(line)
            elif kind == "export_end":
                yield from self._end_export(line)
            elif isinstance(kind, str) and not _has_event(line):
                yield BadLine(number, "a line of this kind is not imported")
            else:
                yield from self._of_events(line)
        if capture is not None:
            yield self._finished(at, capture, attempts)
        if self._in_export is not None:
            yield BadLine(self._number + 1, "the last line of the export is missing, so it may be cut short")

    def _finished(self, number: int, capture: CaptureLine, attempts: list[AttemptLine]) -> Item:
        try:
            return of_line(capture, attempts, self._checker)
        except (ValueError, RecursionError) as error:
            return BadLine(number, _why(error))

    def _begin_export(self, line: bytes) -> Iterator[Item]:
        try:
            export = export_of(line)
        except (ValueError, RecursionError) as error:
            yield BadLine(self._number, _why(error))
            return
        if export.version > VERSION:
            yield BadLine(self._number, f"the export is of a later form, {export.version}; update lean-relay")
        self._in_export = 0
        yield from self._take_over(export)

    def _take_over(self, export: ExportLine) -> Iterator[BundleSecret]:
        """Read what holds for all captures of an export."""
        bundle = None
        if export.secret is not None:
            name = self._name_bundle(export.secret)
            bundle = name, export.secret.encode()
            yield BundleSecret(name=name, secret=export.secret)
        headers = export.headers if export.headers in ("masked", "redacted") else None
        self._checker = Checker(self._name, self._secrets, bundle=bundle, headers=headers)

    def _end_export(self, line: bytes) -> Iterator[BadLine]:
        had, self._in_export = self._in_export, None
        try:
            said = end_of(line).captures
        except (ValueError, RecursionError) as error:
            yield BadLine(self._number, _why(error))
            return
        if had is not None and said != had:
            yield BadLine(self._number, f"the export had {said} captures, and {had} are in the file")

    def _of_events(self, text: bytes) -> Iterator[Item]:
        for found in unwrapped(text):
            if found.body.lstrip()[:1] != b"{":
                yield BadLine(self._number, "it is not an event")
                continue
            if not _is_json(found.body):
                yield BadLine(self._number, "it is not JSON")
                continue
            form = BARE if found.wrapping is Wrapping.NONE else str(found.wrapping)
            try:
                yield of_event(found.body, self._checker, form=form)
            except ValueError as error:
                yield BadLine(self._number, _why(error))

    # -- curl ----------------------------------------------------------------------------------

    def _of_curl(self, first: bytes) -> Iterator[Item]:
        if first.startswith(b"# {"):
            self._number = 1
            yield from self._begin_export(first[2:])
        for number, command in commands(chain([(1, first)], lines(self._file, after=1))):
            try:
                if command is None:
                    raise ValueError("the command is too long, or its quotes do not end")
                yield of_request(*curl.request(command), self._checker)
            except ValueError as error:
                yield BadLine(number, _why(error))


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True


def _has_event(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line).get("payload"), dict)
    except (ValueError, RecursionError):
        return False


def _why(error: Exception) -> str:
    """Why a line is not read; msgspec's words quote no values."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        return f"{text[:1].lower()}{text[1:200]}"
    if isinstance(error, msgspec.DecodeError):
        return "it is not JSON"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)
