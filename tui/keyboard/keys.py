"""Every key, in one table: what it does, where, and how it is named in footer, help and palette.

Owns the keys and their ids, by which settings can remap them. Screens own the actions, and the main screen's
controllers know why one cannot run (`disabled_reason`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding

from relay.docs.tables import markdown


@dataclass(frozen=True, slots=True)
class Key:
    """An action and its keys."""

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
    """Whether the footer shows it."""
    shown_as: str | None = None
    """How help and footer write the keys, where Textual's way is not plain."""

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
    Key(
        "list.mark",
        "space",
        "mark",
        "mark",
        "Mark the capture, to act on several at once.",
        "List",
        shown_as="Space",
    ),
    Key(
        "list.mark_down",
        "shift+down",
        "mark_to(1)",
        "mark down",
        "Mark this capture and the one below.",
        "List",
        shown_as="Shift-↓",
    ),
    Key(
        "list.mark_up",
        "shift+up",
        "mark_to(-1)",
        "mark up",
        "Mark this capture and the one above.",
        "List",
        shown_as="Shift-↑",
    ),
    Key(
        "list.mark_all",
        "a",
        "mark_all",
        "mark all",
        "Mark all captures in the list, or all that the filter matches.",
        "List",
    ),
    Key("list.unmark_all", "A", "unmark_all", "unmark all", "Unmark all captures.", "List"),
    Key("list.open", "enter", "open", "look", "Open the detail.", "Look", shown_as="Enter"),
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
    Key("page.previous_tab", "left", "screen.tab(-1)", "previous tab", "The previous tab.", "Move",
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
    Key("body.left", "left", "left", "fold", "Fold, or go to the enclosing bracket; else scroll left.",
        "Move", shown_as="←"),
    Key("body.right", "right", "right", "unfold", "Unfold; else scroll right.", "Move", shown_as="→"),
    Key("body.toggle", "enter,space", "toggle_fold", "fold", "Fold or unfold a bracket.", "Body",
        shown_as="Enter Space"),
)  # fmt: skip
"""Keys of the text of a body."""

BODY_VIEW: tuple[Key, ...] = (
    Key("body.view", "v", "next_view", "view", "The next view, such as pretty, tree, raw or hex.", "Body"),
    Key("body.view_back", "V", "previous_view", "previous view", "The previous view.", "Body"),
    Key("body.wrap", "w", "wrap", "wrap", "Wrap long lines or cut them off.", "Body"),
    Key("body.fold_all", "minus", "fold_all", "fold all", "Fold everything.", "Body",
        shown_as="-"),
    Key("body.unfold_all", "plus,equals_sign", "unfold_all", "unfold all", "Unfold everything.", "Body",
        shown_as="+ ="),
    Key("body.find", "ctrl+f", "find", "find", "Find text in this body.", "Body", shown_as="^f"),
    Key("body.next", "n", "next_hit(1)", "next match", "The next match.", "Body"),
    Key("body.previous", "N", "next_hit(-1)", "previous match", "The previous match.", "Body"),
    Key("body.close_find", "escape", "close_find", "close the search", "Close the search.", "Body",
        shown_as="Esc"),
)  # fmt: skip
"""Keys of a body in its views."""

BODY: tuple[Key, ...] = (*BODY_TEXT, *BODY_VIEW)

BODY_FROM_AFAR: tuple[Key, ...] = tuple(
    key for key in BODY_VIEW if key.action in ("next_view", "previous_view", "wrap", "find")
)
"""Keys of a body that work from the list too."""

