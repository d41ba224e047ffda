"""Every key, in one table: what it does, where, and how it is named in footer, help and palette.

Owns the keys and their ids, by which settings can remap them. What an action does is its screen's; whether
it can be done now is told by that screen's `why_not`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that can be done, and the keys for it."""

    id: str
    """Stable: settings remap by it."""
    keys: str
    """As Textual names them, with commas between."""
    action: str
    label: str
    """A word or two, for the footer."""
    tooltip: str
    """A sentence, for help, palette and tooltip."""
    group: str
    """The heading under which help lists it."""
    show: bool = False
    """Whether it stands in the footer."""
    shown_as: str | None = None
    """How help and footer write the keys, where Textual's way is not the plainest."""

    def binding(self) -> Binding:
        """The key as Textual binds it."""
        return Binding(
            self.keys,
            self.action,
            self.label,
            show=self.show,
            tooltip=self.tooltip,
            key_display=self.shown_as,
            id=self.id,
        )

    @property
    def written(self) -> str:
        """The keys as help writes them."""
        return self.shown_as or " ".join(self.keys.split(","))


LIST: tuple[Key, ...] = (
    Key("list.down", "j,down", "move(1)", "down", "One row down.", "Move", shown_as="j ↓"),
    Key("list.up", "k,up", "move(-1)", "up", "One row up.", "Move", shown_as="k ↑"),
    Key(
        "list.page_down",
        "pagedown,ctrl+d",
        "page(1)",
        "page down",
        "One page down.",
        "Move",
        shown_as="PgDn ^d",
    ),
    Key("list.page_up", "pageup,ctrl+u", "page(-1)", "page up", "One page up.", "Move", shown_as="PgUp ^u"),
    Key("list.top", "g,home", "edge(-1)", "top", "The first row.", "Move", shown_as="g Home"),
    Key("list.bottom", "G,end", "edge(1)", "end", "The last row.", "Move", shown_as="G End"),
    Key("list.mark", "space", "mark", "mark", "Mark it for an action on several.", "List", shown_as="Space"),
    Key("list.open", "enter", "open", "look", "Go into the detail.", "Look", shown_as="Enter"),
)
"""Keys of the list of captures."""

PAGE: tuple[Key, ...] = (
    Key("page.down", "j,down", "scroll_down", "down", "One line down.", "Move", shown_as="j ↓"),
    Key("page.up", "k,up", "scroll_up", "up", "One line up.", "Move", shown_as="k ↑"),
    Key("page.page_down", "pagedown,ctrl+d,space", "page_down", "page down", "One page down.", "Move",
        shown_as="PgDn Space"),
    Key("page.page_up", "pageup,ctrl+u", "page_up", "page up", "One page up.", "Move", shown_as="PgUp ^u"),
    Key("page.top", "g,home", "scroll_home", "top", "The beginning.", "Move", shown_as="g Home"),
    Key("page.bottom", "G,end", "scroll_end", "end", "The end.", "Move", shown_as="G End"),
    Key("page.next_tab", "right", "screen.tab(1)", "next tab", "The next tab.", "Move", shown_as="→"),
    Key("page.previous_tab", "left", "screen.tab(-1)", "tab before", "The tab before.", "Move",
        shown_as="←"),
)  # fmt: skip
"""Keys of a page of facts in the detail."""

BODY_TEXT: tuple[Key, ...] = (
    Key("body.down", "j,down", "move(1)", "down", "One row down.", "Move", shown_as="j ↓"),
    Key("body.up", "k,up", "move(-1)", "up", "One row up.", "Move", shown_as="k ↑"),
    Key("body.page_down", "pagedown,ctrl+d", "page(1)", "page down", "One page down.", "Move",
        shown_as="PgDn ^d"),
    Key("body.page_up", "pageup,ctrl+u", "page(-1)", "page up", "One page up.", "Move", shown_as="PgUp ^u"),
    Key("body.first", "g,home", "first", "top", "The beginning.", "Move", shown_as="g Home"),
    Key("body.last", "G,end", "last", "end", "The end.", "Move", shown_as="G End"),
    Key("body.left", "left", "left", "fold", "Fold, or go to the bracket around; else scroll.", "Move",
        shown_as="←"),
    Key("body.right", "right", "right", "unfold", "Unfold; else scroll.", "Move", shown_as="→"),
    Key("body.toggle", "enter,space", "toggle_fold", "fold", "Fold or unfold a bracket of the tree.", "Body",
        shown_as="Enter Space"),
)  # fmt: skip
"""Keys of the text of a body."""

