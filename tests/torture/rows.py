"""Other tests that `make torture` runs, and the order."""

from __future__ import annotations

ALSO: dict[str, tuple[str, ...]] = {
    "malformed HTTP, by hand and generated": (
        "tests/system/test_hostile.py",
        "tests/relay/receiver/test_malformed.py",
        "tests/relay/receiver/test_framing.py",
    ),
    "other programs killed": (
        "tests/system/test_replay_kill.py",
        "tests/system/test_import_kill.py",
        "tests/system/test_backfill_kill.py",
        "tests/system/test_tunnel_kill.py",
        "tests/system/test_team_kill.py",
    ),
    "bad backends": (
        "tests/relay/delivery/http/test_sender_bad_backends.py",
        "tests/relay/delivery/test_target_queue_bad_backends.py",
    ),
    "forward, byte for byte": (
        "tests/relay/delivery/http/test_request.py",
        "tests/relay/delivery/http/test_sender.py",
        "tests/relay/delivery/http/test_sender_nginx.py",
    ),
    "signatures": ("tests/relay/lean/test_signature.py", "tests/relay/lean/test_signature_forms.py"),
    "certificates and TLS versions": ("tests/relay/tls/test_matrix.py", "tests/relay/tls/test_odd.py"),
    "secrets and private files": ("tests/relay/config/test_secrets.py", "tests/relay/test_private_files.py"),
    "start and refusals to start": ("tests/system/test_startup.py", "tests/relay/store/test_schema.py"),
    "shutdown": ("tests/system/test_shutdown.py",),
    "imports and locked versions": ("tests/test_imports.py", "tests/test_lock.py"),
}
"""Rows made of tests that `make check` runs too: name -> their files."""

LONGEST_FIRST = (
    *("test_every_way_to_harm_the_database", "test_screen", "test_kills_under_load", "test_patroni"),
    *("test_killed_at_each_system_call", "test_keys_at_random", "test_io_errors", "test_kills_over_tls"),
    *("test_kills_while_forwarding", "test_kills_before_a_bad_backend", "test_starts_on_corrupt_files"),
    *("test_model", "test_power_cuts", "test_siege_over_tls", "test_pydantic"),
)
"""Tests that begin first, so that no processor is idle at the end."""
