"""A project file sets freely what stays inside its folder and on loopback; the rest once it is trusted."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.config import (
    SETTINGS,
    LeftOut,
    ProjectFile,
    Settings,
    UntrustedSettings,
    default_db,
    leave_out,
    load,
    project_file,
    trusted,
    user_file,
    why_left_out,
    with_left_out_of,
)
from relay.errors import RelayError, UsageError
from relay.text.targets import is_loopback


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a cloned repository, with another folder beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    return folder


def written(project: Path, text: str) -> Path:
    (project / "lean-relay.toml").write_text(text)
    return project / "lean-relay.toml"


def loaded(project: Path, environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    return load(flags, environ=environ or {}, cwd=project)


def needs(project: Path, text: str) -> list[tuple[str, str]]:
    """Name and value of what needs trust in a project file."""
    found = project_file(written(project, text))
    return [(each.name, each.value) for each in found.outer]


INSIDE = """
db = "data/relay.db"
host = "127.0.0.1"
port = 5399
public_url = "https://relay.example.com"
follow_from = "now"
max_body = "1MiB"
respond = 500
respond_delay = 1
respond_rules = [{ when = "type:payment", status = 500 }]
forward = [":3000/hook", "http://localhost:3001", "http://LOCALHOST:3001", "https://127.8.9.1/x", "http://[::1]:4000"]
retry = "fast"
time_scale = 0.5
timeout = 5
in_flight = 2
insecure = false
dev_tls = true
allow_cross_site = false
connections = 10
senders = ["10.0.0.1"]
mask_headers = ["x-api-key"]
keep = "forever"
allow_network_fs = false
app_token = { env = "LEAN_SANDBOX_APP_TOKEN" }
[secrets]
sandbox = { file = "sandbox.secret" }
production = { env = "LEAN_PRODUCTION_SECRET" }
[keys]
quit = "q"
"""


def test_what_stays_inside_needs_no_trust(project: Path) -> None:
    """Everything within the folder and on loopback is taken without a question, and so is public_url."""
    assert needs(project, INSIDE) == []
    settings = loaded(project)
    assert settings.db == project / "data" / "relay.db"
    assert len(settings.forward) == 5
    assert settings.left_out == ()


@pytest.mark.parametrize(
    ("line", "outer"),
    [
        ('forward = [":3000", "http://elsewhere/"]', ("forward", "http://elsewhere/")),
        (
            'forward = [{to = "https://x.example/h", when = "sig:valid"}]',
            ("forward", "https://x.example/h (when sig:valid)"),
        ),
        ('forward = ["http://localhost.example.com/"]', ("forward", "http://localhost.example.com/")),
        ('forward = ["http://app.localhost:3000"]', ("forward", "http://app.localhost:3000")),
        ('forward = ["http://0.0.0.0:3000"]', ("forward", "http://0.0.0.0:3000")),
        ('forward = ["http://2130706433/"]', ("forward", "http://2130706433/")),
        ('forward = ["backend:3000"]', ("forward", "backend:3000")),
        ('tunnel = "ssh:me@server"', ("tunnel", "ssh:me@server")),
        (
            "tunnel = {command = ['a', 'b'], url = '.'}",
            ("tunnel", 'command ["a", "b"], url .'),
        ),
        ('host = "0.0.0.0"', ("host", "0.0.0.0")),
        ('host = "localhost.evil.example"', ("host", "localhost.evil.example")),
        ('db = "../outside/relay.db"', ("db", "{outside}/relay.db")),
        ('db = "link/relay.db"', ("db", "{outside}/relay.db")),
        ('db = "dangling.db"', ("db", "{outside}/new.db")),
        ('db = "/elsewhere/relay.db"', ("db", "/elsewhere/relay.db")),
        ('db = "~/relay.db"', ("db", "{home}/relay.db")),
        ('db = "relay.db"\nkeep = "90m"', ("keep", "90m")),
        ("insecure = true", ("insecure", "true")),
        ("allow_cross_site = true", ("allow_cross_site", "true")),
        ("allow_network_fs = true", ("allow_network_fs", "true")),
        ("dev_tls = false", ("dev_tls", "false")),
        ('target_ca = "ca.pem"', ("target_ca", "{project}/ca.pem")),
        ('target_cert = "c.pem"', ("target_cert", "{project}/c.pem")),
        ('target_key = "link/k.pem"', ("target_key", "{outside}/k.pem")),
        ('target_server_name = "evil.example"', ("target_server_name", "evil.example")),
        ('tls_cert = "c.pem"', ("tls_cert", "{project}/c.pem")),
        ('tls_key = "k.pem"', ("tls_key", "{project}/k.pem")),
        ('tls_key_password_file = "p"', ("tls_key_password_file", "{project}/p")),
        ('client_ca = "ca.pem"', ("client_ca", "{project}/ca.pem")),
        ('client_auth = "off"', ("client_auth", "off")),
        ('client_pin = ["san:x", "san:y"]', ("client_pin", "san:x, san:y")),
        ('lean = {environment = "production"}', ("lean", "environment production")),
        ('lean = {api_url = "https://evil.example/"}', ("lean", "api_url https://evil.example")),
        ('lean = {client_secret = {env = "LEAN_S"}}', ("lean", "client_secret environment LEAN_S")),
        ("share = true", ("share", "true")),
        ("follow = true", ("follow", "true")),
        ("share_samples = true", ("share_samples", "true")),
        ('team = {url = {env = "LEAN_T"}}', ("team", "url environment LEAN_T")),
        ('team = {keep = "1d"}', ("team", "keep 1d")),
        ("team = {allow_plain = true}", ("team", "allow_plain True")),
        ('secrets = {a = {file = "../outside/s"}}', ("secrets.a", "file {outside}/s")),
        ('secrets = {a = {file = "link/s"}}', ("secrets.a", "file {outside}/s")),
        (
            'secrets = {a = {env = "AWS_SECRET_ACCESS_KEY"}}',
            ("secrets.a", "environment AWS_SECRET_ACCESS_KEY"),
        ),
        ('app_token = {file = "/etc/hostname"}', ("app_token", "file /etc/hostname")),
        ('app_token = {env = "TOKEN"}', ("app_token", "environment TOKEN")),
    ],
)
def test_what_reaches_further_needs_trust(project: Path, line: str, outer: tuple[str, str]) -> None:
    """Other hosts, files outside once links are resolved, removal, certificates, switched-off checks."""
    outside = project.parent / "outside"
    (project / "link").symlink_to(outside)
    (project / "dangling.db").symlink_to(outside / "new.db")
    name, value = outer
    value = value.format(outside=outside, project=project, home=Path.home())
    assert needs(project, line) == [(name, value)]
    with pytest.raises(UntrustedSettings) as caught:
        loaded(project)
    file = project / "lean-relay.toml"
    assert caught.value.word == "untrusted-settings"
    assert str(caught.value).splitlines() == [
        f"{file} has settings that reach beyond its folder and this machine:",
        f"  {name} = {value}",
        f"if you trust it, run `lean-relay trust {file}`, or name it: --config {file}",
    ]


def test_each_setting_has_decided(project: Path) -> None:
    """A setting that is added has to say what it reaches, and the two tests above have to know it."""
    inside = {line.partition(" = ")[0] for line in INSIDE.splitlines()} | {"keys"}
    marks = test_what_reaches_further_needs_trust.pytestmark  # type: ignore[attr-defined]
    outer = {case[1][0] for case in marks[0].args[1]}
    assert SETTINGS.keys() <= inside | outer


def test_trust_holds_for_a_path_and_the_values_that_need_it(project: Path) -> None:
    """Any other line may change; a value that needs trust, or one more of them, needs it again."""
    file = written(project, 'forward = ["http://elsewhere/"]')
    trusted.trust(project_file(file))
    assert loaded(project).forward[0].to == "http://elsewhere/"
    written(project, 'port = 1\nforward = [":3000", "http://elsewhere/"]')
    assert loaded(project).port == 1
    for text in (
        'forward = ["http://elsewhere/other"]',
        'forward = ["http://elsewhere/", "http://more/"]',
        'forward = [{to = "http://elsewhere/", when = "type:payment"}]',
        'forward = ["http://elsewhere/"]\ninsecure = true',
    ):
        written(project, text)
        with pytest.raises(UntrustedSettings):
            loaded(project)
    copy = project.parent / "copy"
    copy.mkdir()
    written(copy, 'forward = ["http://elsewhere/"]')
    with pytest.raises(UntrustedSettings):
        loaded(copy)


def test_a_link_that_leads_elsewhere_needs_trust_again(project: Path) -> None:
    """A path counts with its links resolved: the same words may mean another file after a pull."""
    (project / "data").symlink_to(project.parent / "outside")
    trusted.trust(project_file(written(project, 'db = "data/relay.db"')))
    assert loaded(project).db == project.parent / "outside" / "relay.db"
    (project / "data").unlink()
    (project / "data").symlink_to(project.parent)
    with pytest.raises(UntrustedSettings, match=f"db = {project.parent}/relay.db"):
        loaded(project)


def test_a_file_that_is_a_link_is_trusted_by_its_own_path(project: Path) -> None:
    """Its folder is the one where it was found; trust in the file that it leads to is none in it."""
    other = written(project.parent / "outside", 'db = "relay.db"\ninsecure = true')
    trusted.trust(project_file(other))
    (project / "lean-relay.toml").symlink_to(other)
    with pytest.raises(UntrustedSettings):
        loaded(project)
    trusted.trust(project_file(project / "lean-relay.toml"))
    assert loaded(project).db == project / "relay.db"
    by_link = project.parent / "by-link"
    by_link.symlink_to(project)
    assert load({}, environ={}, cwd=by_link).insecure


def test_naming_a_file_is_trust(project: Path) -> None:
    """--config and LEAN_RELAY_CONFIG name a file; variables, options and the own file need no trust."""
    file = written(project, 'forward = ["http://elsewhere/"]\nkeep = "1m"')
    for settings in (
        load({}, config=file, environ={}, cwd=project),
        loaded(project, {"LEAN_RELAY_CONFIG": str(file)}),
    ):
        assert settings.forward[0].to == "http://elsewhere/"
        assert (settings.keep, settings.keep_file) == (timedelta(minutes=1), None)
    file.unlink()
    user_file().parent.mkdir(parents=True)
    user_file().write_text('forward = ["http://elsewhere/"]\nkeep = "1m"\nhost = "0.0.0.0"')
    settings = loaded(project, {"LEAN_RELAY_INSECURE": "true"}, target_ca=Path("/ca.pem"))
    assert (settings.host, settings.insecure, settings.keep_file) == ("0.0.0.0", True, None)


def test_what_is_not_in_force_is_not_asked_about(project: Path) -> None:
    """Where options or variables stand in for what needs trust, the rest of the file holds without."""
    written(
        project,
        'port = 1\nforward = ["http://elsewhere/"]\ninsecure = true\nsecrets = {default = {env = "X"}}',
    )
    environ = {"LEAN_RELAY_INSECURE": "false", "LEAN_WEBHOOK_SECRET": "s"}
    settings = loaded(project, environ, forward_to=(":3000",))
    assert (settings.port, settings.insecure, settings.forward[0].to) == (1, False, ":3000")
    assert settings.left_out == ()


def test_left_out_settings_are_named(project: Path) -> None:
    """A command that never asks goes on without them, with the user's own in their place, and says which."""
    user_file().parent.mkdir(parents=True)
    user_file().write_text('forward = [":4000"]')
    written(
        project,
        'port = 1\nforward = ["http://elsewhere/"]\ndb = "../relay.db"\nkeep = "forever"\n'
        'secrets = {keep = {file = "inside"}, b = {env = "X"}}',
    )
    settings = load({}, environ={}, cwd=project, untrusted=leave_out)
    assert (settings.port, settings.db, settings.forward[0].to) == (1, default_db(), ":4000")
    assert [source.name for source in settings.secrets] == ["keep"]
    assert {each.name for each in settings.left_out} == {"db", "forward", "secrets.b", "keep"}
    assert settings.sources["keep"] == "default"
    ((what, next_step),) = why_left_out(settings.left_out)
    assert (
        what
        == f"{project}/lean-relay.toml is not trusted, so its forward, db, secrets.b and keep are left out"
    )
    assert next_step == f"run `lean-relay trust {project}/lean-relay.toml` if you trust it"


