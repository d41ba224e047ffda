"""The settings by name: what each means, how it is read, what it looks like in a file.

Owns the list that flags, environment, files, `config init` and `config show` all follow.
Reads no file and no environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from relay.config import reach, values
from relay.config.reach import Reach
from relay.config.settings import CLIENT_AUTH, RETRIES
from relay.config.sources import Place
from relay.config.tables import respond_rules, routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as flags, environment and files know it."""

    key: str
    parse: Callable[[object, Place], object]
    """Raises `ValueError` with what is wrong and what to write instead."""
    meaning: str
    """For the file that `config init` writes."""
    example: str
    """A line of TOML."""
    attribute: str
    """The field of `Settings`."""
    reach: Reach
    """What a value in a project's file reaches beyond its folder; such a file has to be trusted with it."""
    structure: str | None = None
    """What a variable holds as TOML, `list of targets`, or one plain value in place of a list; else None."""


def _setting(
    key: str,
    parse: Callable[[object], object],
    meaning: str,
    example: str,
    *,
    reach: Reach,
    attribute: str = "",
    structure: str | None = None,
) -> Setting:
    return Setting(
        key=key,
        parse=lambda value, _place: parse(value),
        meaning=meaning,
        example=f"{key} = {example}",
        attribute=attribute or key,
        reach=reach,
        structure=structure,
    )


def _file(key: str, meaning: str, example: str) -> Setting:
    return Setting(
        key=key,
        parse=lambda value, place: place.path(value),
        attribute=key,
        reach=reach.any_file,
        meaning=meaning,
        example=f'{key} = "{example}"',
    )


def _db(value: object, place: Place) -> Path:
    return place.path(value)


def _port(value: object) -> int:
    return values.whole_number(value, 0, 65535, "port")


def _connections(value: object) -> int:
    return values.whole_number(value, 1, 65535, "number of connections")


def _in_flight(value: object) -> int:
    return values.whole_number(value, 1, 64, "number of tries at a time")