BODY_VIEW: tuple[Key, ...] = (
    Key("body.view", "v", "next_view", "view", "The next view: pretty, tree, raw, hex and the like.", "Body"),
    Key("body.view_back", "V", "previous_view", "view back", "The view before.", "Body"),
    Key("body.wrap", "w", "wrap", "wrap", "Wrap long lines, or cut them.", "Body"),
    Key("body.fold_all", "minus", "fold_all", "fold all", "Fold everything in the tree.", "Body",
        shown_as="-"),
    Key("body.unfold_all", "plus,equals_sign", "unfold_all", "unfold all", "Unfold everything.", "Body",
        shown_as="+ ="),
    Key("body.find", "ctrl+f", "find", "find", "Find a text in this body.", "Body", shown_as="^f"),
    Key("body.next", "n", "next_hit(1)", "next hit", "The next place where it stands.", "Body"),
    Key("body.previous", "N", "next_hit(-1)", "hit before", "The place before.", "Body"),
    Key("body.close_find", "escape", "close_find", "end the search", "End the search.", "Body",
        shown_as="Esc"),
)  # fmt: skip
"""Keys of a body in its views."""

BODY: tuple[Key, ...] = (*BODY_TEXT, *BODY_VIEW)

MAIN: tuple[Key, ...] = (
    Key(
        "filter.edit", "slash", "edit_filter", "filter", "Narrow the list by a filter.", "List", True, "/"
    ),
    Key("filter.switch", "F", "switch_filter", "filter on/off", "Switch the filter off and on.", "List"),
    Key("list.follow", "f", "follow", "follow", "Go to the newest and stay with it.", "List", True),
    Key("list.turn", "o", "turn", "order", "Newest first, or oldest first.", "List"),
    Key("list.columns", "c", "choose_columns", "columns", "Which columns the list has.", "List"),
    Key("look.next_tab", "right_square_bracket,right", "tab(1)", "next tab", "The next tab.", "Look",
        shown_as="] →"),
    Key("look.previous_tab", "left_square_bracket,left", "tab(-1)", "previous tab", "The tab before.", "Look",
        shown_as="[ ←"),
    Key("look.difference", "x", "next_difference", "difference",
        "The next place in the body that differs from what Lean documents.", "Look"),
    Key("look.zoom", "z", "zoom", "zoom", "Give the whole screen to the list or the detail.", "Look"),
    Key("look.back", "escape", "back", "back",
        "Back to the list; there a replay is cancelled, then marks and filter are cleared; at last it asks "
        "whether to end a replay begun elsewhere.", "Look",
        shown_as="Esc"),
    Key("capture.replay", "r", "replay", "replay", "Send it to the usual targets again, as it came.", "Act",
        True),
    Key("capture.replay_to", "R", "replay_to", "replay to",
        "Send it again otherwise: where to, how, how often.", "Act"),
    Key("capture.edit", "e", "edit", "edit", "Edit method, path, headers and body, and send that.", "Act"),
    Key("capture.compare", "d", "compare", "diff",
        "Two marked captures field by field; or this one with the one before of its type.", "Act", True),
    Key("capture.copy", "y", "copy", "copy", "Copy body, ids, headers, a curl line, the value at the cursor.",
        "Act", True),
    Key("capture.journey", "J", "journey", "journey",
        "Everything that belongs to the ids of this capture, in one timeline.", "Look"),
    Key("relay.refusals", "X", "refusals", "refusals",
        "What was turned away, why, and what to do about it.", "Look"),
    Key("capture.star", "s", "star", "star", "Star what is chosen, or take the star away.", "Act"),
    Key("capture.note", "semicolon", "note", "note", "Write a line to what is chosen.", "Act",
        shown_as=";"),
    Key("capture.delete", "D,delete", "delete", "delete", "Remove what is chosen for good; asks first.",
        "Act", shown_as="D Del"),
    Key("relay.trigger", "t", "trigger", "trigger", "Post a sample, as Lean would.", "Act", True),
    Key("relay.pause", "p", "pause", "pause", "Hold deliveries back, or let them go.", "Act"),
    Key("relay.copy_url", "u", "copy_url", "copy URL", "Copy the URL to give Lean.", "Act"),
    Key("help", "question_mark", "help", "help", "The keys of this place.", "Program", True, "?"),
    Key("theme", "ctrl+t", "app.turn_theme", "theme", "Light or dark.", "Program", shown_as="^t"),
    Key("suspend", "ctrl+z", "app.suspend_process", "to the shell",
        "Go to the shell; `fg` comes back. A listener goes on meanwhile.", "Program", shown_as="^z"),
    Key("quit", "q", "leave", "quit",
        "From the detail to the list; from there, leave. A listener started with it ends too.", "Program",
        True),
)  # fmt: skip
"""Keys of the main screen, wherever in it one is."""

