"""Which tests cover a module: those in the file of its name, those that import it, or those named here."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]

THROUGH: dict[str, str] = {
    "relay/config/test_loading.py": (
        "relay.config: declarations entries environment plain_json sources tables"
    ),
    "relay/config/test_project.py": "relay.config: reach",
    "relay/config/test_secrets.py": "relay.config: secret_sources secret_warnings",
    "relay/filters/test_filters.py": "relay.filters: bases content deliveries ids parser tls tree",
    "relay/text/test_decoding.py": "relay.text: encodings",
    "relay/tls/test_formats.py": "relay.tls: checks openssl_object",
    "relay/tls/test_handshake.py": "relay.tls: probe",
    "relay/control/test_server.py": "relay.control: address",
    "relay/store/read/test_reader.py": "relay.models: captures deliveries json_forms refusals states times",
    "relay/store/read/test_search.py": "relay.store.read: filter_sql shapes",
    "relay/store/read/test_journeys.py": "relay.store.read: attempts related",
    "relay/store/write/test_recorder.py": "relay.store: opening rows tables; relay.store.write: trouble",
    "relay/store/write/test_client.py": "relay.store.write: channel process replays shapes",
    "relay/store/write/test_deliveries.py": "relay.store.write: attempts",
    "relay/store/write/test_followed.py": "relay.store.write: insertion",
    "relay/store/write/test_guard.py": "relay.store.write: wal_index",
    "relay/engine/test_engine.py": (
        "relay.engine: interrupt reachability receiver refusals "
        "settings_in_force shape_worker status store_errors; "
        "relay.store.write: cleanup"
    ),
    "relay/engine/test_tunnels.py": "relay.engine: public_url",
    "relay/delivery/test_replay_run.py": "relay.delivery: replay_jobs replay_summary",
    "relay/delivery/http/test_sender_bad_backends.py": "relay.delivery.http: broken_head tls_errors",
    "relay/cli/test_target_tls.py": "relay.delivery.http: tls_contexts",
    "relay/rehearsal/test_backends.py": (
        "relay.rehearsal: conductor stored_samples; "
        "relay.rehearsal.checks: duplicates order outage retries types"
    ),
    "relay/receiver/test_receiver.py": (
        "relay.receiver: body_budget connections failures request response_rules responses web_pages"
    ),
    "relay/cli/test_doctor.py": "relay.checks: order",
    "relay/cli/test_export.py": ("relay.archive: outputs; relay.cli: import_; relay.store.read: bundles"),
    "relay/archive/test_reading.py": "relay.archive: imported ndjson",
    "relay/team/test_connect.py": "relay.team: errors",
    "relay/cli/test_output.py": "relay.cli: diff show",
    "relay/cli/test_kinds.py": "relay.cli: json_lines",
    "relay/cli/test_web.py": "relay.cli: browser",
    "relay/cli/test_tui.py": "relay.cli: join_options; relay.cli.listen: child lifeline",
    "relay/cli/listen/test_command.py": "relay.cli.listen: detach options shutdown",
    "relay/cli/replay/test_command.py": ("relay.cli.replay: follow options; relay.store.read: baselines"),
    "relay/cli/shapes/test_command.py": "relay.cli.shapes: contract_check sources",
    "relay/cli/trigger/test_command.py": "relay.cli.trigger: explain",
    "tui/bodies/test_viewers.py": "tui.bodies: document fields hexdump preparation",
    "tui/main/test_rehearsal.py": "tui.gateway: rehearsals",
    "tui/main/test_screen.py": (
        "tui: palette terminal_watch; "
        "tui.main: active_keys context panes saved_state services; "
        "tui.widgets: cursor_list exchange_page frame lines list_frame text"
    ),
    "tui/main/test_filter.py": "tui.widgets: filter_bar suggestions",
    "tui/main/test_detail.py": "tui.presenters: bodies; tui.widgets: detail",
    "tui/main/test_replay.py": (
        "tui.gateway: replays run_check; tui.presenters: preview; tui.widgets: replay_line"
    ),
    "tui/presenters/test_comparison.py": "tui.presenters: field_pair",
    "tui/screens/test_refusals.py": "tui.presenters: refusals",
    "tui/widgets/test_body_view.py": "tui.widgets: body_find body_place json_colours",
    "tui/widgets/test_keys_foot.py": "tui.keyboard: foot",
}
"""Test file -> the modules that it covers without importing them: `package: module ...; package: ...`."""


def modules() -> dict[str, Path]:
    """Each module of both packages, with its path below the root."""
    found = {}
    for top in ("relay", "tui"):
        for path in (ROOT / top).rglob("*.py"):
            if not path.name.startswith("__"):
                relative = path.relative_to(ROOT)
                found[".".join(relative.with_suffix("").parts)] = relative
    return found


def imported_by_tests() -> set[str]:
    """Every name that a test file imports, with and without the last part."""
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
    return names


def covered_through() -> dict[str, str]:
    """Module -> test file, of `THROUGH`."""
    found: dict[str, str] = {}
    for test, groups in THROUGH.items():
        for group in groups.split("; "):
            package, _, names = group.partition(": ")
            found |= {f"{package}.{name}": test for name in names.split()}
    return found


def test_every_module_has_tests_that_a_reader_finds() -> None:
    """A module has a test file of its name, is imported by one, or is named in `THROUGH`."""
    imported, through = imported_by_tests(), covered_through()
    lost = [
        module
        for module, path in modules().items()
        if not (ROOT / "tests" / path.parent / f"test_{path.name}").exists()
        and module not in imported
        and module not in through
    ]
    assert not lost, f"add a test file of its name, or name the one that covers it in THROUGH: {lost}"


def test_the_list_is_true() -> None:
    """Each test file and module of `THROUGH` exists, and no module is listed that a test file imports."""
    known, imported, through = modules(), imported_by_tests(), covered_through()
    assert [test for test in THROUGH if not (ROOT / "tests" / test).exists()] == []
    assert [module for module in through if module not in known] == []
    assert [module for module in through if module in imported] == []
