"""`certs init`, `certs check` and `certs show`: development certificates, and others explained."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from relay.checks.findings import check_as_json
from relay.cli.context import FILE, Group, Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import apart
from relay.config import default_certs
from relay.errors import CheckFailed, NotFound, UsageError
from relay.text import tls_facts
from relay.text.safe import visible


@click.group("certs", cls=Group)
def certs_command() -> None:
    """Make development certificates; check and explain certificates, keys and chains."""


# -- init ------------------------------------------------------------------------------------------


@certs_command.command("init")
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--host", "names", multiple=True, metavar="NAME", help="Additional name or address.")
@shared_options
@click.pass_obj
def init(invocation: Invocation, folder: Path | None, names: tuple[str, ...]) -> None:
    """Create a development authority with a server and a client certificate, in FOLDER.

    Without FOLDER they are created where `listen --dev-tls` and `trigger` look for them. The certificates
    last 30 days; the same command renews them for the same names. The authority lasts a year, so it has to
    be trusted only once.
    """
    from relay.tls import development_ca

    try:
        made = development_ca.make(folder if folder is not None else default_certs(), names)
    except ValueError as error:
        raise UsageError(f"--host: {error}") from error
    if invocation.json:
        paths = {
            name: str(getattr(made.files, name))
            for name in ("ca", "ca_key", "server", "server_key", "client", "client_key")
        }
        line = {"kind": "certificates", **paths, "names": made.names, "new_authority": made.new_authority}
        print_json(line | {"not_after": made.ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
        return
    for text in init_lines(made, folder):
        click.echo(visible(text))


def init_lines(made: Any, named: Path | None = None) -> Iterator[str]:
    """Describe the files created, and how to trust them; `named` is the requested folder."""
    files = made.files
    yield f"server     {files.server}  for {', '.join(made.names)}"
    yield f"client     {files.client}"
    yield f"authority  {files.ca}  {'new: it has to be trusted again' if made.new_authority else 'as before'}"
    again = " ".join(map(shlex.quote, ("lean-relay", "certs", "init", *([str(named)] if named else []))))
    yield f"They end on {made.ends:%Y-%m-%d}; `{again}` renews them."
    yield ""
    yield "To trust the authority, for one program at a time:"
    ca = shlex.quote(str(files.ca))
    store = shlex.quote(str(files.folder / "trust.p12"))
    yield f"  curl    curl --cacert {ca} https://localhost:5326/"
    yield f"  Node    NODE_EXTRA_CA_CERTS={ca} node app.js"
    yield f"  Python  SSL_CERT_FILE={ca} python app.py        (requests: REQUESTS_CA_BUNDLE)"
    yield f"  Java    keytool -importcert -noprompt -alias lean-relay -file {ca} -keystore {store} \\"
    yield "            -storetype PKCS12 -storepass changeit"
    yield f"          java -Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit ..."


# -- check -----------------------------------------------------------------------------------------


@certs_command.command("check")
@click.option(
    "--cert", required=True, type=FILE, metavar="FILE", help="The certificate: PEM, DER or PKCS#12."
)
@click.option("--key", type=FILE, metavar="FILE", help="Its private key.")
@click.option("--chain", type=FILE, metavar="FILE", help="The certificates of its issuers, up to the root.")
@click.option("--password-file", type=FILE, metavar="FILE", help="The password of the key, or of PKCS#12.")
@shared_options
@click.pass_obj
def check(
    invocation: Invocation, cert: Path, key: Path | None, chain: Path | None, password_file: Path | None
) -> None:
    """Check certificate files before using them, such as those from Lean's dashboard:

    \b
    lean-relay certs check --cert my_app_cert.crt --key my_app_private_key.pem \\
        --chain lean_public_cert_chain.pem

    Checks that key and certificate match, that the chain is complete and in order, the permitted uses, and
    the expiry dates. One line each: ok, warning or fault, with the remedy. A fault makes the exit code 3.
    """
    from relay.tls import checks, pem

    password = pem.password_of(password_file) if password_file is not None else None
    faults = 0
    for remark in checks.check(cert, key, chain, password=password, now=datetime.now(UTC)):
        faults += remark.level == "fault"
        if invocation.json:
            print_json(check_as_json(remark.about, remark.level, remark.text, remark.mend))
            continue
        click.echo(visible(f"{remark.level:7}  {remark.about:8}  {remark.text}"))
        if remark.mend is not None:
            click.echo(visible(f"{'':17}  -> {remark.mend}"))
    if faults:
        raise CheckFailed(f"{faults} fault{'s' if faults > 1 else ''} found")


# -- show ------------------------------------------------------------------------------------------


@certs_command.command("show")
@click.argument("what", metavar="FILE|HOST:PORT|ID")
@click.option("--ca", type=FILE, metavar="FILE", help="Check a server against these authorities.")
@click.option("--server-name", metavar="NAME", help="The name to ask a server for.")
@click.option("--password-file", type=FILE, metavar="FILE", help="The password of a PKCS#12 file.")
@shared_options
@click.pass_obj
def show(
    invocation: Invocation, what: str, ca: Path | None, server_name: str | None, password_file: Path | None
) -> None:
    """Explain the certificates of a file, of a server, or of the caller of a capture.

    The lines `subject`, `names` and `pin` show possible values of client_pin. Ends with 3 where something
    does not hold: a certificate that has expired, a server that is not trusted, a caller that was asked for
    a certificate and showed no good one.
    """
    host, colon, port = what.rpartition(":")
    if Path(what).exists():
        apart("a file", "--ca", "--server-name")
        _show_file(Path(what), password_file, invocation)
    elif what.isdecimal():
        apart("a capture", "--ca", "--server-name", "--password-file")
        _show_capture(what, invocation)
    elif colon and host and port.isdecimal() and int(port) < 65536:
        apart("a server", "--password-file")
        _show_server(host.strip("[]"), int(port), server_name, ca, invocation)
    else:
        raise UsageError(f"{what!r} is not an existing file, a HOST:PORT or a capture id")


def _show_file(path: Path, password_file: Path | None, invocation: Invocation) -> None:
    from relay.tls import pem

    password = pem.password_of(password_file) if password_file is not None else None
    bundle = pem.read(path, password)
    if not bundle.certificates and not bundle.problems:
        mode = pem.others_can_read(path)
        safe = "yours alone" if mode is None else f"others can read it (mode {mode:04o})"
        raise NotFound(f"{path}: {bundle.form} with a private key, {safe}, and no certificate to show")
    if not invocation.json:
        keys = f", and {bundle.keys} private key{'' if bundle.keys == 1 else 's'}" if bundle.keys else ""
        count = len(bundle.certificates)
        click.echo(
            visible(f"{path}: {bundle.form} with {count} certificate{'' if count == 1 else 's'}{keys}")
        )
    for problem in bundle.problems:
        click.echo(visible(f"{path}: {problem}"), err=True)
    _show_all(bundle.certificates, invocation)
    if bundle.problems:
        raise CheckFailed(f"{path}: {bundle.problems[0]}")


def _show_server(host: str, port: int, name: str | None, ca: Path | None, invocation: Invocation) -> None:
    from relay.tls import probe

    shown = probe.probe(host, port, name=name, ca=ca)
    who = "these authorities" if ca is not None else "this machine's authorities"
    trusted = f"trusted by {who}" if shown.fault is None else f"not trusted by {who}: {shown.fault}"
    if invocation.json:
        line = {
            "kind": "server",
            "host": host,
            "port": port,
            "version": shown.version,
            "cipher": shown.cipher,
        }
        print_json(line | {"asks_for_certificate": shown.asks, "fault": shown.fault})
    else:
        asks = "; asks callers for a certificate" if shown.asks else ""
        click.echo(visible(f"{host} port {port}: {shown.version}, {shown.cipher}; {trusted}{asks}"))
    _show_all(shown.certificates, invocation)
    if shown.fault is not None:
        raise CheckFailed(f"{host} port {port} is {trusted}")


def _show_all(certificates: Any, invocation: Invocation) -> None:
    """Each certificate in words or JSON; ends with 3 where one does not hold now."""
    from relay.tls import checks, describe

    faults: list[str] = []
    for number, one in enumerate(certificates, 1):
        facts = describe.facts(one)
        remark = checks.dates(one, datetime.now(UTC))
        if remark.level == "fault":
            faults.append(remark.text)
        if invocation.json:
            print_json({"kind": "certificate", "number": number, **facts})
            continue
        click.echo(f"\ncertificate {number}")
        _print(tls_facts.certificate_rows(facts))
        if remark.level != "ok":
            click.echo(visible(f"  {remark.level}: {remark.text}"))
    if faults:
        raise CheckFailed(faults[0])


def _show_capture(number: str, invocation: Invocation) -> None:
    from relay.cli.output import one_capture
    from relay.store.read.reader import Reader

    with Reader(invocation.settings().db) as reader:
        capture = one_capture(reader, number)
    if capture.tls is None:
        raise NotFound(f"capture {number} arrived over plain HTTP, or through a tunnel that terminated TLS")
    if invocation.json:
        print_json({"kind": "tls", "capture": capture.id, **capture.tls})
    else:
        click.echo(f"capture {number}")
        _print(tls_facts.rows(capture.tls))
    if capture.tls.get("verdict") not in ("trusted", "not-asked"):
        raise CheckFailed(f"the caller of capture {number} is not authenticated")


def _print(rows: Iterator[tls_facts.Row]) -> None:
    for name, value in rows:
        click.echo(f"  {name:10} {value}".rstrip())
