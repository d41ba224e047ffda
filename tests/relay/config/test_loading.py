"""Settings put together from flags, environment and files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from relay.config import SETTINGS, RespondRule, Route, Settings, default_db, load, user_file
from relay.errors import UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def loaded(
    cwd: Path, environ: Mapping[str, str] | None = None, config: Path | None = None, **flags: Any
) -> Settings:
    return load(flags, config=config, environ=environ or {}, cwd=cwd, untrusted=lambda _: True)


def faults(cwd: Path, environ: Mapping[str, str] | None = None, **flags: Any) -> list[str]:
    with pytest.raises(UsageError) as caught:
        loaded(cwd, environ, **flags)
    lines = str(caught.value).splitlines()
    if len(lines) > 1:
        assert lines.pop(0) == f"{len(lines)} settings are wrong"
    return [line.strip() for line in lines]


def test_defaults(project: Path) -> None:
    """Nothing set: loopback, port 5326, 10 MiB, the log in the user's data folder; each says `default`."""
    settings = loaded(project)
    assert (settings.host, settings.port, settings.max_body) == ("127.0.0.1", 5326, 10485760)
    assert settings.db == default_db()
    assert settings.db.parts[-2:] == ("lean-relay", "relay.db")
    assert set(settings.sources.values()) == {"default"}
    assert settings.files == ()
    assert settings.sources.keys() == {*SETTINGS, "app_token"}


def test_each_place_wins_over_the_next(project: Path) -> None:
    """Flags win over the environment, then the project's file, the user's file, and the defaults."""
    user_file().parent.mkdir(parents=True)
    user_file().write_text("port = 1\nhost = '::1'\nconnections = 5\nkeep = '30d'")
    (project / "lean-relay.toml").write_text("port = 2\nhost = 'localhost'\nconnections = 6")
    environ = {"LEAN_RELAY_PORT": "3", "LEAN_RELAY_HOST": "0.0.0.0"}
    settings = loaded(project, environ, port="4", host=None)
    assert (settings.port, settings.host, settings.connections) == (4, "0.0.0.0", 6)
    assert settings.keep == timedelta(days=30)
    assert settings.max_body == 10485760
    assert settings.sources["port"] == "--port"
    assert settings.sources["host"] == "LEAN_RELAY_HOST"
    assert settings.sources["connections"] == "lean-relay.toml: connections"
    assert settings.sources["keep"] == f"{user_file()}: keep"
    assert settings.sources["max_body"] == "default"
    assert settings.files == (project / "lean-relay.toml", user_file())


def test_every_setting_can_come_from_a_file_and_from_the_environment(project: Path) -> None:
    """Each example of the list of settings reads the same as TOML and, where it is text, as a variable."""
    lines = [setting.example for setting in SETTINGS.values()]
    (project / "lean-relay.toml").write_text("\n".join(lines))
    by_file = loaded(project)
    assert by_file.respond_rules == (
        RespondRule(
            when="type:payment", status=500, delay_s=1.5, first=3, where="lean-relay.toml: respond_rules[0]"
        ),
    )
    assert by_file.senders == (ip_network("203.0.113.7"), ip_network("198.51.100.0/24"))
    environ = {}
    for line in lines:
        key, _, value = line.partition(" = ")
        text = (
            value
            if key in ("respond_rules", "forward", "keys", "lean", "team")
            else value.strip('"[]').replace('"', "")
        )
        environ[f"LEAN_RELAY_{key.upper()}"] = text
    (project / "lean-relay.toml").unlink()
    by_environment = loaded(project, environ)
    for setting in SETTINGS.values():
        if setting.key not in ("respond_rules", "forward", "lean", "team"):
            assert getattr(by_environment, setting.attribute) == getattr(by_file, setting.attribute)
    assert [(route.to, route.when) for route in by_environment.forward] == [
        (":3000/hook", None),
        (":3000/payments", "type:payment"),
    ]
    assert by_environment.forward[1].where == "LEAN_RELAY_FORWARD[1]"
    assert by_environment.respond_rules[0].where == "LEAN_RELAY_RESPOND_RULES[0]"
    assert by_environment.lean.environment == by_file.lean.environment == "production"
    assert str(by_environment.lean.client_secret) == "environment LEAN_CLIENT_SECRET"
    assert (by_environment.team.keep, by_environment.team.keep_bytes) == (timedelta(days=30), 10 * 2**30)
    assert str(by_environment.team.url) == "environment LEAN_TEAM_URL"


