"""Frames between engine and writing process: whole however they were cut, large bodies not copied."""

from __future__ import annotations

import random

import pytest

from relay.store.write.protocol import (
    LARGE_BYTES,
    Arrived,
    Buffer,
    Incoming,
    Kind,
    captures_frames,
    captures_of,
    frame,
    payload_of,
)
from tests.relay.store.write.test_client import a_row

LARGE = b"\x00\xff" * LARGE_BYTES


def received(wire: bytes, most: int, seed: int) -> list[tuple[Kind, Buffer]]:
    """What comes out where a socket gives pieces of random sizes."""
    cuts, incoming = random.Random(seed), Incoming()
    found: list[tuple[Kind, Buffer]] = []
    while wire:
        size = cuts.randint(1, most)
        room = incoming.room
        if room is None:
            found += incoming.fed(wire[:size])
        else:
            size = min(size, len(room))
            room[:] = wire[:size] + bytes(room[size:])
            found += incoming.filled(size)
        wire = wire[size:]
    return found


@pytest.mark.parametrize(("most", "seed"), [(7, 1), (70_000, 2), (300_000, 3), (10_000_000, 4)])
def test_frames_are_whole_again_however_they_were_cut(most: int, seed: int) -> None:
    """Captures with small and large bodies and a job behind them come out as they went in, in order."""
    arrived: list[Arrived] = [
        (a_row(body=b"small"), ()),
        (a_row(body=LARGE), ("http://one", ("http://two", "unknown-host"))),
        (a_row(body=b"", event_id="c"), ()),
        (a_row(body=LARGE[1:]), ()),
    ]
    if most < 100:
        arrived[1:2] = []
        arrived[2] = (a_row(body=LARGE[: LARGE_BYTES // 16]), ())
    wire = b"".join([*captures_frames(1.5, arrived), frame(Kind.STOP, "x"), *captures_frames(2.5, arrived)])
    bodies: list[Buffer] = []
    captures, jobs = [], []
    for kind, payload in received(wire, most, seed):
        if kind is Kind.BODY:
            bodies.append(payload)
        elif kind is Kind.CAPTURES:
            captures.append(captures_of(payload, bodies))
        else:
            jobs.append((kind, payload_of(payload)))
    assert captures == [(1.5, arrived), (2.5, arrived)]
    assert jobs == [(Kind.STOP, ("x",))]


def test_a_large_body_is_not_copied_into_a_frame() -> None:
    """What is sent is the body itself: a copy for each body under way is what memory cannot bear."""
    arrived: list[Arrived] = [(a_row(body=LARGE), ()), (a_row(body=b"small"), ())]
    parts = list(captures_frames(0.0, arrived))
    assert any(part is LARGE for part in parts)
    assert sum(len(part) for part in parts) < len(LARGE) + 300