SCROLL: tuple[Key, ...] = tuple(key for key in PAGE if not key.id.endswith("_tab"))
"""Keys of text that scrolls."""

COMPARE: tuple[Key, ...] = (
    Key("compare.every", "a", "every", "all fields", "Show what is the same too, or only what differs.",
        "Compare", True),
    Key("compare.turn", "x", "turn", "swap", "Put the left one to the right.", "Compare", True),
    Key("compare.help", "question_mark", "help", "help", "The keys of this place.", "Compare", True, "?"),
    Key("compare.close", "escape,q,d", "close", "back", "Back to the list.", "Compare", True, "Esc"),
)  # fmt: skip
"""Keys of the screen with two captures."""

STEPS: tuple[Key, ...] = (
    Key("steps.down", "j,down", "cursor_down", "down", "One row down.", "Move", shown_as="j ↓"),
    Key("steps.up", "k,up", "cursor_up", "up", "One row up.", "Move", shown_as="k ↑"),
    Key("steps.page_down", "pagedown,ctrl+d", "page_down", "page down", "One page down.", "Move",
        shown_as="PgDn ^d"),
    Key("steps.page_up", "pageup,ctrl+u", "page_up", "page up", "One page up.", "Move", shown_as="PgUp ^u"),
    Key("steps.top", "g,home", "first", "top", "The first row.", "Move", shown_as="g Home"),
    Key("steps.open", "enter", "select", "go there", "Go to this capture in the list.", "Journey", True,
        "Enter"),
    Key("steps.bottom", "G,end", "last", "end", "The last row.", "Move", shown_as="G End"),
)  # fmt: skip
"""Keys of the list of a journey's steps."""

JOURNEY: tuple[Key, ...] = (
    Key("journey.next_id", "right_square_bracket,right", "turn(1)", "next id",
        "The journey of the capture's next id.", "Journey", True, "] →"),
    Key("journey.previous_id", "left_square_bracket,left", "turn(-1)", "id before",
        "The journey of the id before.", "Journey", shown_as="[ ←"),
    Key("journey.help", "question_mark", "help", "help", "The keys of this place.", "Journey", True, "?"),
    Key("journey.close", "escape,q,J", "close", "back", "Back to the list.", "Journey", True, "Esc"),
)  # fmt: skip
"""Keys of the screen with a journey."""

ROWS: tuple[Key, ...] = tuple(key for key in LIST if key.group == "Move")
"""Keys of a list of rows."""

REFUSALS: tuple[Key, ...] = (
    Key("refusals.next_reason", "right_square_bracket,right", "only(1)", "next reason",
        "Only those with the next reason, and after the last one all.", "Refusals", True, "] →"),
    Key("refusals.previous_reason", "left_square_bracket,left", "only(-1)", "reason before",
        "Only those with the reason before.", "Refusals", shown_as="[ ←"),
    Key("refusals.follow", "f", "follow", "follow", "Go to the newest and stay with it.", "Refusals", True),
    Key("refusals.turn", "o", "turn", "order", "Newest first, or oldest first.", "Refusals", True),
    Key("refusals.copy", "y", "copy", "copy", "Copy the line, as `lean-relay refusals` prints it.",
        "Refusals", True),
    Key("refusals.help", "question_mark", "help", "help", "The keys of this place.", "Refusals", True, "?"),
    Key("refusals.close", "escape,q,X", "close", "back", "Back to the list.", "Refusals", True, "Esc"),
)  # fmt: skip
"""Keys of the screen with what was turned away."""