MAIN: tuple[Key, ...] = (
    Key(
        "filter.edit", "slash", "edit_filter", "filter", "Filter the list.", "List", True, "/"
    ),
    Key("filter.switch", "F", "switch_filter", "filter on/off", "Turn the filter off or on.", "List"),
    Key("list.follow", "f", "follow", "follow", "Follow the newest.", "List", True),
    Key("list.turn", "o", "turn", "order", "Newest first, or oldest first.", "List"),
    Key("list.summaries", "h", "summaries", "summaries",
        "Show or hide the summary of each event, as on a shared screen.", "List"),
    Key("list.columns", "c", "choose_columns", "columns", "Choose the columns of the list.", "List"),
    Key("look.next_tab", "right_square_bracket,right", "tab(1)", "next tab", "The next tab.", "Look",
        shown_as="] →"),
    Key("look.previous_tab", "left_square_bracket,left", "tab(-1)", "previous tab", "The previous tab.",
        "Look", shown_as="[ ←"),
    Key("look.difference", "x", "next_difference", "difference",
        "The next value in the body that differs from Lean's documentation.", "Look"),
    Key("look.zoom", "z", "zoom", "zoom", "Show only the list or only the detail.", "Look"),
    Key("look.back", "escape", "back", "back",
        "Back to the list; then cancel a replay, clear marks, clear the filter; last, ask whether to end a "
        "replay started elsewhere.", "Look",
        shown_as="Esc"),
    Key("capture.replay", "r", "replay", "replay", "Replay to the configured targets, unchanged.", "Act",
        True),
    Key("capture.replay_to", "R", "replay_to", "replay to",
        "Replay with options: target, changes, times, rate.", "Act"),
    Key("capture.rehearse", "T", "rehearse", "rehearse",
        "Put your backend through what Lean will do to it, with the selected captures; shows the report.",
        "Act"),
    Key("capture.edit", "e", "edit", "edit", "Edit method, path, headers and body, then replay.", "Act"),
    Key("capture.compare", "d", "compare", "compare",
        "Compare two marked captures, or this one with the last of the same payment or other object, of the "
        "same event, or of its type.", "Act", True),
    Key("capture.copy", "y", "copy", "copy",
        "Copy the body, ids, headers, a curl line or the value at the cursor.", "Act", True),
    Key("capture.journey", "J", "journey", "journey",
        "A timeline of all captures that share an id with this one.", "Look"),
    Key("relay.refusals", "X", "refusals", "refusals",
        "Refused requests, the reasons, and what to do about them.", "Look"),
    Key("capture.star", "s", "star", "star", "Star or unstar the selected captures.", "Act"),
    Key("capture.note", "semicolon", "note", "note", "Write a note on the selected captures.", "Act",
        shown_as=";"),
    Key("capture.delete", "D,delete", "delete", "delete",
        "Delete the selected captures for good; asks first.", "Act", shown_as="D Del"),
    Key("relay.trigger", "t", "trigger", "sample", "Post a sample as Lean would.", "Act", True),
    Key("relay.pause", "p", "pause", "pause", "Pause or resume forwarding.", "Act"),
    Key("relay.copy_url", "u", "copy_url", "copy URL", "Copy the URL to give Lean.", "Act"),
    Key("help", "question_mark", "help", "help", "Keys that work here.", "Program", True, "?"),
    Key("theme", "ctrl+t", "app.turn_theme", "theme", "Light or dark theme.", "Program", shown_as="^t"),
    Key("suspend", "ctrl+z", "app.suspend_process", "to the shell",
        "Go to the shell; `fg` comes back. The listener keeps running.", "Program", shown_as="^z"),
    Key("quit", "q", "leave", "quit",
        "From the detail, back to the list; from the list, quit. This ends the listener started with it.",
        "Program", True),
)  # fmt: skip
"""Keys that work everywhere on the main screen."""

SCROLL: tuple[Key, ...] = tuple(key for key in PAGE if not key.id.endswith("_tab"))
"""Keys of text that scrolls."""

