"""The terminal UI's only way out: reads the database here, and reaches the engine through `EngineClient`.

Reads that take microseconds run on the screen's own thread (a page of rows from a million captures: 1 ms);
everything else is awaited or runs in a thread, each with a connection of its own. Engine and database may
come and go: failures raise RelayError with a message for users.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar

from relay.config import Settings
from relay.control.address import curl
from relay.errors import RelayError
from relay.filters import Filter
from relay.models import Capture, CaptureRow, Refusal, RefusalTotals
from relay.store.read import counts, listing, refusals
from relay.store.read.counts import EventCount
from relay.store.read.filter_values import seen_values
from relay.store.read.journeys import SearchProgress, stopped
from relay.store.read.reader import Reader
from relay.store.read.search import Window, scan
from tui.gateway import capture_details, setup, state_file
from tui.gateway.comparison_task import ComparisonTask
from tui.gateway.copies import Copies
from tui.gateway.engine import EngineClient
from tui.gateway.journeys import Journeys
from tui.gateway.rehearsals import Rehearsals
from tui.gateway.replays import Replays
from tui.gateway.setup import Reread
from tui.presenters.blocks import Analysis, CaptureDetail
from tui.presenters.journey import CaptureJourney
from tui.presenters.setup import Setup
from tui.presenters.status import Status
from tui.state.completion import FilterValues, with_parents
from tui.state.screen_state import ScreenState

T = TypeVar("T")

AT_ONCE = 10_000
"""Most new captures that one poll adds to the list; with more, the list is read again in a thread."""

LOCKED_S = 0.1
"""How long the screen may block while another program has locked the database."""


class Listener(Protocol):
    """The receiving process, if this screen started one."""

    def new_lines(self) -> Sequence[str]:
        """Lines written to stderr since the last call."""

    def ended(self) -> str | None:
        """How it ended, such as `killed by SIGSEGV`; None while it runs."""

    @property
    def is_detached(self) -> bool:
        """Whether it continues after the screen."""

    def detach(self) -> None:
        """Let it continue after the screen."""


class Gateway:
    """One database and its engine, for one screen; a context manager."""

    def __init__(
        self, settings: Settings, listener: Listener | None = None, reread: Reread | None = None
    ) -> None:
        """Open the database.

        Args:
            reread: reads the settings again; without it, changed files are not noticed.

        Raises:
            NotFound: there is no database.
            RelayError: it cannot be read.
        """
        self.settings = settings
        self.db: Path = settings.db
        self.listener = listener
        self._begun_with, self._reread = settings, reread
        self._version = -1
        self._why_not_new: str | None = None
        """Why the file that has replaced the database cannot be read."""
        self._one_detail, self._one_analysis = Lock(), Lock()
        self._analysed: CaptureDetail | None = None
        self._copies = Copies()
        self._journeys = Journeys(self.db)
        self.engine = EngineClient(self.db, lambda: self.settings)
        self.replays = Replays(lambda: self.settings, self.engine.request)
        self.rehearsals = Rehearsals(lambda: self.settings, self.engine.request)
        self._rows, self._details, self._searches, self._counts = self._readers()

    def _readers(self) -> list[Reader]:
        """Connections for rows, details, searches and counts.

        Raises:
            RelayError: the database cannot be read.
        """
        readers = [Reader(self.db, wait_s=LOCKED_S)]
        try:
            readers += [Reader(self.db) for _ in range(3)]
        except RelayError:
            readers[0].close()
            raise
        return readers

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End running searches and close the connections."""
        self._journeys.stop()
        self._searches.interrupt()
        self._details.interrupt()
        self._counts.interrupt()
        with self._one_detail:
            for reader in (self._rows, self._details, self._searches, self._counts):
                reader.close()

    # -- the list ------------------------------------------------------------------------------

    def changed(self) -> bool:
        """Whether anything was committed since the last call; costs 50 microseconds."""
        version, self._version = self._version, self._rows.data_version()
        return version != self._version

    async def is_readable(self) -> bool:
        """Whether the database can be read."""
        with suppress(RelayError):
            await self._read(Reader.newest_id)
            return True
        return False

    async def _read(self, work: Callable[[Reader], T]) -> T:
        """Read in a thread, one at a time.

        Raises:
            RelayError: the database cannot be read, or `close` was called meanwhile.
        """
        return await asyncio.to_thread(self._read_in_turn, work)

    def _read_in_turn(self, work: Callable[[Reader], T]) -> T:
        with self._one_detail:
            try:
                return work(self._details)
            except sqlite3.OperationalError as error:
                raise stopped() from error

    def reopened(self) -> bool:
        """Reopen a database that another file has replaced; return whether one has.

        Until the new file can be read (an engine may be making its tables), the old one stays open.
        """
        self._why_not_new = None
        if not self._rows.is_replaced():
            return False
        try:
            readers = self._readers()
        except RelayError as error:
            self._why_not_new = str(error)
            return False
        self.close()
        self._rows, self._details, self._searches, self._counts = readers
        return True

    def missing(self) -> str | None:
        """Message about a database that was moved, deleted or replaced while its captures are still shown."""
        if self._why_not_new is not None:
            return f"The database was replaced; the captures shown are from before: {self._why_not_new}."
        if os.path.exists(self.db):
            return None
        return f"The database {self.db} was moved or deleted; the captures shown are from before."

    def span(self) -> listing.Span:
        """The oldest and the newest id."""
        return listing.span(self._rows)

    def newer(self, after: int) -> list[int]:
        """Ids above one, ascending, at most AT_ONCE."""
        return self._rows.page(after, AT_ONCE)

    def rows(self, ids: Sequence[int], *, summaries: bool = False) -> dict[int, CaptureRow]:
        """Rows by id, of those that exist; with the summaries of their events where asked for."""
        return listing.fetch(self._rows, ids, summaries=summaries)

    def arrivals(self, since: datetime, most: int) -> list[datetime]:
        """Times at which the newest captures were received, newest first."""
        return listing.arrivals(self._rows, since, most)

    def counted(self, span: listing.Span) -> tuple[Sequence[int] | None, EventCount]:
        """Ids of a span, ascending, or None where none is missing; and their counts.

        Takes some 0.4 s for a million: call it in a thread, one at a time.
        """
        if listing.is_dense(self._counts, span):
            captures = span.last - span.first + 1 if span.last else 0
            return None, counts.counted(self._counts, captures, span.last)
        ids = listing.all_ids(self._counts, span)
        return ids, counts.counted(self._counts, len(ids), span.last)

    def with_newer(self, counted: EventCount) -> EventCount:
        """The counts with newer captures added."""
        return counts.with_newer(self._rows, counted)

    def search(self, filter: Filter, *, before: int) -> Generator[Window, None, None]:
        """Yield matches below an id, newest first, window by window.

        Call it in a thread, one at a time; `stop_search` ends it.
        """
        yield from scan(self._searches, filter, before=before)

    def search_newer(self, filter: Filter, *, after: int, upto: int) -> list[int]:
        """Ids of matches above `after` up to `upto`, ascending. Call it in a thread."""
        found = scan(self._searches, filter, newest_first=False, after=after, before=upto + 1)
        return [number for window in found for number in window.ids]

    async def seen_values(self) -> FilterValues:
        """Values of the newest captures that a filter can look for."""
        found = await self._read(seen_values)
        # Beyond the captures that are read anyway nothing is counted, so a share is named as one.
        share = "" if found.is_all else f" of the newest {found.counted:,}"
        counts = found.counts | {"type": with_parents(found.counts["type"])}
        counts["signed"] = {source.name: 0 for source in self.settings.secrets} | counts["signed"]
        return {
            key: {value: f"{count:,}{share}" for value, count in of.items()} for key, of in counts.items()
        } | {key: dict.fromkeys(values, "") for key, values in found.names.items()}

    def stop_search(self) -> None:
        """End a search that runs in a thread, within a millisecond."""
        self._searches.interrupt()

    # -- refusals ------------------------------------------------------------------------------

    def newest_refusal(self) -> int:
        """The id of the newest refusal; 0 without one. Costs microseconds."""
        return refusals.newest_id(self._rows)

    async def refusals(self, after: int) -> tuple[list[Refusal], RefusalTotals]:
        """Refusals above an id, oldest first, and the totals."""
        return await self._read(lambda reader: (refusals.newer(reader, after), refusals.tally(reader)))

    # -- screen state --------------------------------------------------------------------------

    def load_state(self) -> ScreenState:
        """Load the saved state of the screen."""
        return state_file.load(self.db)

    async def save_state(self, state: ScreenState) -> None:
        """Save the state of the screen for the next start, where it can be written."""
        await asyncio.to_thread(state_file.save, self.db, state)

    def save_state_now(self, state: ScreenState) -> None:
        """The same, blocking for some milliseconds."""
        state_file.save(self.db, state)

    # -- one capture ---------------------------------------------------------------------------

    async def detail(self, number: int) -> CaptureDetail | None:
        """Read a capture and everything about it; None if it does not exist."""
        return await self._read(lambda reader: capture_details.detail(reader, self.settings, number))

    async def analysis(self, shown: CaptureDetail) -> Analysis | None:
        """Analyse a capture with a large body; None if it does not exist, or another was asked for since."""
        self._analysed = shown
        return await asyncio.to_thread(self._analysis, shown)

    def _analysis(self, shown: CaptureDetail) -> Analysis | None:
        with self._one_analysis:
            if self._analysed is not shown:
                return None  # Another was asked for before this one's turn.
            with Reader(self.db) as reader:
                return capture_details.analysis(reader, self.settings, shown)

    # -- settings ------------------------------------------------------------------------------

    async def setup(self, status: Status) -> Setup:
        """Look at the setup; from now on, the secrets found sign samples and rehearsals."""
        found, self.settings = await setup.look(self.settings, self._begun_with, status, self._reread)
        return found

    # -- copying -------------------------------------------------------------------------------

    def curl(self, capture: Capture) -> str:
        """A curl command that sends a capture again, its headers as given."""
        return curl(capture, self.settings)

    async def event_ids(self, ids: Sequence[int]) -> list[str]:
        """The event_ids of captures that have one."""
        return await self._read(lambda reader: listing.event_ids(reader, ids))

    async def save(self, name: str, data: bytes) -> Path:
        """Write a file that only this user can read; return its path.

        Raises:
            RelayError: it cannot be written.
        """
        return await asyncio.to_thread(self._copies.save, name, data)

    async def journey(self, number: int, place: int | None) -> CaptureJourney:
        """Find all captures of one of a capture's ids; `stop_journey` ends it.

        Args:
            place: which of the ids, the one with most captures first; any number, they wrap around. None
                takes the first.

        Raises:
            RelayError: it does not exist, has no ids, or the database cannot be read.
        """
        return await asyncio.to_thread(self._journeys.follow, number, place, self._journeys.stops)

    def journey_looking(self) -> SearchProgress | None:
        """Progress of the search for a journey."""
        return self._journeys.looking

    def stop_journey(self) -> None:
        """End the search within some milliseconds."""
        self._journeys.stop()

    def comparison_task(self, a: int, b: int | None) -> ComparisonTask:
        """Comparisons of two captures; without a second, with its partners."""
        return ComparisonTask(self.settings, a, b)


def interrupted(error: Exception) -> bool:
    """Whether a read failed because it was interrupted."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.ProgrammingError)
