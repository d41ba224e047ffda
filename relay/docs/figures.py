"""Figures that `make bench` measured: the form of its JSON file, and the same in words.

Pure but for `published`, which reads the file that comes with the manual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

import msgspec

FILE = "figures.json"
"""The run that the manual quotes, in this folder."""


class Spread(msgspec.Struct, frozen=True):
    """Values of several rounds."""

    median: float
    min: float
    max: float


class Value(msgspec.Struct, frozen=True):
    """A figure of one contender."""

    contender: str
    figure: Spread
    ratio: Spread | None = None
    """To the base in the same round; None for the base itself, and where there is none."""


class Figure(msgspec.Struct, frozen=True):
    name: str
    unit: str
    values: tuple[Value, ...]

    def of(self, contender: str) -> Value | None:
        return next((each for each in self.values if each.contender == contender), None)


class Comparison(msgspec.Struct, frozen=True):
    """A table: contenders measured in the same rounds."""

    name: str
    """Stable, for finding it: `receive`."""
    title: str
    base: str | None
    rounds: int
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

    @property
    def contenders(self) -> list[str]:
        """In the order in which they were named."""
        return list(dict.fromkeys(value.contender for each in self.figures for value in each.values))


class Machine(msgspec.Struct, frozen=True):
    cores: int
    processor: str
    memory_bytes: int
    system: str
    """Operating system and kernel."""
    python: str
    sqlite: str
    load_generator: str
    load_before: tuple[float, float, float]
    """Load averages of 1, 5 and 15 minutes."""
    load_after: tuple[float, float, float]


class Result(msgspec.Struct, frozen=True):
    """One run of `make bench`."""

    made_at: str
    """UTC, ISO 8601."""
    commit: str
    """As Git describes it, with `-dirty` for a changed tree; empty outside a clone."""
    arguments: tuple[str, ...]
    machine: Machine
    comparisons: tuple[Comparison, ...]

    def find(self, name: str) -> Comparison | None:
        return next((each for each in self.comparisons if each.name == name), None)


_RESULT = msgspec.json.Decoder(Result)


def published() -> Result:
    """The run that the manual quotes."""
    return _RESULT.decode(files("relay.docs").joinpath(FILE).read_bytes())


# -- in words --------------------------------------------------------------------------------------


def format_number(value: float) -> str:
    """Three digits or all before the point: `14,203`, `97.4`, `0.98`, `0.004`."""
    places = next((places for least, places in ((100, 0), (10, 1), (0.1, 2)) if value >= least), 3)
    return f"{value:,.{places}f}" if value else "0"


def format_spread(spread: Spread) -> str:
    """`0.98 (0.91 to 1.02)`; without the brackets where all values are the same."""
    middle, low, high = map(format_number, (spread.median, spread.min, spread.max))
    return middle if low == high else f"{middle} ({low} to {high})"


def format_value(value: Value | None) -> str:
    """The ratio with its spread, then the median; without a ratio the median with its spread."""
    if value is None:
        return "-"
    if value.ratio is None:
        return format_spread(value.figure)
    return f"{format_spread(value.ratio)} · {format_number(value.figure.median)}"


def format_machine(machine: Machine) -> str:
    return (
        f"{machine.cores} cores ({machine.processor}), {machine.memory_bytes / 2**30:.0f} GiB,"
        f" {machine.system}, Python {machine.python}, SQLite {machine.sqlite}"
    )


def format_run(result: Result) -> str:
    """When, on what and how long it was measured."""
    rounds = max((each.rounds for each in result.comparisons), default=0)
    commit = f" at {result.commit}" if result.commit else ""
    load, cores = result.machine.load_before[0], result.machine.cores
    return (
        f"Measured on {result.made_at[:10]}{commit}, {rounds} round{'s' if rounds != 1 else ''}, on"
        f" {format_machine(result.machine)}; load average {load:.2f} before."
        + (" The machine was busy with other work, so these figures are rough." if load > cores / 2 else "")
    )


def heading(comparison: Comparison) -> str:
    """The title, with the unit where all figures have the same."""
    units = {figure.unit for figure in comparison.figures}
    return f"{comparison.title}, {units.pop()}" if len(units) == 1 else comparison.title


def grid(comparison: Comparison) -> Iterator[Sequence[str]]:
    """Rows of cells, the heads first; figures are rows where they outnumber the contenders."""
    names = comparison.contenders
    one_unit = len({figure.unit for figure in comparison.figures}) == 1
    labels = [each.name if one_unit else f"{each.name}, {each.unit}" for each in comparison.figures]
    cells = [[format_value(figure.of(name)) for figure in comparison.figures] for name in names]
    if len(labels) > len(names):
        yield ["", *names]
        yield from ([label, *column] for label, *column in zip(labels, *cells, strict=True))
    else:
        yield ["", *labels]
        yield from ([name, *row] for name, row in zip(names, cells, strict=True))