def test_the_project_file_is_found_above(project: Path) -> None:
    """The nearest `lean-relay.toml` at or above counts, alone, and its paths are meant from its folder."""
    (project.parent / "lean-relay.toml").write_text("port = 1")
    (project / "lean-relay.toml").write_text("db = 'log/relay.db'")
    inside = project / "a/b"
    inside.mkdir(parents=True)
    settings = loaded(inside)
    assert settings.db == project / "log/relay.db"
    assert settings.port == 5326
    assert settings.sources["db"] == f"{project}/lean-relay.toml: db"


def test_relative_paths_of_flags_and_environment_start_in_the_working_folder(project: Path) -> None:
    """`--db` and LEAN_RELAY_DB are meant from where the command runs, and `~` is the home folder."""
    assert loaded(project, db=Path("x.db")).db == project / "x.db"
    assert loaded(project, {"LEAN_RELAY_DB": "x.db"}).db == project / "x.db"
    assert loaded(project, {"LEAN_RELAY_DB": "~/x.db"}).db == Path(os.environ["HOME"]) / "x.db"


def test_a_named_file_stands_in_for_the_project_file(project: Path) -> None:
    """`--config` and LEAN_RELAY_CONFIG name a file that stands in for lean-relay.toml and must exist."""
    (project / "lean-relay.toml").write_text("port = 1")
    (project / "other.toml").write_text("host = '::1'")
    for settings in (
        loaded(project, config=Path("other.toml")),
        loaded(project, {"LEAN_RELAY_CONFIG": "other.toml"}),
    ):
        assert (settings.port, settings.host) == (5326, "::1")
    with pytest.raises(UsageError, match=r"nowhere\.toml: could not be read: No such file"):
        loaded(project, config=Path("nowhere.toml"))


def test_all_faults_of_all_places_are_listed_at_once(project: Path) -> None:
    """One message names each wrong value with its place and what to do, whether it would be used or not."""
    user_file().parent.mkdir(parents=True)
    user_file().write_text("port = 'http'")
    (project / "lean-relay.toml").write_text(
        "prot = 80\nmax-body = 5\nkeep = 30\ndb = 'relay.db'\n"
        "respond_rules = [{when = 'type:payment', status = 99, delays = 3}, {status = 500}, 7, {when = ' '}]"
    )
    environ = {"LEAN_RELAY_HOTS": "x", "LEAN_RELAY_RESPOND": "abc", "LEAN_RELAY_RESPOND_RULES": "["}
    assert faults(project, environ, port="99999", host="::1") == [
        '--port: "99999" is not a valid port; use a whole number from 0 to 65535',
        'LEAN_RELAY_RESPOND: "abc" is not a valid status; use a whole number from 200 to 599',
        "LEAN_RELAY_HOTS: no such setting; did you mean LEAN_RELAY_HOST?",
        "LEAN_RELAY_RESPOND_RULES: is not a valid TOML list of tables: Invalid value (at end of document)",
        "lean-relay.toml: keep: 30 is not a valid duration; "
        "use a number and ms, s, m, h, d or w, for example 12h",
        "lean-relay.toml: respond_rules[0].status: 99 is not a valid status; "
        "use a whole number from 200 to 599",
        'lean-relay.toml: respond_rules[0].delays: no such key in a rule; did you mean "delay"?',
        'lean-relay.toml: respond_rules[1]: has no "when"; say which webhooks it is for, '
        'such as when = "type:payment"',
        'lean-relay.toml: respond_rules[2]: 7 is not a table; use { when = "type:payment", status = 500 }',
        'lean-relay.toml: respond_rules[3].when: " " is not a filter; use one such as type:payment',
        'lean-relay.toml: respond_rules[3]: has no effect; add a "status", a "delay" or both',
        'lean-relay.toml: max-body: no such setting; did you mean "max_body"?',
        'lean-relay.toml: prot: no such setting; did you mean "port"?',
        f'{user_file()}: port: "http" is not a valid port; use a whole number from 0 to 65535',
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"port = ", "is not TOML: Invalid value"),
        (b"port = 1\nport = 2", "is not TOML: Cannot overwrite a value"),
        (b"host = '\xff'", "is not UTF-8 text"),
        (b"x = " + b"[" * 100_000, ": is nested too deeply"),
        (b"db = ''", 'db: "" is not a valid path'),
        (b"db = 5", "db: 5 is not a valid path"),
        (b"db = '~nobody-of-that-name/x'", "names an unknown home folder"),
        (b"respond_rules = 5", "is not a list of tables"),
        (b"port = true", "port: True is not a valid port"),
    ],
)
def test_a_broken_file_is_a_fault_of_one_line(project: Path, content: bytes, said: str) -> None:
    """Whatever stands in a settings file, the answer is one fault that names the file."""
    (project / "lean-relay.toml").write_bytes(content)
    (fault,) = faults(project)
    assert fault.startswith("lean-relay.toml: ")
    assert said in fault


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_as_windows_saves_it(encoding: str, project: Path) -> None:
    """A byte order mark and UTF-16 are read past, in the project's file and in one's own."""
    (project / "lean-relay.toml").write_bytes("port = 5399\r\n".encode(encoding))
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_bytes('public_url = "https://münchen.example"\n'.encode(encoding))
    settings = loaded(project)
    assert (settings.port, settings.public_url) == (5399, "https://münchen.example")