def test_the_question_is_about_what_was_read(project: Path) -> None:
    """A file that changes while the question is open changes nothing of what is trusted and in force."""
    file = written(project, 'forward = ["http://asked/"]')

    def ask(found: ProjectFile) -> bool:
        written(project, 'forward = ["http://other/"]')
        trusted.trust(found)
        return True

    settings = load({}, environ={}, cwd=project, untrusted=ask)
    assert [route.to for route in settings.forward] == ["http://asked/"]
    with pytest.raises(UntrustedSettings, match="http://other/"):
        loaded(project)
    assert file.exists()


def test_keep_is_for_the_database_that_the_file_names(project: Path) -> None:
    """`keep` of a project file without `db` is an error; with another database in use it is left out."""
    written(project, 'keep = "1m"')
    with pytest.raises(UsageError, match="keep: a project file can set it only together with db"):
        loaded(project)
    trusted.trust(project_file(written(project, 'db = "relay.db"\nkeep = "1m"')))
    settings = loaded(project)
    assert (settings.keep, settings.keep_file) == (timedelta(minutes=1), project / "lean-relay.toml")
    assert loaded(project, db=str(project / "relay.db")).keep == timedelta(minutes=1)
    (project / "same.db").symlink_to("relay.db")
    assert loaded(project, db=str(project / "same.db")).keep == timedelta(minutes=1)
    user_file().parent.mkdir(parents=True)
    user_file().write_text('keep = "30d"')
    for settings in (
        loaded(project, db=str(project / "other.db")),
        loaded(project, {"LEAN_RELAY_DB": str(default_db())}),
    ):
        assert (settings.keep, settings.keep_file) == (timedelta(days=30), None)
        (left,) = settings.left_out
        assert left == LeftOut(
            name="keep", where="lean-relay.toml: keep", file=project / "lean-relay.toml", for_other_db=True
        )
        assert "the database in use is not the one that this file names" in why_left_out([left])[0][0]
    settings = loaded(project, {"LEAN_RELAY_KEEP": "2m"})
    assert (settings.keep, settings.keep_file) == (timedelta(minutes=2), None)


