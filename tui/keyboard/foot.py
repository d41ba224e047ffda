"""The keys at the foot of the main screen, by place and in groups. Pure; the keys are those of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui.keyboard import keys
from tui.keyboard.keys import Key


@dataclass(frozen=True, slots=True)
class Group:
    """Keys with a name, in a row of the foot."""

    name: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Foot:
    """The keys of a place."""

    groups: tuple[Group, ...]
    narrow: tuple[str, ...]
    """Where there is only one row, as many of these as fit, in this order."""
    leave: str
    """A word for the key that leaves this place."""

    @property
    def ids(self) -> frozenset[str]:
        """All its keys."""
        return frozenset(self.narrow).union(*(group.ids for group in self.groups))


EDGE = ("help", "quit")
"""Keys at the right edge, which are never cut."""

ACTS = ("capture.replay", "capture.replay_to", "capture.edit", "capture.compare", "capture.journey",
        "capture.copy", "capture.star")  # fmt: skip

LIST = Foot(
    (
        Group("Capture", ACTS),
        Group("Relay", ("filter.edit", "list.follow", "relay.trigger", "relay.pause", "relay.refusals")),
    ),
    ("filter.edit", "list.follow", "capture.replay", "capture.edit", "capture.copy", "relay.trigger",
     "capture.compare", "capture.journey"),
    "quit",
)  # fmt: skip

BODY = Foot(
    (
        Group(
            "Body",
            ("body.view", "body.find", "body.wrap", "look.difference", "look.zoom", "look.next_tab"),
        ),
        Group("Capture", ACTS[:-1]),
    ),
    ("body.view", "body.find", "look.difference", "look.zoom", "capture.replay", "capture.edit",
     "capture.copy"),
    "back",
)  # fmt: skip

PAGE = Foot(
    (
        Group("Detail", ("look.next_tab", "look.zoom", "look.difference")),
        Group("Capture", ACTS[:-1]),
    ),
    ("look.next_tab", "look.zoom", "capture.replay", "capture.edit", "capture.copy", "capture.compare"),
    "back",
)  # fmt: skip


FILTER = Foot((), ("filter-bar.accept", "filter-bar.choose", "filter-bar.take", "filter-bar.drop"), "")
"""Keys of the filter bar, which belong to it and not to the table."""


def in_order(foot: Foot, table: Sequence[Key]) -> Iterator[Key]:
    """A table of keys in the order of a place: those of its groups first."""
    first = [id for group in foot.groups for id in group.ids]
    by_id = {key.id: key for key in table}
    yield from (by_id[id] for id in first if id in by_id)
    yield from (key for key in table if key.id not in first)


def by_id(id: str) -> Key:
    """A key of the main screen."""
    return _BY_ID[id]


_BY_ID = {key.id: key for key in keys.main_keys()}