@pytest.mark.parametrize(
    ("key", "text", "plain"),
    [
        ("FORWARD", '[":3000"]', ":3000"),
        ("FORWARD", '["[::1]:3000/hook"]', "[::1]:3000/hook"),
        ("FORWARD", '["http://localhost:3000/a,b"]', "http://localhost:3000/a,b"),
        ("FORWARD", '[":3000"]', '":3000"'),
        ("FORWARD", '[{ to = ":3000", when = "type:payment" }]', '{ to = ":3000", when = "type:payment" }'),
        (
            "RESPOND_RULES",
            '[{ when = "type:payment", status = 500 }]',
            '{ when = "type:payment", status = 500 }',
        ),
        ("SENDERS", '["203.0.113.7", "198.51.100.0/24"]', "203.0.113.7, 198.51.100.0/24"),
        ("SENDERS", '["2001:db8::1"]', "2001:db8::1"),
        ("MASK_HEADERS", '["x-api-key"]', "x-api-key"),
        ("CLIENT_PIN", '["subject:CN=a,O=b", "san:c"]', "subject:CN=a,O=b,san:c"),
    ],
)
def test_lists_of_variables(key: str, text: str, plain: str, project: Path) -> None:
    """Each list is taken as TOML and as one plain value, and both mean the same."""

    def value(text: str) -> object:
        settings = loaded(project, {f"LEAN_RELAY_{key}": text})
        found = getattr(settings, key.lower())
        return [replace(one, where="") if hasattr(one, "where") else one for one in found]

    assert value(plain) == value(text) != []


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("FORWARD", '[":3000"', "is not a valid TOML list of targets: "),
        ("FORWARD", "3000", "'3000' is not a valid target; use :3000, localhost:3000/hook or a URL; did you"),
        ("FORWARD", ":3000, :4000", "':3000, :4000' is not a valid target: "),
        ("FORWARD", " ", "is not a valid target: "),
        ("FORWARD", "true", "'true' is not a valid target"),
        ("SENDERS", "[203.0.113.7]", "is not a valid TOML list of addresses: "),
        ("KEYS", "S", "is not a valid TOML table of keys: "),
        ("KEYS", "5", "is not a valid TOML table of keys: it has another type"),
        ("RESPOND_RULES", "500", "is not a valid TOML list of tables: it has another type"),
        ("RESPOND_RULES", "type:payment", "is not a valid TOML list of tables: "),
        ("SENDERS", '"a"\nport = 3', "is not a valid TOML list of addresses: it has several lines"),
    ],
)
def test_wrong_lists_of_variables(key: str, text: str, said: str, project: Path) -> None:
    """What is neither is told with the variable's name and what is wrong."""
    (fault,) = faults(project, {f"LEAN_RELAY_{key}": text})
    assert fault.startswith(f"LEAN_RELAY_{key}: ")
    assert said in fault


def test_an_empty_variable_is_one_that_is_not_set(project: Path) -> None:
    """`LEAN_RELAY_PORT=` changes nothing, and neither does a repeatable option that was not given."""
    settings = loaded(project, {"LEAN_RELAY_PORT": ""}, senders=())
    assert settings.port == 5326
    assert settings.sources["senders"] == "default"


def test_settings_are_compared_by_value_and_not_by_place(project: Path) -> None:
    """The same values from other places are the same settings, so that a reload can tell what changed."""
    assert loaded(project, port=80) == loaded(project, {"LEAN_RELAY_PORT": "80"})
    assert loaded(project, port=80) != loaded(project, port=81)


