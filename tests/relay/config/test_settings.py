"""Each setting is declared once, and what follows from the declaration."""

from __future__ import annotations

from dataclasses import fields

from relay.config import SECRETS, SETTINGS, Settings
from relay.docs import tables


def test_every_setting_has_a_row_with_its_option_default_and_trust() -> None:
    """The table has all settings in order, each with its default and when a project file needs trust."""
    head, _, *rows = [line.strip("| ").split(" | ") for line in tables.settings().splitlines()]
    assert head == ["setting", "option", "default", "meaning", "needs trust"]
    assert [row[0] for row in rows] == [f"`{key}`" for key in (*SETTINGS, *(each.key for each in SECRETS))]
    by_name = {row[0].strip("`"): [cell.strip() for cell in row[1:]] for row in rows}
    assert by_name["port"] == ["`--port`", "`5326`", "TCP port to listen on; 0 takes any free one.", "no"]
    assert by_name["forward"][0] == "`--forward-to`"
    assert by_name["senders"][2].endswith('`senders = ["203.0.113.7", "198.51.100.0/24"]`')
    assert by_name["max_body"][1] == "`10MiB`"
    assert by_name["keep"][3] == "unless forever"


def test_a_setting_is_named_after_its_field() -> None:
    """Every declared field is one setting; its variable and its option have the setting's name."""
    names = {each.name for each in fields(Settings)}
    assert {each.attribute for each in SETTINGS.values()} <= names
    timeout = SETTINGS["timeout"]
    assert (timeout.attribute, timeout.option_name, timeout.variable) == (
        "timeout_s",
        "--timeout",
        "LEAN_RELAY_TIMEOUT",
    )
    assert all(each.meaning.endswith(".") for each in SETTINGS.values())
