"""`import`: stores the captures of files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from relay.archive.importing import Store, Tally, as_if, bundle_name, import_items, through
from relay.archive.reading import BadLine, ImportFile
from relay.cli.advice import say
from relay.cli.context import Invocation, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.cli.progress import Progress
from relay.config import Settings, read_secrets
from relay.errors import NotFound, RelayError
from relay.store.read.bundles import bundle_secrets
from relay.store.read.reader import Reader
from relay.text.captures import captures
from relay.text.safe import visible

NAMED = 10
"""Bad lines of a file that are named; the rest is counted."""

MOST_NAME = 200


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Store nothing; say what would be stored.")
@shared_options
@click.pass_obj
def import_command(invocation: Invocation, files: tuple[str, ...], dry_run: bool) -> None:
    """Store the captures of files: `import payments.ndjson`. `-` is stdin.

    Reads what `export` writes as ndjson or curl, bodies of events, and entries or pages of Lean's webhook log
    and Events API. Imported captures have the origin `imported` and are never forwarded by themselves. What
    was imported before is not imported again. Lines that cannot be read are named and passed over; then the
    exit code is 1.
    """
    settings = invocation.settings()
    secrets = read_secrets(settings, warn=say)
    bad = run_async(_import_all(invocation, settings, files, secrets, dry_run=dry_run))
    if bad:
        raise RelayError(
            f"{bad} line{'' if bad == 1 else 's'} could not be read; all others were",
            word="bad-lines",
        )


async def _import_all(
    invocation: Invocation,
    settings: Settings,
    files: tuple[str, ...],
    secrets: Mapping[str, bytes],
    *,
    dry_run: bool,
) -> int:
    """Import each file and print the result; return the number of bad lines."""
    with ExitStack() as until:
        reader = until.enter_context(Reader(settings.db)) if settings.db.exists() else None
        bundles = bundle_secrets(reader) if reader is not None else {}
        if dry_run:
            return await _each(invocation, files, secrets, bundles, as_if(reader), dry_run=True)
    from relay.engine import access  # loads the web server, which only this needs

    async with access.connect(settings) as send:
        return await _each(invocation, files, secrets, bundles, through(send), dry_run=False)


async def _each(
    invocation: Invocation,
    files: tuple[str, ...],
    secrets: Mapping[str, bytes],
    bundles: dict[str, bytes],
    store: Store,
    *,
    dry_run: bool,
) -> int:
    bad = 0
    for name in files:

        def name_bundle(secret: str, file: str = name) -> str:
            found = bundle_name(file, secret, bundles)
            bundles[found] = secret.encode()
            return found

        with _opened(name) as file, _Report(name, json=invocation.json) as report:
            items = ImportFile(file, _shown_name(name), secrets, name_bundle).items()
            tally = await import_items(items, store, report.add)
        report.end(tally, dry_run=dry_run)
        bad += tally.bad
    return bad


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115  Closed below.
    except OSError as error:
        raise NotFound(f"could not read {name}: {error.strerror}") from error
    with file:
        yield file


def _shown_name(name: str) -> str:
    """The file's name as it is stored: without its folder, in UTF-8."""
    return Path(name).name.encode("utf-8", "replace").decode()[:MOST_NAME] if name != "-" else "stdin"


class _Report:
    """Says what became of one file; a context manager for the progress."""

    def __init__(self, name: str, *, json: bool) -> None:
        self._name = visible(_shown_name(name))
        self._json = json
        self._progress = Progress()
        self._bad = 0

    def __enter__(self) -> _Report:
        self._progress.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._progress.__exit__(*exception)

    def add(self, news: BadLine | Tally) -> None:
        """Print a bad line, or the progress."""
        if isinstance(news, Tally):
            self._progress.show(f"imported {captures(news.added)}")
            return
        self._bad += 1
        if self._json:
            print_json({"kind": "bad_line", "file": self._name, "line": news.number, "reason": news.reason})
        elif self._bad <= NAMED:
            say(f"{self._name}, line {news.number}: {news.reason}")

    def end(self, tally: Tally, *, dry_run: bool) -> None:
        if self._json:
            line = {"kind": "import", "file": self._name, "added": tally.added, "known": tally.known}
            print_json(line | {"bad": tally.bad, "bundle": tally.bundle, "dry_run": dry_run})
            return
        if tally.bad > NAMED:
            say(f"{self._name}: {tally.bad - NAMED} more lines could not be read")
        words = f"{'would import' if dry_run else 'imported'} {captures(tally.added)} of {self._name}"
        if tally.known:
            words += f"; {captures(tally.known)} {'was' if tally.known == 1 else 'were'} here already"
        words += f"; signed with its own secret, {tally.bundle}" if tally.bundle and tally.added else ""
        click.echo(words)
