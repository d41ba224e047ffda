"""Custom keys from the settings: checked, and named on the screen. Pure.

Owns which keys are valid, which clash, and how a key is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import combinations

from textual.keys import (
    KEY_NAME_REPLACEMENTS,
    KEY_TO_UNICODE_NAME,
    REPLACED_KEYS,
    Keys,
    format_key,
    key_to_character,
)

from relay.errors import UsageError
from tui.keyboard import keys
from tui.keyboard.keys import Key

KEPT = {
    "ctrl+p": "the palette",
    "ctrl+c": "exiting",
    "ctrl+q": "exiting",
    "tab": "moving the focus",
    "shift+tab": "moving the focus",
}
"""Reserved keys, and their purpose."""

NAMES = {
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "delete": "Del",
    "insert": "Ins",
    "backspace": "⌫",
}
"""Key that is not a character -> how it is written."""

_MODIFIERS = ("ctrl+", "shift+", "alt+")
_KNOWN = frozenset(str(key.value) for key in Keys if not str(key.value).startswith("<"))


class Keymap:
    """The keys in force."""

    def __init__(self, wanted: Mapping[str, str] | None = None, where: str = "keys") -> None:
        """
        Args:
            wanted: id of an action -> its keys, separated by commas.
            where: the place of the setting, for messages.

        Raises:
            UsageError: an id or a key is unknown, or a key has two actions; one line for each error.
        """
        wanted = wanted or {}
        errors = list(_errors(wanted, where))
        if len(errors) == 1:
            raise UsageError(errors[0])
        if errors:
            raise UsageError(f"{len(errors)} keys are wrong\n" + "\n".join(f"  {error}" for error in errors))
        self.wanted: dict[str, str] = {id: ",".join(_parts(text)) for id, text in wanted.items()}
        """In Textual's form."""

    def applied(self, table: Iterable[Key]) -> tuple[Key, ...]:
        """Rows of the table with the keys in force."""
        return tuple(
            replace(key, keys=self.wanted[key.id], shown_as=_written(self.wanted[key.id].split(",")))
            if key.id in self.wanted
            else key
            for key in table
        )

    def written(self, id: str) -> str:
        """The first key of an action, as written in a sentence."""
        key = next(iter(self.applied(key for key in keys.all_keys() if key.id == id)))
        return name(key.keys.split(",")[0])

    def of_key(self, pressed: str) -> Key | None:
        """The action of a key pressed on the main screen; None where it has none."""
        return next((key for key in self.applied(keys.MAIN) if pressed in key.keys.split(",")), None)


def name(key: str) -> str:
    """A key as written for users: `^k`, `F2`, `/`, `PgDn`."""
    if key.startswith("ctrl+"):
        return "^" + name(key.removeprefix("ctrl+"))
    for modifier in _MODIFIERS:
        if key.startswith(modifier):
            return f"{modifier.title()}{name(key.removeprefix(modifier))}"
    if key in NAMES:
        return NAMES[key]
    return key.upper() if key[0] == "f" and key[1:].isdigit() else format_key(key)


def _written(parts: Iterable[str]) -> str:
    return " ".join(map(name, parts))


def _parts(text: str) -> list[str]:
    # A comma alone is the key itself.
    parts = [","] if text.strip() == "," else [part.strip() for part in text.split(",")]
    return [_long(part) for part in parts if part]


def _long(key: str) -> str:
    """`question_mark` for `?`, as in Textual's names."""
    if len(key) != 1 or key.isalnum():
        return key
    return next((long for long in _long_names() if key_to_character(long) == key), key)


def _long_names() -> Iterator[str]:
    for long in (*KEY_TO_UNICODE_NAME, *REPLACED_KEYS, "comma", "colon", "semicolon", "asterisk", "tilde"):
        yield KEY_NAME_REPLACEMENTS.get(long, long)


def _is_key(key: str) -> bool:
    bare = key
    for modifier in _MODIFIERS:
        bare = bare.removeprefix(modifier)
    if len(bare) == 1:
        return bare.isprintable() and not bare.isspace()
    return bare in _KNOWN or bare in _long_names() or (bare == key and key_to_character(key) is not None)


def _errors(wanted: Mapping[str, str], where: str) -> Iterator[str]:
    known = {key.id: key for place in PLACES.values() for key in place}
    good: dict[str, list[str]] = {}
    for id, text in wanted.items():
        if id not in known:
            near = get_close_matches(id, known, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"actions are {', '.join(sorted(known))}"
            yield f"{where}.{id}: no such action; {hint}"
            continue
        parts = _parts(text)
        wrong = [part for part in parts if not _is_key(part)]
        for part in wrong:
            near = get_close_matches(part, _KNOWN, n=1)
            hint = f'did you mean "{near[0]}"? Otherwise ' if near else ""
            yield (
                f'{where}.{id}: "{part}" is not a valid key; {hint}use a character, or a name such as f2, '
                "ctrl+k, pagedown, space"
            )
        for part in parts:
            if part in KEPT:
                yield f'{where}.{id}: "{part}" is reserved for {KEPT[part]}; use another key'
        if not parts:
            yield f"{where}.{id}: no key given; use for example {id} = {_example(known[id])}"
        elif not wrong:
            good[id] = parts
    if good:  # The defaults clash nowhere, and comparing all of them takes 20 ms.
        yield from _clashes(good, where)


def _example(key: Key) -> str:
    return f'"{key.keys}"'


def _clashes(wanted: Mapping[str, list[str]], where: str) -> Iterator[str]:
    seen: set[tuple[str, str, str]] = set()
    for place in PLACES.values():
        for one, other in combinations(place, 2):
            usual = set(one.keys.split(",")) & set(other.keys.split(","))
            now = set(wanted.get(one.id, one.keys.split(","))) & set(
                wanted.get(other.id, other.keys.split(","))
            )
            for key in sorted(now - usual):
                if (key, one.id, other.id) not in seen:
                    seen.add((key, one.id, other.id))
                    yield f'{where}: "{name(key)}" is bound to {one.id} and {other.id}; change one of them'


PLACES: Mapping[str, tuple[Key, ...]] = {
    "list": (*keys.LIST, *keys.BODY_FROM_AFAR, *keys.MAIN, *keys.TAB_KEYS),
    "facts": (*keys.PAGE, *keys.BODY_FROM_AFAR, *keys.MAIN, *keys.TAB_KEYS),
    "body": (*keys.BODY, *keys.MAIN, *keys.TAB_KEYS),
    "compare": (*keys.SCROLL, *keys.COMPARE),
    "journey": (*keys.STEPS, *keys.JOURNEY),
    "refusals": (*keys.ROWS, *keys.REFUSALS),
    "a refusal": (*keys.SCROLL, *keys.REFUSALS),
    "rehearsal": (*keys.ROWS, *keys.REHEARSAL),
    "a line of a rehearsal": (*keys.SCROLL, *keys.REHEARSAL),
    "columns": keys.COLUMNS,
    "sending": keys.SENDING,
    "preview": (*keys.SCROLL, *keys.PREVIEW),
    "edit": keys.EDIT,
}
"""Place on the screen -> keys that can be pressed there."""


USUAL = Keymap()


def of(app: object) -> Keymap:
    """The keys in force in an application; the defaults where it has no settings for them."""
    found = getattr(app, "keys_in_force", USUAL)
    return found if isinstance(found, Keymap) else USUAL