COMPARE: tuple[Key, ...] = (
    Key("compare.next_partner", "right_square_bracket,right", "partner(1)", "next partner",
        "Compare with the next capture of the same object, event or type.", "Compare", True, "] →"),
    Key("compare.previous_partner", "left_square_bracket,left", "partner(-1)", "previous partner",
        "Compare with the previous partner.", "Compare", shown_as="[ ←"),
    Key("compare.every", "a,enter", "every", "all fields", "Show all fields, or only the differences.",
        "Compare", True, "a Enter"),
    Key("compare.ids", "i", "fold('incidental')", "ids", "Show or hide ids and times that differ.",
        "Compare"),
    Key("compare.headers", "h", "fold('headers')", "headers", "Show or hide headers that differ.",
        "Compare"),
    Key("compare.same", "s", "fold('same')", "equal fields", "Show or hide fields that are equal.",
        "Compare"),
    Key("compare.turn", "x", "turn", "swap", "Swap left and right.", "Compare", True),
    Key("compare.help", "question_mark", "help", "help", "Keys that work here.", "Compare", True, "?"),
    Key("compare.close", "escape,q,d", "close", "back", "Back to the list.", "Compare", True, "Esc"),
)  # fmt: skip
"""Keys of the screen that compares two captures."""

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
        "The journey of the next id.", "Journey", True, "] →"),
    Key("journey.previous_id", "left_square_bracket,left", "turn(-1)", "previous id",
        "The journey of the previous id.", "Journey", shown_as="[ ←"),
    Key("journey.help", "question_mark", "help", "help", "Keys that work here.", "Journey", True, "?"),
    Key("journey.close", "escape,q,J", "close", "back", "Back to the list.", "Journey", True, "Esc"),
)  # fmt: skip
"""Keys of the screen with a journey."""

ROWS: tuple[Key, ...] = tuple(key for key in LIST if key.group == "Move")
"""Keys of a list of rows."""

REFUSALS: tuple[Key, ...] = (
    Key("refusals.next_reason", "right_square_bracket,right", "only(1)", "next reason",
        "Only the next reason; after the last one, all.", "Refusals", True, "] →"),
    Key("refusals.previous_reason", "left_square_bracket,left", "only(-1)", "previous reason",
        "Only the previous reason.", "Refusals", shown_as="[ ←"),
    Key("refusals.follow", "f", "follow", "follow", "Follow the newest.", "Refusals", True),
    Key("refusals.turn", "o", "turn", "order", "Newest first, or oldest first.", "Refusals", True),
    Key("refusals.copy", "y", "copy", "copy", "Copy the line as `lean-relay refusals` prints it.",
        "Refusals", True),
    Key("refusals.help", "question_mark", "help", "help", "Keys that work here.", "Refusals", True, "?"),
    Key("refusals.close", "escape,q,X", "close", "back", "Back to the list.", "Refusals", True, "Esc"),
)  # fmt: skip
"""Keys of the screen with refusals."""

TABS: tuple[str, ...] = ("1", "2", "3", "4", "5", "6", "7", "8", "9")
"""Keys of the detail's tabs, by their places."""


def bindings(keys: tuple[Key, ...]) -> list[Binding]:
    """Part of the table, as Textual binds it."""
    return [key.binding() for key in keys]


TAB_KEYS: tuple[Key, ...] = tuple(
    Key(f"look.tab_{key}", key, f"show_tab({int(key) - 1})", f"tab {key}", "A tab by its place.", "Move")
    for key in TABS
)
"""The same with their actions; the palette has the tabs by name."""


def tab_bindings() -> list[Binding]:
    """A key for each place among the tabs."""
    return bindings(TAB_KEYS)


SENDING: tuple[Key, ...] = (
    Key("sending.send", "ctrl+s", "send", "send", "Send it.", "Send", True, "^s"),
    Key("sending.dry_run", "ctrl+n", "dry_run", "dry run", "Show the requests without sending them.",
        "Send", True, "^n"),
    Key("sending.cancel", "escape", "cancel", "cancel", "Close without sending.", "Send", True, "Esc"),
)  # fmt: skip
"""Keys of the replay dialog."""