TABS: tuple[str, ...] = ("1", "2", "3", "4", "5", "6", "7", "8", "9")
"""Keys of the detail's tabs, by their places."""


def bindings(keys: tuple[Key, ...]) -> list[Binding]:
    """Part of the table, as Textual binds it."""
    return [key.binding() for key in keys]


def tab_bindings() -> list[Binding]:
    """A key for each place among the tabs."""
    return [
        Binding(key, f"show_tab({int(key) - 1})", f"tab {key}", show=False, id=f"look.tab_{key}")
        for key in TABS
    ]


SENDING: tuple[Key, ...] = (
    Key("sending.send", "ctrl+s", "send", "send", "Send it.", "Send", True, "^s"),
    Key("sending.dry_run", "ctrl+n", "dry_run", "dry run", "Show what would be sent, and send nothing.",
        "Send", True, "^n"),
    Key("sending.cancel", "escape", "cancel", "cancel", "Leave it; nothing is sent.", "Send", True, "Esc"),
)  # fmt: skip
"""Keys of the dialog before something is sent again."""

PREVIEW: tuple[Key, ...] = (
    Key("preview.next", "right_square_bracket,right", "page(1)", "next ten", "The next ten captures.",
        "Dry run", True, "] →"),
    Key("preview.previous", "left_square_bracket,left", "page(-1)", "ten before", "The ten before.",
        "Dry run", shown_as="[ ←"),
    Key("preview.help", "question_mark", "help", "help", "The keys of this place.", "Dry run", True, "?"),
    Key("preview.close", "escape,q,ctrl+n", "close", "back", "Back to how it is sent.", "Dry run", True,
        "Esc"),
)  # fmt: skip
"""Keys of the screen with what would be sent."""

EDIT: tuple[Key, ...] = (
    Key("edit.send", "ctrl+s", "send", "send", "Send what stands there.", "Edit", True, "^s"),
    Key("edit.dry_run", "ctrl+n", "dry_run", "dry run", "Show what would be sent, and send nothing.",
        "Edit", True, "^n"),
    Key("edit.editor", "ctrl+o", "editor", "$EDITOR", "Go on in your own editor.", "Edit", True, "^o"),
    Key("edit.help", "f1", "help", "help", "The keys of this place.", "Edit", True, "F1"),
    Key("edit.leave", "escape", "leave", "back", "Leave it; asks where something was changed.", "Edit", True,
        "Esc"),
)  # fmt: skip
"""Keys of the form in which a request is edited."""

COLUMNS: tuple[Key, ...] = (
    Key("columns.turn", "space", "turn", "turn", "Show the column, or leave it out.", "Columns",
        shown_as="Space"),
    Key("columns.usual", "u", "usual", "the usual", "Back to the usual columns.", "Columns"),
    Key("columns.close", "escape,q,c", "dismiss", "back", "Back to the list.", "Columns", shown_as="Esc"),
)  # fmt: skip
"""Keys of the dialog in which columns are chosen."""

PLACES: tuple[tuple[str, tuple[Key, ...]], ...] = (
    ("In the list and the detail", (*LIST, *PAGE, *MAIN)),
    ("In a body", BODY),
    ("With two captures side by side", COMPARE),
    ("In a journey", (*STEPS, *JOURNEY)),
    ("In what was turned away", REFUSALS),
    ("Where columns are chosen", COLUMNS),
    ("Before something is sent again", SENDING),
    ("With what would be sent", PREVIEW),
    ("Where a request is edited", EDIT),
)
"""The places with keys of their own, by name."""


def main_keys() -> Iterator[Key]:
    """Those of the main screen and what is in it."""
    yield from LIST
    yield from PAGE
    yield from BODY
    yield from MAIN


def all_keys() -> Iterator[Key]:
    """The whole table."""
    for _, table in PLACES:
        yield from table
