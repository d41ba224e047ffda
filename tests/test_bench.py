"""The form of what `make bench` finds: medians and ratios, tables that fit a terminal, JSON that comes back.

Nothing is timed here.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from relay.docs import figures, tables
from relay.docs.figures import Comparison, Result, Spread
from relay.docs.pages import page
from tests.bench import __main__ as program
from tests.bench import beside, load, table, wrk
from tests.bench.generator import (
    Measure,
    NotAnsweredError,
    Pressed,
    Rounds,
    Server,
    always,
    recorded,
    resting,
)
from tests.bench.result import Plan, Samples, result
from tests.support.backends import backend, closes_unheard
from tests.support.lean_requests import a_body, a_request, many_requests, signed
from tests.support.program import Process, Running
from tests.support.waiting import until, wait_until


def a_comparison() -> Comparison:
    """Two rounds of three contenders."""
    samples = Samples("receive", "Stored and answered", "base", notes=["relay: 3 answered 200, 3 stored"])
    for relay, base in ((9_000.0, 10_000.0), (11_000.0, 10_000.0)):
        samples.add("answered", "per second", "relay", relay)
        samples.add("answered", "per second", "base", base)
        samples.add("p99", "ms", "base", 2.0)
        samples.add("p99", "ms", "relay", 3.0)
    samples.add("p99", "ms", "once", 5.0)
    return samples.comparison(["base", "relay"])


def a_result(*comparisons: Comparison) -> Result:
    return result(comparisons or [a_comparison()], ["--rounds", "2"], (0.1, 0.2, 0.3))


def test_ratios_are_of_each_round() -> None:
    """A ratio is of the two of a round; the base has none, nor has what was measured in other rounds."""
    rate, late = a_comparison().figures
    assert [value.contender for value in rate.values] == ["base", "relay"]
    base, relay = rate.values
    assert base.ratio is None
    assert relay.figure == Spread(10_000, 9_000, 11_000)
    assert relay.ratio == Spread(1.0, 0.9, 1.1)
    once = late.of("once")
    assert once is not None
    assert once.ratio is None
    assert rate.of("once") is None
    assert a_comparison().rounds == 2


def test_a_base_measured_beside_each_contender() -> None:
    """The ratio is to the mean of the base just before and after; its own figure has all of its values."""
    samples = Samples("x", "X", "base")
    speeds = iter((100, 90, 140, 300, 160))
    server = Server((), ())

    def press(server: Server, **_: object) -> Pressed:
        return Pressed((load.measured(array("d", [0.1] * next(speeds)), other=0, seconds=1.0),), ())

    turns = dict.fromkeys(("first", "base", "second"), always(server))
    measure = Measure(recorded(samples, ("answered", "per second", "per_second")), base="base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.bench.generator.press", press)
        Rounds(turns, [measure], warmed={*turns}).run(Plan(1, 1.0), "x")
    comparison = samples.comparison(["base", *turns])
    assert comparison.rounds == 1
    base, first, second = comparison.figures[0].values
    assert base.figure == Spread(140, 100, 160)
    assert first.ratio == Spread(*[90 / 120] * 3)
    assert second.ratio == Spread(2.0, 2.0, 2.0)


def test_a_contender_works_in_its_turn_alone() -> None:
    """It is suspended outside of its turns, with what it has started, and goes on at the end."""
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with Process([sys.executable, "-c", command], stdin=subprocess.PIPE, text=True) as parent:
        process = psutil.Process(parent.pid)
        wait_until(process.children, "its child")
        (child,) = process.children()

        def suspended() -> list[bool]:
            return [each.status() == psutil.STATUS_STOPPED for each in (process, child)]

        with resting(Server((), (process,))) as turn:
            wait_until(lambda: suspended() == [True, True], "both to be suspended")
            with turn():
                wait_until(lambda: suspended() == [False, False], "both to go on")
            wait_until(lambda: suspended() == [True, True], "both to be suspended again")
        assert parent.stdin is not None
        parent.stdin.write("\n")
        parent.stdin.close()
        assert parent.wait(10) == 0


def test_ratios_to_nothing_are_none() -> None:
    """Where the base did nothing, there is no ratio."""
    samples = Samples("x", "X", "base")
    samples.add("f", "ms", "base", 0.0)
    samples.add("f", "ms", "relay", 1.0)
    (figure,) = samples.comparison().figures
    assert [value.ratio for value in figure.values] == [None, None]


def test_without_answers_there_is_a_rate_alone() -> None:
    """No latency and no processor time per request is made up where no request was answered."""
    samples = Samples("x", "X")
    record = recorded(samples, ("answered", "per second", "per_second"), ("p99", "ms", "p99_ms"))
    none = load.measured(array("d"), other=3, seconds=1.0)
    record("relay", Pressed((none,), (0.5,)), ())
    assert [figure.name for figure in samples.comparison().figures] == ["answered"]
    record("relay", Pressed((load.measured(array("d", [0.1]), other=0, seconds=1.0),), (0.5,)), ())
    assert [figure.name for figure in samples.comparison().figures] == ["answered", "p99"]


def test_json_comes_back() -> None:
    """What is written as JSON is read as the same result, with machine, date, commit and load averages."""
    made = a_result()
    again = msgspec.json.decode(msgspec.json.encode(made), type=Result)
    assert again == made
    assert again.find("receive") == a_comparison()
    assert again.find("nothing") is None
    assert again.machine.cores > 0
    assert again.machine.memory_bytes > 2**20
    assert again.machine.load_before == (0.1, 0.2, 0.3)
    assert again.made_at.endswith("+00:00")


def test_a_git_that_hangs_costs_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has no commit then, and all that was measured."""

    def hangs(*command: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired(str(command), 10)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert a_result().commit == ""
    assert a_result().comparisons == (a_comparison(),)


def test_a_table_has_ratios_first() -> None:
    """Contenders go down; each cell has ratio, spread and figure, and a title the unit that all share."""
    lines = [*table.table(a_comparison())]
    assert lines[0] == "Stored and answered (2 rounds)"
    assert lines[1].endswith("  p99, ms")
    assert "1.00 (0.90 to 1.10) · 10,000" in lines[3]
    assert lines[4].split() == ["once", "-", "5.00"]
    assert lines[-1] == "  relay: 3 answered 200, 3 stored"


def test_many_figures_go_down_and_many_columns_below() -> None:
    """Where there are more figures than contenders they are the rows; no line is wider than 100 columns."""
    samples = Samples("sizes", "By size", "base")
    names = [f"contender number {number}" for number in range(6)]
    for at in range(7):
        for name in ["base", *names]:
            samples.add(f"{at} KiB", "per second", name, 1_000.0 + at, 2_000.0)
    comparison = samples.comparison(["base"])
    lines = [*table.table(comparison)]
    assert lines[0] == "By size, per second (2 rounds)"
    assert max(map(len, lines)) <= table.COLUMNS
    assert all(any(name in line for line in lines) for name in names)
    long = Samples("long", "Long")
    for at in range(3):
        long.add(f"{at}", "ms", "screen", 1.0)
    assert [row[0] for row in figures.grid(long.comparison())] == ["", "0", "1", "2"]


def test_the_end_names_machine_date_and_commit() -> None:
    """After the tables: how to read them, the machine, its load before and after, and when it was."""
    made = a_result()
    text = " ".join(line.strip() for line in table.closing(made))
    assert figures.format_machine(made.machine) in text
    assert "load average 0.10 before" in text
    assert made.made_at in text
    assert max(map(len, table.closing(made))) <= table.COLUMNS


@pytest.mark.parametrize(
    ("value", "words"),
    [(14_203.4, "14,203"), (97.44, "97.4"), (0.984, "0.98"), (3.0, "3.00"), (0.0044, "0.004"), (0.0, "0")],
)
def test_numbers(value: float, words: str) -> None:
    """Three digits, or all before the point."""
    assert figures.format_number(value) == words


def test_each_switch_is_a_bench() -> None:
    """The usual ones and those of the manual exist, and each has a switch."""
    assert {*program.USUAL, *program.MANUAL} <= {*program.BENCHES}
    given = program.parser().parse_args([f"--{name}" for name in program.BENCHES])
    assert all(getattr(given, name) for name in program.BENCHES)


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two benches that take no time, of which one fails; the folder for their files and the manual's."""

    def works(folder: Path, plan: Plan) -> Iterator[Comparison]:
        folder.mkdir(parents=True)
        yield a_comparison()

    def fails(folder: Path, plan: Plan) -> Iterator[Comparison]:
        yield a_comparison()
        raise AssertionError("no server")

    named = {**program.BENCHES, "receive": program.Bench(works, ""), "drain": program.Bench(fails, "")}
    monkeypatch.setattr(program, "BENCHES", named)
    monkeypatch.setattr(program, "PUBLISHED", tmp_path / "published.json")
    return tmp_path


def test_json_on_stdout_is_alone_there(benches: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--json -` prints the result and no table; nothing is left in the folder."""
    assert program.main(["--receive", "--json", "-", "--folder", str(benches / "work")]) == 0
    run = msgspec.json.decode(capfdbinary.readouterr().out, type=Result)
    assert run.comparisons == (a_comparison(),)
    assert run.arguments[0] == "--receive"
    assert [*(benches / "work").iterdir()] == []


def test_json_in_a_file_is_beside_the_tables(benches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json FILE` writes the same, and the tables are printed."""
    file = benches / "run.json"
    assert program.main(["--receive", "--json", str(file), "--folder", str(benches)]) == 0
    assert msgspec.json.decode(file.read_bytes(), type=Result).comparisons == (a_comparison(),)
    assert "Stored and answered (2 rounds)" in capsys.readouterr().out


def test_a_bench_that_fails_loses_no_other(benches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was measured is kept, but the manual's file stays as it is."""
    arguments = ["--manual", "--drain", "--receive", "--folder", str(benches)]
    assert program.main(arguments) == 1
    assert not (benches / "published.json").exists()
    kept = msgspec.json.decode((benches / figures.FILE).read_bytes(), type=Result)
    assert len(kept.comparisons) == 2
    assert "failed: drain" in capsys.readouterr().err
    assert program.main(["--manual", "--receive", "--folder", str(benches)]) == 0
    assert (benches / "published.json").exists()


@pytest.mark.parametrize("size", [None, 512, 100 * 1024])
def test_bodies_have_the_size_asked_for(size: int | None) -> None:
    """Requests of a size are JSON of that many bytes, each signed, and not more than fit in memory."""
    assert len(a_body(size=size)) == (size or 451)
    for request in many_requests(2, size=size):
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"Content-Length: {size or 451}".encode() in head
        assert signed(body).encode() in head
        assert msgspec.json.decode(body)["type"] == "payment.updated"
    assert wrk.ready(1e9, size) * (size or 1) <= wrk.MOST_BYTES


def test_percentiles_are_by_nearest_rank() -> None:
    """The figures of one run of the generator."""
    found = load.measured(array("d", [0.001] * 98 + [0.002, 0.5]), other=1, seconds=2.0)
    assert (found.answered, found.other, found.per_second) == (100, 1, 50.0)
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (1.0, 500.0, 500.0)


async def test_a_connection_that_ends_without_an_answer_counts() -> None:
    """Also where the server closes it in order; the load generator has no answer for its request."""
    latencies = array("d")
    with backend(closes_unheard) as there:
        _, caller = await asyncio.get_running_loop().create_connection(
            lambda: load.Caller(iter([a_request(a_body())]), latencies, math.inf), "127.0.0.1", there.port
        )
        await caller.ended
    assert (caller.other, len(latencies)) == (1, 0)


@pytest.mark.parametrize("name", ["backfilling", "watching"])
def test_a_measure_that_fails_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The command next to the listener ends, and so does the thread that takes what it draws."""

    async def watch(address: str, over: threading.Event, seen: threading.Event) -> None:
        seen.set()
        await until(over.is_set, "the end of the measure")

    script = """echo '{"url": "http://127.0.0.1:9/?token"}'; exec sleep 600"""
    process = Process[bytes](["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    monkeypatch.setattr(beside, "a_command", lambda *_: process)
    monkeypatch.setattr(beside, "_watch", watch)
    monkeypatch.setattr(beside, "FIRST_PAGES_S", 0.0)
    relay = Running(process=process, port=9, db=tmp_path / "relay.db", folder=tmp_path)
    threads = threading.active_count()
    with pytest.raises(NotAnsweredError):
        with beside.backfilling(relay, "") if name == "backfilling" else beside.watching(relay):
            raise NotAnsweredError
    assert process.poll() is not None
    assert threading.active_count() == threads


# -- the manual ------------------------------------------------------------------------------------


def test_the_manual_quotes_the_file() -> None:
    """Each figure that a page quotes stands in it as in the file, and so do machine, date and commit."""
    run = figures.published()
    for topic, made in (("architecture", tables.speed()), ("team", tables.team_speed())):
        text = page(topic)
        assert made in text
        assert figures.format_machine(run.machine) in text
        assert run.made_at[:10] in text
        assert run.commit in text
        quoted = [each for each in run.comparisons if f"{figures.heading(each)}:\n" in text]
        assert quoted, topic
        for comparison in quoted:
            for figure in comparison.figures:
                assert all(f"| {figures.format_value(value)} |" in text for value in figure.values)


@pytest.mark.parametrize(("load", "is_rough"), [(0.3, False), (40_000.0, True)])
def test_a_busy_machine_is_named(load: float, is_rough: bool) -> None:
    """The manual says where its figures were made while other work ran."""
    made = result([a_comparison()], [], (load, load, load))
    assert ("these figures are rough" in figures.format_run(made)) is is_rough
    assert figures.format_run(made).startswith(f"Measured on {made.made_at[:10]}")


def test_the_file_is_of_one_command() -> None:
    """What the manual quotes was made by `--manual` alone, from all its benches, and names no file."""
    run = figures.published()
    assert "--manual" in run.arguments
    assert not any("/" in word for word in run.arguments)
    quoted = {"receive", "fixed-rate", "sizes", "sizes-processor", "drain", "startup", "team", "follower"}
    assert quoted | {"tls", "handshakes"} <= {each.name for each in run.comparisons}


def test_the_manual_leaves_out_what_was_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without wrk or PostgreSQL has fewer tables, and none that is empty."""
    empty = Samples("tls", "HTTPS", "base", notes=["not measured: wrk is not installed"]).comparison()
    made = a_result(a_comparison(), empty)
    monkeypatch.setattr(figures, "published", lambda: made)
    text = tables.speed()
    assert "Stored and answered:" in text
    assert "HTTPS" not in text
    assert tables.team_speed() == figures.format_run(made)
    assert [*table.table(empty)] == ["HTTPS", "  not measured: wrk is not installed"]