def test_targets_of_flags_stand_in_for_those_of_files(project: Path) -> None:
    """`--forward-to` replaces the routes of files, and `--only` narrows each of its targets."""
    (project / "lean-relay.toml").write_text("forward = [':3000', {to = ':4000/x', when = 'sig:valid'}]")
    settings = loaded(project)
    assert settings.forward == (
        Route(to=":3000", where="lean-relay.toml: forward[0]"),
        Route(to=":4000/x", when="sig:valid", where="lean-relay.toml: forward[1]"),
    )
    assert settings.forward[1].where_when == "lean-relay.toml: forward[1].when"
    settings = loaded(project, forward_to=(":5000", "localhost:6000/hook"), only="type:payment")
    assert [(route.to, route.when) for route in settings.forward] == [
        (":5000", "type:payment"),
        ("localhost:6000/hook", "type:payment"),
    ]
    assert {route.where_when for route in settings.forward} == {"--only"}
    assert settings.sources["forward"] == "--forward-to"


def test_what_is_wrong_with_routes_is_said_where_it_stands(project: Path) -> None:
    """A wrong target or table is named by its place; `--only` alone is a fault."""
    (project / "lean-relay.toml").write_text(
        "forward = ['3000', 7, {to = 'ftp://x', when = ''}, {when = 'sig:valid'}, {to = ':1', if = 'x'}]\n"
        "retry = 'often'\ntime_scale = 0\ntimeout = 0\nin_flight = 65"
    )
    environ = {"LEAN_RELAY_FORWARD": '[":3000"', "LEAN_RELAY_TIME_SCALE": "x"}
    assert set(faults(project, environ, only="sig:valid")) == {
        "--only has no effect without --forward-to",
        "LEAN_RELAY_FORWARD: is not a valid TOML list of targets: Unclosed array (at end of document)",
        'LEAN_RELAY_TIME_SCALE: "x" is not a valid factor; '
        "use a number above 0 and up to 1000, for example 0.01",
        "lean-relay.toml: forward[0]: '3000' is not a valid target; use :3000, localhost:3000/hook or a URL"
        "; did you mean :3000?",
        "lean-relay.toml: forward[1]: 7 is not a valid target; use :3000, localhost:3000/hook or a URL",
        "lean-relay.toml: forward[2].to: 'ftp://x' is not a valid target: "
        "a URL starts with http:// or https:// "
        "and a host",
        'lean-relay.toml: forward[2].when: "" is not a filter; use one such as type:payment',
        'lean-relay.toml: forward[3]: has no "to"; add a target, for example to = ":3000/hook"',
        "lean-relay.toml: forward[4].if: no such key in a route; there are to, when",
        'lean-relay.toml: retry: "often" is not one of the choices; use none, fast or lean',
        "lean-relay.toml: time_scale: 0 is not a valid factor; "
        "use a number above 0 and up to 1000, for example 0.01",
        "lean-relay.toml: timeout: 0 is not a valid time to wait; "
        "use 0.1 to 86400 seconds, for example 300 or 5m",
        "lean-relay.toml: in_flight: 65 is not a valid number of attempts at a time; "
        "use a whole number from 1 to 64",
    }
    (project / "lean-relay.toml").unlink()
    assert faults(project, forward_to=("nowhere",), only=" ") == [
        '--only: " " is not a filter; use one such as type:payment',
        "--forward-to: 'nowhere' is not a valid target; use :3000, localhost:3000/hook or a URL"
        "; did you mean https://nowhere?",
    ]


def test_keys_of_the_screen(tmp_path: Path) -> None:
    """Dotted names, quoted ones and a variable give the same; what is no text is told with its place."""
    for text in (
        '[keys]\ncapture.star = "S"\nquit = "q,f10"\n',
        'keys = { "capture.star" = "S", quit = "q,f10" }\n',
    ):
        (tmp_path / "lean-relay.toml").write_text(text)
        assert load({}, cwd=tmp_path, environ={}).keys == {"capture.star": "S", "quit": "q,f10"}
    environ = {"LEAN_RELAY_KEYS": '{ capture.star = "T" }'}
    assert load({}, cwd=tmp_path, environ=environ).keys == {"capture.star": "T"}
    (tmp_path / "lean-relay.toml").write_text("[keys]\ncapture.star = 5\nquit = []\n")
    with pytest.raises(UsageError) as raised:
        load({}, cwd=tmp_path, environ={})
    assert "keys.capture.star: 5 is not a text" in str(raised.value)
    assert "keys.quit: [] is not a text" in str(raised.value)
