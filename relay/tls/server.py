"""Builds the server's TLS context from settings, and refuses certificates that would not work.

TLS 1.2 and 1.3, forward secrecy and AEAD only, no renegotiation, no compression. With client certificates
also no session resumption, because a resumed session is not verified again. Trusts only the named file of
authorities, never the system's.
"""

from __future__ import annotations

import os
import shlex
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from OpenSSL import SSL, crypto

from relay.config import Settings, default_certs
from relay.errors import RelayError, UsageError
from relay.tls import client_cert, describe, development_ca, pem
from relay.tls.certificate import Certificate, openssl_words
from relay.tls.client_auth import ClientAuth, HandshakeFindings
from relay.tls.handshake import PlainTls, ServerTls

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; all those of 1.3 qualify."""

ALPN = "http/1.1"

NO_AUTO_CHAIN = 0x8
"""OpenSSL's SSL_MODE_NO_AUTO_CHAIN: do not send the authorities of callers as part of the server's chain."""


def serving(settings: Settings, now: datetime | None = None) -> ServerTls | None:
    """Server TLS for these settings; None for plain HTTP.

    Raises:
        UsageError: settings contradict each other.
        RelayError: `tls-...`, a file cannot be used; says how to fix it.
    """
    now = now or datetime.now(UTC)
    _check_client_options(settings)
    if settings.dev_tls:
        settings = _with_development_certificates(settings, now)
    _check_combination(settings)
    if settings.tls_cert is None:
        return None
    password_file = settings.tls_key_password_file
    password = pem.password_of(password_file) if password_file is not None else None
    chain = pem.certificates(settings.tls_cert)
    key_file = settings.tls_key or settings.tls_cert
    key = pem.own_key(key_file, password)
    _check_server_pair(settings.tls_cert, chain, key_file, key, now)
    try:
        if settings.client_auth == "off":
            if settings.client_ca is not None:
                pem.authorities(settings.client_ca)
            return ServerTls(chain[0], _plain(chain, key, settings.tls_cert), None)
        assert settings.client_ca is not None
        trusted = pem.authorities(settings.client_ca)
        auth = ClientAuth(
            required=settings.client_auth == "required",
            trusts=settings.client_ca.name,
            authorities=trusted.certificates,
            left_out=tuple(f"{trusted.path}: {each}, and was left out" for each in trusted.problems),
            pins=settings.client_pin,
        )
        return ServerTls(chain[0], mutual_tls_context(chain, key, auth), auth)
    except (SSL.Error, crypto.Error) as error:
        raise RelayError(
            f"{settings.tls_cert}: OpenSSL does not accept it: {openssl_words(error)}", word="tls-unreadable"
        ) from error


def _with_development_certificates(settings: Settings, now: datetime) -> Settings:
    if settings.tls_cert is not None or settings.tls_key is not None:
        where = settings.sources.get("dev_tls", "dev_tls")
        raise UsageError(f"{where}: makes a certificate, but tls_cert names another; use only one of them")
    anywhere = settings.host in ("localhost", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
    made = development_ca.up_to_date(default_certs(), () if anywhere else (settings.host,), now)
    return replace(
        settings,
        tls_cert=made.files.server,
        tls_key=made.files.server_key,
        client_ca=settings.client_ca or made.files.ca,
    )


def _check_client_options(settings: Settings) -> None:
    where = settings.sources
    for key in ("client_ca", "client_pin"):
        # An explicit client_auth = "off" is meant for now, so the other settings may stay.
        if getattr(settings, key) and settings.client_auth == "off" and where["client_auth"] == "default":
            raise UsageError(
                f"{where.get(key, key)}: has no effect, because callers are not asked for a certificate; add "
                "--client-auth optional or required"
            )


def _check_combination(settings: Settings) -> None:
    where = settings.sources
    if settings.tls_cert is None:
        for key, value in (
            ("tls_key", settings.tls_key),
            ("tls_key_password_file", settings.tls_key_password_file),
        ):
            if value is not None:
                raise UsageError(f"{where.get(key, key)}: needs a certificate; name it with --tls-cert")
        if settings.client_auth != "off":
            raise UsageError(
                f"{where.get('client_auth', 'client_auth')}: callers can send a certificate only over HTTPS; "
                "name --tls-cert and --tls-key, or use --dev-tls"
            )
    elif settings.client_auth != "off" and settings.client_ca is None:
        raise UsageError(
            f"{where.get('client_auth', 'client_auth')}: no authorities are trusted; name a file of them "
            "with --client-ca, for example lean_public_cert_chain.pem from Lean's dashboard"
        )


def _check_server_pair(
    path: Path, chain: tuple[Certificate, ...], key_file: Path, key: PrivateKeyTypes, now: datetime
) -> None:
    leaf = chain[0]
    check = f"lean-relay certs check --cert {shlex.quote(str(path))} --key {shlex.quote(str(key_file))}"
    if not pem.key_matches(leaf, key):
        at = next((n for n, one in enumerate(chain, 1) if pem.key_matches(one, key)), None)
        if at is not None:
            raise RelayError(
                f"{path}: the certificate of the key is number {at} in the file but must be the first: "
                f"{check}",
                word="tls-chain",
            )
        raise RelayError(
            f"{path} is not the certificate of the private key in {key_file}; the pairs differ: {check}",
            word="tls-mismatch",
        )
    subject = leaf.subject
    if leaf.begins is None or leaf.ends is None:
        raise RelayError(
            f"{path}: {subject}: its dates cannot be read: {check}",
            word="tls-unreadable",
        )
    if leaf.ends < now:
        raise RelayError(
            f"{path}: {subject} expired on {describe.time(leaf.ends)}: renew it, then: lean-relay reload",
            word="tls-expired",
        )
    if leaf.begins > now:
        raise RelayError(
            f"{path}: {subject} is not valid before {describe.time(leaf.begins)}; "
            "is the clock right? date -u",
            word="tls-not-yet-valid",
        )
    if not describe.serves(leaf, "serverAuth"):
        only = ", ".join(describe.purposes(leaf) or ())
        raise RelayError(
            f"{path}: {subject} is only for {only}, and clients refuse a server without serverAuth: {check}",
            word="tls-purpose",
        )
    for number, (one, next_one) in enumerate(pairwise(chain), 1):
        if not next_one.is_issuer_of(one):
            raise RelayError(
                f"{path}: certificate {number + 1} ({next_one.subject}) did not sign "
                f"certificate {number} ({one.subject}), so clients cannot follow the chain; "
                f"the server's certificate comes first, then its issuer, then that one's issuer: {check}",
                word="tls-chain",
            )


def _plain(chain: tuple[Certificate, ...], key: PrivateKeyTypes, path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols([ALPN])
    client_cert.load(context, chain, key, path)
    context.sslobject_class = PlainTls
    context.sni_callback = _note_server_name
    return context


def _note_server_name(made: Any, name: str | None, _context: ssl.SSLContext) -> None:
    made.server_name = name


def mutual_tls_context(chain: tuple[Certificate, ...], key: PrivateKeyTypes, auth: ClientAuth) -> SSL.Context:
    """A pyOpenSSL context that asks callers for a certificate; its connections are those of `MutualTls`."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(
        SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_TICKET
    )
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(NO_AUTO_CHAIN)
    context.set_cipher_list(CIPHERS.encode())
    context.set_alpn_select_callback(_choose_protocol)
    with client_cert.as_file(chain) as path:  # from memory pyOpenSSL loads only what cryptography can parse
        context.use_certificate_chain_file(path)
    context.use_privatekey(key)  # type: ignore[arg-type]  # the types it does not take are not TLS keys
    context.check_privatekey()
    store = context.get_cert_store()
    assert store is not None
    # Trust every certificate of the file, even an intermediate one without its root.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for authority in auth.authorities:
        store.add_cert(authority.openssl)
    with client_cert.as_file(auth.authorities) as path:
        context.load_client_ca(os.fsencode(path))
    mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if auth.required else 0)
    context.set_verify(mode, _verified)
    return context


def _choose_protocol(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    wanted = ALPN.encode()
    return wanted if wanted in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _verified(connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int) -> bool:
    """Called by OpenSSL for each certificate of a caller, from the authority to the caller's own."""
    auth: ClientAuth
    found: HandshakeFindings
    auth, found = connection.get_app_data()
    found.add(certificate, code, depth, ok=bool(ok))
    return auth.may_continue(found, depth)