SETTINGS: Mapping[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting(
            key="db",
            parse=_db,
            attribute="db",
            reach=reach.file_outside,
            meaning="The log. A relative path is meant from this file's folder.",
            example='db = "relay.db"',
        ),
        _setting(
            "host",
            values.host,
            "The address to listen on. Anything but loopback lets others post.",
            '"127.0.0.1"',
            reach=reach.host,
        ),
        _setting("port", _port, "The port to listen on; 0 takes any free one.", "5326", reach=reach.inside),
        _setting(
            "public_url",
            values.public_url,
            "The URL under which Lean reaches this relay.",
            '"https://relay.example.com"',
            reach=reach.inside,
        ),
        _setting(
            "max_body",
            values.body_limit,
            "The largest body taken; larger ones are refused with 413.",
            '"10MiB"',
            reach=reach.inside,
        ),
        _setting(
            "respond",
            values.status,
            "Answer with this status on purpose, to watch Lean try again.",
            "500",
            reach=reach.inside,
        ),
        _setting(
            "respond_delay",
            values.delay_s,
            "Seconds to wait before the answer, on purpose.",
            "1.5",
            attribute="respond_delay_s",
            reach=reach.inside,
        ),
        Setting(
            key="respond_rules",
            parse=respond_rules,
            attribute="respond_rules",
            reach=reach.inside,
            meaning="Answers on purpose for some captures; the first rule that matches holds.",
            structure="list of tables",
            example='respond_rules = [{ when = "type:payment", status = 500, delay = 1.5, first = 3 }]',
        ),
        Setting(
            key="forward",
            parse=routes,
            attribute="forward",
            reach=reach.targets,
            meaning="Where captures are sent on to, all or those that a filter matches on arrival.",
            structure="list of targets",
            example='forward = [":3000/hook", { to = ":3000/payments", when = "type:payment" }]',
        ),
        _setting(
            "retry",
            lambda value: values.one_of(value, *RETRIES),
            "When a target that answered otherwise, or not in time, is tried again: none, fast or lean.",
            '"none"',
            reach=reach.inside,
        ),
        _setting(
            "time_scale",
            values.factor,
            "What Lean's minutes are multiplied by in retry = lean.",
            "0.01",
            reach=reach.inside,
        ),
        _setting(
            "timeout",
            values.timeout_s,
            "Seconds that a target's answer is awaited.",
            "300",
            attribute="timeout_s",
            reach=reach.inside,
        ),
        _setting(
            "in_flight",
            _in_flight,
            "The most tries of one target at a time; 1 keeps the order.",
            "1",
            reach=reach.inside,
        ),
        _setting(
            "insecure",
            values.truth,
            "Do not check the certificates of targets.",
            "false",
            reach=reach.beyond_if_on,
        ),
        _file(
            "target_ca",
            "PEM file of the authorities that targets' certificates are checked against.",
            "ca.pem",
        ),
        _file(
            "target_cert",
            "PEM file of the certificate that is shown to targets which ask.",
            "my_app_cert.crt",
        ),
        _file("target_key", "PEM file of its private key, chmod 600.", "my_app_private_key.pem"),
        _setting(
            "target_server_name",
            values.host,
            "The name that targets' certificates must have, in place of the URL's host.",
            '"backend.internal"',
            reach=reach.beyond,
        ),
        _file("tls_cert", "PEM file of the certificate to serve HTTPS with, and its chain.", "fullchain.pem"),
        _file("tls_key", "PEM file of its private key, chmod 600.", "key.pem"),
        _file("tls_key_password_file", "File with the password of that key.", "key.password"),
        _setting(
            "dev_tls",
            values.truth,
            "HTTPS with certificates that the relay makes for itself.",
            "false",
            reach=reach.beyond_if_off,
        ),
        _file(
            "client_ca",
            "PEM file of the authorities that callers' certificates are checked against; no others are.",
            "lean_public_cert_chain.pem",
        ),
        _setting(
            "client_auth",
            lambda value: values.one_of(value, *CLIENT_AUTH),
            "Ask callers for a certificate: off, optional (request, record, do not reject) or required.",
            '"off"',
            reach=reach.beyond,
        ),
        _setting(
            "client_pin",
            values.pins,
            "What a caller's certificate has to have beside a good chain: subject, name or hash of its key.",
            '["subject:CN=webhooks.example.com", "san:webhooks.example.com"]',
            reach=reach.beyond,
            structure="list of pins",
        ),
        _setting(
            "allow_cross_site",
            values.truth,
            "Take posts that a browser sends from a web page.",
            "false",
            reach=reach.beyond_if_on,
        ),
        _setting("connections", _connections, "The most connections at a time.", "1024", reach=reach.inside),
        _setting(
            "senders",
            values.networks,
            "Addresses that webhooks should come from; others are marked.",
            '["203.0.113.7", "198.51.100.0/24"]',
            reach=reach.inside,
            structure="list of addresses",
        ),
        _setting(
            "mask_headers",
            values.header_names,
            "Headers to mask where they are shown, beside authorization, cookies and lean-app-token.",
            '["x-api-key"]',
            reach=reach.inside,
            structure="list of header names",
        ),
        _setting(
            "keep",
            values.keeping,
            'How long captures are kept; starred ones stay, and "forever" keeps all.',
            '"30d"',
            reach=reach.removal,
        ),
        _setting(
            "allow_network_fs",
            values.truth,
            "Keep the log on a network file system, where SQLite's log may be damaged.",
            "false",
            reach=reach.beyond_if_on,
        ),
        _setting(
            "keys",
            values.key_names,
            "Other keys for the screen, by the ids of the README; also as a table [keys] below all else.",
            '{ capture.star = "S", list.follow = "f,f2", quit = "q,ctrl+x" }',
            reach=reach.inside,
            structure="table of keys",
        ),
    )
}
"""Every setting but `app_token` and `secrets`, which are read by `relay.config.secrets`."""