def test_removal_is_agreed_to_for_a_database_and_a_length_of_time(project: Path) -> None:
    """A longer `keep` removes less and needs no new yes; a shorter one, or another database, does."""
    file = written(project, 'db = "relay.db"\nkeep = "2h"')
    db, two, three = project / "relay.db", timedelta(hours=2), timedelta(hours=3)
    with pytest.raises(RelayError, match="is not trusted"):
        trusted.agree_to_removal(file, db, two)
    trusted.trust(project_file(file))
    assert not trusted.may_remove(file, db, two)
    trusted.agree_to_removal(file, db, two)
    assert trusted.may_remove(file, db, two)
    assert trusted.may_remove(file, db, three)
    assert not trusted.may_remove(file, db, timedelta(hours=1))
    assert not trusted.may_remove(file, project / "other.db", two)
    trusted.trust(project_file(written(project, 'db = "relay.db"\nkeep = "3h"')))
    assert trusted.may_remove(file, db, three)
    assert trusted.forget(file)
    assert not trusted.may_remove(file, db, three)


def test_settings_read_again_keep_what_is_not_trusted_as_it_was(project: Path) -> None:
    """A reload takes the new values but those that would need trust anew."""
    trusted.trust(
        project_file(
            written(
                project,
                'port = 1\ndb = "relay.db"\nkeep = "2h"\nforward = ["http://one/"]\napp_token = {env = "T"}\n'
                'secrets = {a = {env = "A"}, b = {env = "LEAN_B"}}',
            )
        )
    )
    old = loaded(project)
    written(
        project,
        'port = 2\ndb = "relay.db"\nkeep = "1h"\nforward = ["http://two/"]\napp_token = {env = "T2"}\n'
        'secrets = {a = {env = "A2"}, b = {env = "LEAN_B2"}}',
    )
    reread = load({}, environ={}, cwd=project, untrusted=leave_out)
    fresh = with_left_out_of(reread, old)
    assert (fresh.port, fresh.keep, fresh.keep_file) == (2, timedelta(hours=2), project / "lean-relay.toml")
    assert [route.to for route in fresh.forward] == ["http://one/"]
    assert fresh.app_token is not None
    assert [source.env for source in (fresh.app_token, *fresh.secrets)] == ["T", "LEAN_B2", "A"]
    assert fresh.sources["forward"] == "lean-relay.toml: forward"
    assert [each.name for each in fresh.left_out] == ["keep", "forward", "secrets.a", "app_token"]


