"""The settings as a table, for the manual."""

from __future__ import annotations

from relay.config import reach
from relay.config.declarations import SECRETS
from relay.config.settings import SETTINGS

_HEAD = ("setting", "option", "default", "meaning", "needs trust")


def settings_table() -> str:
    """Return a Markdown table of all settings; those with a structure have an example.

    The last column says when a project file needs trust for it.
    """
    rows = [_HEAD, tuple("---" for _ in _HEAD)]
    for each in SETTINGS.values():
        option = f"`{each.option_name}`" if each.option is not None else ""
        default = f"`{each.default_text}`" if each.default_text else ""
        meaning = each.meaning if each.structure is None else f"{each.meaning} `{each.example}`"
        rows.append((f"`{each.key}`", option, default, meaning, each.reach.trust))
    rows += [(f"`{each.key}`", "", "", each.meaning, reach.secret.trust) for each in SECRETS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