BEFORE_REHEARSAL: tuple[Key, ...] = tuple(key for key in SENDING if key.action != "dry_run")
"""Keys of the dialog before a rehearsal."""

REHEARSAL: tuple[Key, ...] = (
    Key("rehearsal.open", "enter", "open", "captures", "Show the captures of this line in the list.",
        "Rehearsal", True, "Enter"),
    Key("rehearsal.copy", "y", "copy", "copy", "Copy the command that looks closer.", "Rehearsal", True),
    Key("rehearsal.end", "x", "end", "end", "End the rehearsal; nothing more is sent.", "Rehearsal", True),
    Key("rehearsal.help", "question_mark", "help", "help", "Keys that work here.", "Rehearsal", True, "?"),
    Key("rehearsal.close", "escape,q,T", "close", "back",
        "Back to the list; a rehearsal that runs continues.", "Rehearsal", True, "Esc"),
)  # fmt: skip
"""Keys of the report of a rehearsal."""

PREVIEW: tuple[Key, ...] = (
    Key("preview.next", "right_square_bracket,right", "page(1)", "next ten", "The next ten captures.",
        "Dry run", True, "] →"),
    Key("preview.previous", "left_square_bracket,left", "page(-1)", "previous ten", "The previous ten.",
        "Dry run", shown_as="[ ←"),
    Key("preview.help", "question_mark", "help", "help", "Keys that work here.", "Dry run", True, "?"),
    Key("preview.close", "escape,q,ctrl+n", "close", "back", "Back to the dialog or form.", "Dry run", True,
        "Esc"),
)  # fmt: skip
"""Keys of the dry run."""

EDIT: tuple[Key, ...] = (
    Key("edit.send", "ctrl+s", "send", "send", "Send the edited request.", "Edit", True, "^s"),
    Key("edit.dry_run", "ctrl+n", "dry_run", "dry run", "Show the requests without sending them.",
        "Edit", True, "^n"),
    Key("edit.editor", "ctrl+o", "editor", "$EDITOR", "Edit in $EDITOR.", "Edit", True, "^o"),
    Key("edit.view", "f2,ctrl+r", "view", "bytes",
        "Switch between the values of the body and the request as bytes, with its headers.", "Edit", True,
        "F2 ^r"),
    Key("edit.help", "f1,ctrl+g", "help", "help", "Keys that work here.", "Edit", True, "F1 ^g"),
    Key("edit.leave", "escape", "leave", "back", "Close without sending; asks after changes.", "Edit", True,
        "Esc"),
)  # fmt: skip
"""Keys of the edit form."""

COLUMNS: tuple[Key, ...] = (
    Key("columns.turn", "space", "turn", "turn", "Show or hide the column.", "Columns",
        shown_as="Space"),
    Key("columns.usual", "u", "usual", "the usual", "Back to the default columns.", "Columns"),
    Key("columns.close", "escape,q,c", "dismiss", "back", "Back to the list.", "Columns", shown_as="Esc"),
)  # fmt: skip
"""Keys of the dialog for columns."""

PLACES: tuple[tuple[str, tuple[Key, ...]], ...] = (
    ("List and detail", (*LIST, *PAGE, *MAIN)),
    ("Body", BODY),
    ("Two captures compared", COMPARE),
    ("Journey", (*STEPS, *JOURNEY)),
    ("Refusals", REFUSALS),
    ("Columns", COLUMNS),
    ("Before a replay", SENDING),
    ("Rehearsal", REHEARSAL),
    ("Dry run", PREVIEW),
    ("Edit form", EDIT),
)
"""The places with keys of their own, by name."""


def keys_table() -> str:
    """Every key, by place, as Markdown for the manual; keys that only move are left out."""
    return "\n\n".join(
        f"{place}:\n\n"
        + markdown(
            ("key", "does", "id"),
            ((f"`{key.written}`", key.tooltip, f"`{key.id}`") for key in table if key.group != "Move"),
        )
        for place, table in PLACES
    )


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