def test_what_is_remembered_is_private_and_only_ours_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the state folder is 0600 in a folder of 0700; one that others could write says nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(project.parent / "new" / "state"))
    found = project_file(written(project, "insecure = true"))
    assert not trusted.forget(found.path)
    assert list(trusted.all_trusted()) == []
    trusted.trust(found)
    trusted.trust(found)
    (place,) = trusted.folder().iterdir()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    for folder in (trusted.folder(), project.parent / "new"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(each.path, each.names) for each in trusted.all_trusted()] == [(found.path, ("insecure",))]
    place.chmod(0o666)
    assert not trusted.is_trusted(found)
    place.chmod(0o600)
    assert trusted.is_trusted(found)
    content = place.read_bytes()
    for damaged in (b"", b"[]", b"{", b"null", content.replace(b'"digest"', b'"x"'), b"[" * 100_000):
        place.write_bytes(damaged)
        assert not trusted.is_trusted(found)
    place.rename(project.parent / "moved")
    place.symlink_to(project.parent / "moved")
    (project.parent / "moved").write_bytes(content)
    assert not trusted.is_trusted(found)


def test_trust_that_cannot_be_written_is_an_error(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never half given: without a place to remember it, the message names --config."""
    (project.parent / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(project.parent / "file"))
    with pytest.raises(RelayError, match="--config") as caught:
        trusted.trust(project_file(written(project, "insecure = true")))
    assert caught.value.word == "not-written"


def test_untrusted_text_in_the_error_is_clean_and_bounded(project: Path) -> None:
    """Neither control characters nor a thousand targets reach the terminal."""
    targets = ", ".join(f'"http://host{number}/{"x" * 500}"' for number in range(1000))
    written(
        project, f'target_server_name = "x"\ndb = "../\\u001b[2J\\nlean-relay: fine"\nforward = [{targets}]'
    )
    with pytest.raises(UntrustedSettings) as caught:
        loaded(project)
    text = str(caught.value)
    assert "\x1b" not in text
    assert "\nlean-relay: fine" not in text
    assert "␛[2J␊lean-relay: fine" in text
    assert "and 990 more" in text
    assert len(text) < 5_000


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.0.0.1", True),
        ("127.255.0.3", True),
        ("::1", True),
        ("localhost.", False),
        ("127.1", False),
        ("127.0.0.1.nip.io", False),
        ("::", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback_by_name(host: str, is_ours: bool) -> None:
    """Loopback is localhost and addresses of loopback; nobody is asked what another name means."""
    assert is_loopback(host) is is_ours
